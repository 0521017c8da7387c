"""Bar charts as SVG text: plain bars, shares with their intervals, and shares of a whole. Each fits a phone's width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from playground.charts.svg import format_length, svg_image, svg_rect, svg_text

PLAIN_WIDTH, PLAIN_ROW = 240, 30
WIDTH, HEAD, ROW, THICKNESS = 340, 22, 36, 10
LETTER, BOLD, GAP = 6.6, 7.6, 8  # widths: of a letter of a label and of a figure, and between the two
KEY_ROW, KEY_SIDE = 18, 12  # of the key below stacked bars
COLOURS = 8  # that the style sheet has for the parts of stacked bars
LEAST_FOR_TEXT = 14  # a narrower part has no room for its number


@dataclass(frozen=True)
class Bar:
    """A figure and the length of its bar, 0 to 1."""

    label: str
    figure: str
    reach: float


@dataclass(frozen=True)
class IntervalBar:
    """A share in 0…1 with its interval; `role` is the CSS class of its colour, `group` a heading above it."""

    label: str
    figure: str
    role: str
    value: float
    low: float
    high: float
    group: str = ""


def draw_bars(title: str, bars: Sequence[Bar]) -> str:
    """One bar below the other, each with its figure in words."""
    description = "; ".join(f"{bar.label}: {bar.figure}" for bar in bars)
    rows = "".join(_plain_bar(bar, PLAIN_ROW * row) for row, bar in enumerate(bars))
    return svg_image("bars", PLAIN_WIDTH, PLAIN_ROW * len(bars), title, description, rows)


def draw_interval_bars(title: str, bars: Sequence[IntervalBar], chance: float | None = None) -> str:
    """A heading, then one bar below the other with its name above it.

    A dashed line marks `chance`, the share that guessing would reach.
    """
    parts, y, width = list[str](), 0.0, max([WIDTH, *map(_words_width, bars)])
    for bar in bars:
        if bar.group:
            parts.append(svg_text(0, y + 15, bar.group, "name"))
            y += HEAD
        parts.append(_interval_bar(bar, y, width))
        if chance is not None:
            x, top = format_length(width * chance), format_length(y + 15)
            parts.append(f'<path class="chance" d="M{x} {top}v{THICKNESS + 6}"/>')
        y += ROW
    description = "; ".join(f"{' '.join(filter(None, [each.group, each.label]))}: {each.figure}" for each in bars)
    return _heading(title) + svg_image("shares", width, y, title, description, "".join(parts))


def draw_stacked_bars(title: str, rows: Mapping[str, Mapping[str, int]], names: Mapping[str, str]) -> str:
    """A heading, one full-width bar per row, cut into its parts, and a key of the parts.

    `rows` counts each part by the row's label; `names` gives the parts their words and their order. Rows and parts
    that count nothing are left out.
    """
    shown = {label: counts for label, counts in rows.items() if sum(counts.values()) > 0}
    used = [part for part in names if any(counts.get(part) for counts in shown.values())]
    body = "".join(_stacked_bar(label, counts, used, ROW * row) for row, (label, counts) in enumerate(shown.items()))
    top = ROW * len(shown) + 6
    body += "".join(_key(names[part], place, top + KEY_ROW * place) for place, part in enumerate(used))
    description = "; ".join(
        f"{label}: {', '.join(f'{names[part]} {counts[part]}' for part in used if counts.get(part))}"
        for label, counts in shown.items()
    )
    return _heading(title) + svg_image("shares", WIDTH, top + KEY_ROW * len(used), title, description, body)


def _heading(title: str) -> str:
    return f"<h4>{escape(title)}</h4>"


def _plain_bar(bar: Bar, y: float) -> str:
    words = svg_text(0, y + 12, bar.label) + svg_text(PLAIN_WIDTH, y + 12, bar.figure, "figure")
    reach = format_length(max(2.0, PLAIN_WIDTH * min(1.0, bar.reach)))
    sides = f'x="0" y="{format_length(y + 17)}" height="6" rx="2"'
    track = f'<rect class="track" {sides} width="{PLAIN_WIDTH}"/>'
    return f'{words}{track}<rect class="reach" {sides} width="{reach}"/>'


def _words_width(bar: IntervalBar) -> float:
    """The room that a bar's words need, which stand in one line."""
    return LETTER * len(bar.label) + GAP + BOLD * len(bar.figure)


def _interval_bar(bar: IntervalBar, y: float, width: float) -> str:
    top = y + 18
    words = svg_text(0, y + 13, bar.label) + svg_text(width, y + 13, bar.figure, "figure")
    track = svg_rect("track", 0, top, width, THICKNESS)
    share = svg_rect(f"share {bar.role}", 0, top, width * bar.value, THICKNESS)
    return words + track + share + _whisker(width * bar.low, width * bar.high, top)


def _whisker(low: float, high: float, top: float) -> str:
    """A line from low to high with a stroke at either end."""
    middle, first, last = (format_length(each) for each in (top + THICKNESS / 2, low, high))
    ends = "".join(f"M{x} {format_length(top)}v{THICKNESS}" for x in (first, last))
    return f'<path class="interval" d="M{first} {middle}H{last}{ends}"/>'


def _stacked_bar(label: str, counts: Mapping[str, int], used: Sequence[str], y: float) -> str:
    total = sum(counts.values())
    parts = [svg_text(0, y + 13, label), svg_text(WIDTH, y + 13, str(total), "figure")]
    x = 0.0
    for place, part in enumerate(used):
        width = WIDTH * counts.get(part, 0) / total
        if width:
            parts.append(svg_rect(f"stack{place % COLOURS}", x, y + 18, width, THICKNESS + 2))
        if width > LEAST_FOR_TEXT:
            parts.append(svg_text(x + width / 2, y + 18 + THICKNESS, str(counts[part]), "count"))
        x += width
    return "".join(parts)


def _key(name: str, place: int, y: float) -> str:
    return svg_rect(f"stack{place % COLOURS}", 0, y, KEY_SIDE, KEY_SIDE) + svg_text(KEY_SIDE + 6, y + 10.5, name)
