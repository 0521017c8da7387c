"""A vertical timeline of the methods' papers as SVG text. Knows no page and no language."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from adapters.base import Method
from playground.charts.svg import format_length, svg_image, svg_text

WIDTH, MONTH, ROW, AXIS = 300, 6, 22, 48  # a month's height, the least between two labels, x of the axis


def draw_timeline(methods: Iterable[Method[Any]], title: str = "") -> str:
    """The methods in the order of their papers, downwards, with a dot at each paper's month.

    A baseline has no dot, as it is older than all of them; nothing is drawn where no method is left.
    """
    shown = sorted((each for each in methods if not each.baseline), key=lambda each: each.paper.arxiv)
    if not shown:
        return ""
    begin, end = 12 * shown[0].paper.year, 12 * shown[-1].paper.year + shown[-1].paper.month
    dots = [ROW / 2 + MONTH * (12 * each.paper.year + each.paper.month - 1 - begin) for each in shown]
    labels = _spread_labels(dots)
    rows = [_draw_paper(each, dot, label) for each, dot, label in zip(shown, dots, labels, strict=True)]
    height = max(labels[-1], ROW / 2 + MONTH * (end - begin)) + ROW / 2
    axis = f'<path class="axis" d="M{AXIS} 0V{format_length(height)}"/>{_draw_years(begin, end)}'
    description = "; ".join(f"{_month(each)}: {each.label}" for each in shown)
    return svg_image("timeline", WIDTH, height, title, description, axis + "".join(rows))


def _spread_labels(dots: Sequence[float]) -> list[float]:
    """A y for each label: its dot's own, or lower where the label above needs the room."""
    labels: list[float] = []
    for dot in dots:
        labels.append(max(dot, labels[-1] + ROW) if labels else dot)
    return labels


def _draw_paper(method: Method[Any], dot: float, label: float) -> str:
    leader = f'<path class="leader" d="M{AXIS} {format_length(dot)}L{AXIS + 22} {format_length(label)}"/>'
    point = f'<circle class="dot" cx="{AXIS}" cy="{format_length(dot)}" r="4"/>'
    words = f'<tspan class="name">{escape(method.label)}</tspan> <tspan class="when">{_month(method)}</tspan>'
    return f'{leader}{point}<text x="{AXIS + 27}" y="{format_length(label + 4)}">{words}</text>'


def _draw_years(begin: int, end: int) -> str:
    """A tick and a number for every January; months are counted from year 0."""
    marks = []
    for month in range(begin, end + 1, 12):
        y = ROW / 2 + MONTH * (month - begin)
        marks.append(f'<path class="axis" d="M{AXIS - 5} {format_length(y)}h5"/>')
        marks.append(svg_text(AXIS - 9, y + 4, str(month // 12), "year"))
    return "".join(marks)


def _month(method: Method[Any]) -> str:
    return f"{method.paper.year}-{method.paper.month:02}"
