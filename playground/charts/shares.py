"""Shares of a whole as one SVG picture: a stacked bar per row and a legend with the figures. Knows no page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playground.charts.svg import svg_image, svg_rect, svg_text

WIDTH, THICKNESS = 340, 18
ROW, KEY_ROW, KEY_SIDE = 44, 20, 12
COLUMN = 62  # of one row's figures in the legend
LEAST_FOR_TEXT = 30  # a narrower part has no room for its figure


@dataclass(frozen=True)
class SharesRow:
    """One bar: its label, the short name of its column in the legend, and the amount of each part."""

    label: str
    column: str
    amounts: Mapping[str, int]


def draw_shares(title: str, rows: Sequence[SharesRow], names: Mapping[str, str]) -> str:
    """A picture of the rows' shares; `names` gives the parts their words and order, and so their colours.

    A part keeps its colour where others are missing. Parts and rows that have nothing are left out.
    """
    shown = [row for row in rows if sum(row.amounts.values())]
    used = [part for part in names if any(row.amounts.get(part) for row in shown)]
    colour = {part: f"stack{place}" for place, part in enumerate(names)}
    body = "".join(_bar(row, used, colour, ROW * place) for place, row in enumerate(shown))
    top = ROW * len(shown) + 12
    body += "".join(
        svg_text(_column_x(place, len(shown)), top, row.column, "when figure") for place, row in enumerate(shown)
    )
    body += "".join(
        _legend_row(names[part], part, colour[part], shown, top + 8 + KEY_ROW * place)
        for place, part in enumerate(used)
    )
    description = "; ".join(
        f"{row.label}: {', '.join(f'{names[part]} {_percent(row, part)} %' for part in used)}" for row in shown
    )
    return svg_image("shares mix", WIDTH, top + 10 + KEY_ROW * len(used), title, description, body)


def _percent(row: SharesRow, part: str) -> int:
    return round(100 * row.amounts.get(part, 0) / sum(row.amounts.values()))


def _bar(row: SharesRow, used: Sequence[str], colour: Mapping[str, str], y: float) -> str:
    pieces, x, whole = [svg_text(0, y + 13, row.label)], 0.0, sum(row.amounts.values())
    for part in used:
        width = WIDTH * row.amounts.get(part, 0) / whole
        if width:
            pieces.append(svg_rect(colour[part], x, y + 19, width, THICKNESS))
        if width >= LEAST_FOR_TEXT:
            pieces.append(svg_text(x + width / 2, y + 32, f"{_percent(row, part)} %", "count"))
        x += width
    return "".join(pieces)


def _legend_row(name: str, part: str, colour: str, rows: Sequence[SharesRow], y: float) -> str:
    figures = [
        svg_text(_column_x(place, len(rows)), y + 11, f"{_percent(row, part)} %", "figure")
        for place, row in enumerate(rows)
    ]
    return svg_rect(colour, 0, y, KEY_SIDE, KEY_SIDE) + svg_text(KEY_SIDE + 6, y + 11, name) + "".join(figures)


def _column_x(place: int, columns: int) -> float:
    """The right edge of a column of figures; the last one ends with the picture."""
    return WIDTH - COLUMN * (columns - 1 - place)
