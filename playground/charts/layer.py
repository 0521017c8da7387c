"""An adapted layer as SVG text: every matrix to scale, trained, frozen or shared, and the key of these marks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from adapters.base import Method, Options, Part, Role
from playground.charts.svg import format_length, svg_image, svg_rect

Translate = Callable[[str], str]  # a role in the reader's language

ROLES: tuple[Role, ...] = ("learns", "frozen", "shared")
FULL_BITS = 32
WIDTH, SIDE, THINNEST = 240, 64, 5  # of a drawing, of its longest matrix, of a vector
GAP, LABEL, HATCH = 8, 13, 5
LABEL_WIDTH = 78  # of a label below its box, at most
SNOW = "\u2744\ufe0e "  # the second character asks for a glyph in the text's colour


@dataclass(frozen=True)
class _Box:
    part: Part
    x: float
    y: float
    width: float
    height: float

    @property
    def label_beside(self) -> bool:
        """Whether the label stands beside the box, turned, and not below it."""
        return self.part.rows > self.part.columns


def draw_layer(method: Method[Any], inputs: int, outputs: int, options: Options, translate: Translate = str) -> str:
    """One adapted layer of (outputs, inputs): every part to scale with its name, size and role."""
    parts = method.parts(inputs, outputs, options)
    boxes = _arrange(parts)
    right = max(box.x + (box.width + LABEL if box.label_beside else max(box.width, LABEL_WIDTH)) for box in boxes)
    bottom = max(box.y + box.height + (0 if box.label_beside else LABEL) for box in boxes)
    description = "; ".join(f"{part.name} {_size(part)}{_bits(part)}: {translate(part.role)}" for part in parts)
    body = f'<g transform="translate(1 1)">{"".join(_draw_box(box) for box in boxes)}</g>'
    return svg_image("layer", max(WIDTH, right) + 2, bottom + 4, method.label, description, body)


def draw_legend(translate: Translate = str) -> str:
    """The key of the marks in `draw_layer`, as an HTML list that wraps."""
    items = "".join(f"<li>{_swatch(role)} {escape(translate(role))}</li>" for role in ROLES)
    return f'<ul class="legend">{items}</ul>'


def _arrange(parts: Sequence[Part]) -> list[_Box]:
    """The layer's own weight, then tall parts beside it in the order of the product, and flat ones in a stack."""
    scale = SIDE / max(max(part.rows, part.columns) for part in parts)
    weight, *rest = [_Box(part, 0, 0, *_scale(part, scale)) for part in parts]
    boxes, x = [weight], weight.width + (LABEL if weight.label_beside else 0) + GAP
    for box in reversed(rest):
        if box.label_beside:
            boxes.append(_Box(box.part, x, 0, box.width, box.height))
            x += box.width + LABEL + GAP
    y = 0.0
    for box in rest:
        if not box.label_beside:
            boxes.append(_Box(box.part, x, y, box.width, box.height))
            y += box.height + LABEL + GAP
    return boxes


def _scale(part: Part, scale: float) -> tuple[float, float]:
    """Width and height in the drawing."""
    return max(THINNEST, part.columns * scale), max(THINNEST, part.rows * scale)


def _draw_box(box: _Box) -> str:
    bits = ""
    if box.part.bits < FULL_BITS:
        middle = f'x="{format_length(box.x + box.width / 2)}" y="{format_length(box.y + box.height / 2 + 4)}"'
        bits = f'<text class="bits" {middle}>{_bits(box.part).strip(" ,")}</text>'
    return _rectangle(box.part.role, box.x, box.y, box.width, box.height) + bits + _label(box)


def _rectangle(role: Role, x: float, y: float, width: float, height: float) -> str:
    hatch = f'<path class="hatch" d="{_hatch(x, y, width, height)}"/>' if role == "frozen" else ""
    return svg_rect(f"part {role}", x, y, width, height) + hatch


def _hatch(x: float, y: float, width: float, height: float) -> str:
    """Slanted lines that end at the sides of the rectangle."""
    lines = []
    for at in range(HATCH, int(width + height), HATCH):
        left, top = max(0.0, at - height), max(0.0, at - width)
        start = f"M{format_length(x + left)} {format_length(y + at - left)}"
        lines.append(f"{start}L{format_length(x + at - top)} {format_length(y + top)}")
    return "".join(lines)


def _label(box: _Box) -> str:
    snow = SNOW if box.part.role == "frozen" else ""
    words = f'{snow}<tspan class="name">{escape(box.part.name)}</tspan> {_size(box.part)}'
    if box.label_beside:
        x, y = format_length(box.x + box.width + 3), format_length(box.y)
        return f'<text x="{x}" y="{y}" transform="rotate(90 {x} {y})">{words}</text>'
    return f'<text x="{format_length(box.x)}" y="{format_length(box.y + box.height + LABEL - 2)}">{words}</text>'


def _swatch(role: Role) -> str:
    snow = f'<text x="22" y="11">{SNOW}</text>' if role == "frozen" else ""
    width = 34 if snow else 20
    return f'<svg width="{width}" height="14" aria-hidden="true">{_rectangle(role, 1, 1, 18, 12)}{snow}</svg>'


def _size(part: Part) -> str:
    return f"{part.rows} × {part.columns}"


def _bits(part: Part) -> str:
    return f", {round(part.bits)} bit" if part.bits < FULL_BITS else ""
