"""A line chart as SVG text: points on two named axes, some of them labelled. Knows no page and no language."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from playground.charts.svg import format_length, svg_image, svg_text

WIDTH, HEIGHT = 340, 190
LEFT, RIGHT, TOP, BOTTOM = 14, 112, 26, 24  # margins around the field; labels stand at the right of their points
CHOSEN, OTHER = 6, 4  # radius


@dataclass(frozen=True)
class ChartPoint:
    """A point of the line with its name and its figures in words.

    Without figures the name stands at the left, above the line; without a name the point has no mark of its own.
    """

    x: float
    y: float
    name: str = ""
    figures: str = ""
    chosen: bool = False


def draw_line(title: str, points: Sequence[ChartPoint], x_label: str, y_label: str) -> str:
    """A line through the points in order, scaled to fill the field; nothing for less than two points.

    Every coordinate must be finite.
    """
    if len(points) < 2:
        return ""
    places = _scale(points)
    line = "L".join(f"{format_length(x)} {format_length(y)}" for x, y in places)
    axes = f'<path class="axis" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 6}"/><path class="leader" d="M{line}"/>'
    labels = svg_text(LEFT, 14, f"{y_label} ↑", "when") + svg_text(WIDTH - 6, HEIGHT - 7, f"{x_label} →", "when figure")
    marks = "".join(_mark(point, *place) for point, place in zip(points, places, strict=True) if point.name)
    description = "; ".join(f"{each.name}: {each.figures}" + " ✓" * each.chosen for each in points if each.figures)
    return svg_image("curve", WIDTH, HEIGHT, title, description, axes + labels + marks)


def _scale(points: Sequence[ChartPoint]) -> list[tuple[float, float]]:
    """The points in the picture's coordinates, with a little room below the lowest."""
    xs, ys = [each.x for each in points], [each.y for each in points]
    width, height = WIDTH - LEFT - RIGHT - 10, HEIGHT - TOP - BOTTOM - 24
    per_x, per_y = width / (max(xs) - min(xs) or 1), height / (max(ys) - min(ys) or 1)
    return [(LEFT + 10 + per_x * (each.x - min(xs)), TOP + 12 + per_y * (max(ys) - each.y)) for each in points]


def _mark(point: ChartPoint, x: float, y: float) -> str:
    kind, radius = ("dot chosen", CHOSEN) if point.chosen else ("dot other", OTHER)
    dot = f'<circle class="{kind}" cx="{format_length(x)}" cy="{format_length(y)}" r="{radius}"/>'
    name = f'<tspan class="name">{escape(point.name)}</tspan>'
    if not point.figures:
        return f'{dot}<text x="{format_length(x - 10)}" y="{format_length(y - 4)}" text-anchor="end">{name}</text>'
    return f'{dot}<text x="{format_length(x + 10)}" y="{format_length(y + 4)}">{name} {escape(point.figures)}</text>'
