"""Drawings as SVG text: an adapted layer, the marks of its parts, bars, a timeline. Knows no page and no language."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from adapters.base import Method, Options, Part, Role

Word = Callable[[str], str]  # a role in the reader's language

ROLES: tuple[Role, ...] = ("learns", "frozen", "shared")
FULL_BITS = 32
WIDTH, SIDE, THINNEST = 240, 64, 5  # of a drawing, of its longest matrix, of a vector
GAP, LABEL, HATCH = 8, 13, 5
MONTH, ROW, AXIS = 6, 22, 48  # a month's height, the least between two labels, where the line of years stands
BAR_ROW = 30
SNOW = "\u2744\ufe0e "  # the second character asks for a glyph in the text's colour


@dataclass(frozen=True)
class Bar:
    """A figure and how far its bar reaches, 0 to 1."""

    label: str
    figure: str
    reach: float


@dataclass(frozen=True)
class _Box:
    part: Part
    x: float
    y: float
    width: float
    height: float

    @property
    def upright(self) -> bool:
        """Whether its label stands beside it, turned, and not below."""
        return self.part.rows > self.part.columns


def draw_layer(method: Method[Any], inputs: int, outputs: int, options: Options, word: Word = str) -> str:
    """One adapted layer: every part to scale, marked by what training does with it, with its name and size."""
    parts = method.parts(inputs, outputs, options)
    boxes = _placed(parts)
    right = max(box.x + box.width + (LABEL if box.upright else 0) for box in boxes)
    height = max(box.y + box.height + (0 if box.upright else LABEL) for box in boxes)
    told = "; ".join(f"{part.name} {_size(part)}{_bits(part)}: {word(part.role)}" for part in parts)
    shapes = "".join(_shape(box) for box in boxes)
    whole = f'<g transform="translate(1 1)">{shapes}</g>'
    return as_svg("layer", max(WIDTH, right) + 2, height + 4, method.label, told, whole)


def draw_legend(word: Word = str) -> str:
    """What the marks of `draw_layer` mean, as a list that wraps."""
    return f'<ul class="legend">{"".join(f"<li>{_swatch(role)} {escape(word(role))}</li>" for role in ROLES)}</ul>'


def draw_bars(title: str, bars: Sequence[Bar]) -> str:
    """One bar below the other, each with its figure in words."""
    told = "; ".join(f"{bar.label}: {bar.figure}" for bar in bars)
    rows = "".join(_bar(bar, BAR_ROW * row) for row, bar in enumerate(bars))
    return as_svg("bars", WIDTH, BAR_ROW * len(bars), title, told, rows)


def draw_timeline(methods: Iterable[Method[Any]], title: str = "") -> str:
    """When each method was published, downwards, a dot where its month is; a baseline is older than them all."""
    shown = sorted((each for each in methods if not each.baseline), key=lambda each: each.paper.arxiv)
    if not shown:
        return ""
    begin, end = 12 * shown[0].paper.year, 12 * shown[-1].paper.year + shown[-1].paper.month
    dots = [ROW / 2 + MONTH * (12 * each.paper.year + each.paper.month - 1 - begin) for each in shown]
    labels = _spread(dots)
    rows = [_event(each, dot, label) for each, dot, label in zip(shown, dots, labels, strict=True)]
    height = max(labels[-1], ROW / 2 + MONTH * (end - begin)) + ROW / 2
    line = f'<path class="axis" d="M{AXIS} 0V{shortest(height)}"/>{_years(begin, end)}'
    told = "; ".join(f"{_month(each)}: {each.label}" for each in shown)
    return as_svg("timeline", 300, height, title, told, line + "".join(rows))


def _placed(parts: Sequence[Part]) -> list[_Box]:
    """The layer's own weight, beside it what stands upright in the order of the rule, the rest stacked at the right."""
    scale = SIDE / max(max(part.rows, part.columns) for part in parts)
    weight, *rest = [_Box(part, 0, 0, *_sides(part, scale)) for part in parts]
    boxes, x = [weight], weight.width + (LABEL if weight.upright else 0) + GAP
    for box in reversed(rest):
        if box.upright:
            boxes.append(_Box(box.part, x, 0, box.width, box.height))
            x += box.width + LABEL + GAP
    y = 0.0
    for box in rest:
        if not box.upright:
            boxes.append(_Box(box.part, x, y, box.width, box.height))
            y += box.height + LABEL + GAP
    return boxes


def _sides(part: Part, scale: float) -> tuple[float, float]:
    return max(THINNEST, part.columns * scale), max(THINNEST, part.rows * scale)


def _shape(box: _Box) -> str:
    inside = ""
    if box.part.bits < FULL_BITS:
        middle = f'x="{shortest(box.x + box.width / 2)}" y="{shortest(box.y + box.height / 2 + 4)}"'
        inside = f'<text class="bits" {middle}>{_bits(box.part).strip(" ,")}</text>'
    return _rectangle(box.part.role, box.x, box.y, box.width, box.height) + inside + _label(box)


def _rectangle(role: Role, x: float, y: float, width: float, height: float) -> str:
    corners = f'x="{shortest(x)}" y="{shortest(y)}" width="{shortest(width)}" height="{shortest(height)}"'
    hatch = f'<path class="hatch" d="{_hatch(x, y, width, height)}"/>' if role == "frozen" else ""
    return f'<rect class="part {role}" {corners}/>{hatch}'


def _hatch(x: float, y: float, width: float, height: float) -> str:
    """Slanted lines cut off at the sides of a rectangle."""
    lines = []
    for at in range(HATCH, int(width + height), HATCH):
        left, top = max(0.0, at - height), max(0.0, at - width)
        lines.append(f"M{shortest(x + left)} {shortest(y + at - left)}L{shortest(x + at - top)} {shortest(y + top)}")
    return "".join(lines)


def _label(box: _Box) -> str:
    name = f'<tspan class="name">{escape(box.part.name)}</tspan>'
    mark = SNOW if box.part.role == "frozen" else ""
    words = f"{mark}{name} {_size(box.part)}"
    if box.upright:
        x, y = shortest(box.x + box.width + 3), shortest(box.y)
        return f'<text x="{x}" y="{y}" transform="rotate(90 {x} {y})">{words}</text>'
    return f'<text x="{shortest(box.x)}" y="{shortest(box.y + box.height + LABEL - 2)}">{words}</text>'


def _swatch(role: Role) -> str:
    mark = f'<text x="22" y="11">{SNOW}</text>' if role == "frozen" else ""
    width = 34 if mark else 20
    return f'<svg width="{width}" height="14" aria-hidden="true">{_rectangle(role, 1, 1, 18, 12)}{mark}</svg>'


def _bar(bar: Bar, y: float) -> str:
    words = f'<text x="0" y="{y + 12}">{escape(bar.label)}</text>'
    figure = f'<text class="figure" x="{WIDTH}" y="{y + 12}">{escape(bar.figure)}</text>'
    reach = shortest(max(2.0, WIDTH * min(1.0, bar.reach)))
    sides = f'x="0" y="{y + 17}" height="6" rx="2"'
    return f'{words}{figure}<rect class="track" {sides} width="{WIDTH}"/><rect class="reach" {sides} width="{reach}"/>'


def _spread(dots: Sequence[float]) -> list[float]:
    """Where the labels stand: beside their dots, or lower where the one above needs the place."""
    labels: list[float] = []
    for dot in dots:
        labels.append(max(dot, labels[-1] + ROW) if labels else dot)
    return labels


def _event(method: Method[Any], dot: float, label: float) -> str:
    leader = f'<path class="leader" d="M{AXIS} {shortest(dot)}L{AXIS + 22} {shortest(label)}"/>'
    point = f'<circle class="dot" cx="{AXIS}" cy="{shortest(dot)}" r="4"/>'
    words = f'<tspan class="name">{escape(method.label)}</tspan> <tspan class="when">{_month(method)}</tspan>'
    return f'{leader}{point}<text x="{AXIS + 27}" y="{shortest(label + 4)}">{words}</text>'


def _years(begin: int, end: int) -> str:
    """A tick and a number for every January of the months counted from year 0."""
    marks = []
    for month in range(begin, end + 1, 12):
        y = ROW / 2 + MONTH * (month - begin)
        marks.append(f'<path class="axis" d="M{AXIS - 5} {shortest(y)}h5"/>')
        marks.append(f'<text class="year" x="{AXIS - 9}" y="{shortest(y + 4)}">{month // 12}</text>')
    return "".join(marks)


def _month(method: Method[Any]) -> str:
    return f"{method.paper.year}-{method.paper.month:02}"


def _size(part: Part) -> str:
    return f"{part.rows} × {part.columns}"


def _bits(part: Part) -> str:
    return f", {round(part.bits)} bit" if part.bits < FULL_BITS else ""


def as_svg(kind: str, width: float, height: float, title: str, told: str, inside: str) -> str:
    """A picture that a screen reader names by its title and tells by its description."""
    head = f'<svg class="drawing {kind}" role="img" viewBox="0 0 {shortest(width)} {shortest(height)}">'
    return f"{head}<title>{escape(title)}</title><desc>{escape(told)}</desc>{inside}</svg>"


def shortest(number: float) -> str:
    """A length with at most one decimal."""
    return f"{round(number, 1):g}"
