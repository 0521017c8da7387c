"""A small curve as SVG text: named points on two axes, one of them marked. Knows no page and no language."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from playground.charts.svg import as_svg, shortest

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 14, 96, 26, 24  # around the field; labels stand at the right of their points
CHOSEN, OTHER = 6, 4  # radius


@dataclass(frozen=True)
class ChartPoint:
    """Where it lies, its name and its figures in words (none: it is only a place on the line)."""

    x: float
    y: float
    name: str
    figures: str
    chosen: bool


def draw_curve(title: str, points: Sequence[ChartPoint], across: str, upwards: str) -> str:
    """The points in order along a line; `across` and `upwards` name the axes."""
    places = _places(points)
    line = "L".join(f"{shortest(x)} {shortest(y)}" for x, y in places)
    axes = f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 6}"/><path class="leader" d="M{line}"/>'
    words = f'<text class="when" x="{LEFT}" y="14">{escape(upwards)} ↑</text>'
    words += f'<text class="when figure" x="{WIDTH - 6}" y="{HEIGHT - 7}">{escape(across)} →</text>'
    drawn = "".join(_drawn(point, *place) for point, place in zip(points, places, strict=True))
    told = "; ".join(f"{each.name}: {each.figures}" + " ✓" * each.chosen for each in points if each.figures)
    return as_svg("curve", WIDTH, HEIGHT, title, told, axes + words + drawn)


def _places(points: Sequence[ChartPoint]) -> list[tuple[float, float]]:
    """Stretched over the field, with a little room below the lowest."""
    xs, ys = [each.x for each in points], [each.y for each in points]
    wide, high = WIDTH - LEFT - RIGHT - 10, HEIGHT - TOP - BOTTOM - 24
    across, up = wide / (max(xs) - min(xs) or 1), high / (max(ys) - min(ys) or 1)
    return [(LEFT + 10 + across * (each.x - min(xs)), TOP + 12 + up * (max(ys) - each.y)) for each in points]


def _drawn(point: ChartPoint, x: float, y: float) -> str:
    kind, radius = ("dot chosen", CHOSEN) if point.chosen else ("dot other", OTHER)
    dot = f'<circle class="{kind}" cx="{shortest(x)}" cy="{shortest(y)}" r="{radius}"/>'
    name = f'<tspan class="name">{escape(point.name)}</tspan>'
    words = f"{name} {escape(point.figures)}" if point.figures else name
    beside = f'x="{shortest(x + 10)}" y="{shortest(y + 4)}"'
    if not point.figures:
        beside = f'x="{shortest(x - 10)}" y="{shortest(y - 4)}" text-anchor="end"'
    return f"{dot}<text {beside}>{words}</text>"
