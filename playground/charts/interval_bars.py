"""Bars with intervals as SVG text, narrow enough for a phone. Figures and the app's own words alone, nobody's text."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from playground.charts.svg import as_svg, shortest

WIDTH, HEAD, ROW, THICK = 340, 22, 36, 10


@dataclass(frozen=True)
class Share:
    """A share in 0…1 with its interval; `role` gives the colour, `group` a heading above it."""

    label: str
    figure: str
    role: str
    value: float
    low: float
    high: float
    group: str = ""


def draw_shares(title: str, shares: Sequence[Share], chance: float | None = None) -> str:
    """A heading, one bar below the other, names above them; a dashed line where guessing would end."""
    parts, y = list[str](), 0.0
    for share in shares:
        if share.group:
            parts.append(f'<text class="name" x="0" y="{shortest(y + 15)}">{escape(share.group)}</text>')
            y += HEAD
        parts.append(_bar(share, y))
        if chance is not None:
            parts.append(f'<path class="chance" d="M{shortest(WIDTH * chance)} {shortest(y + 15)}v{THICK + 6}"/>')
        y += ROW
    told = "; ".join(f"{' '.join(filter(None, [each.group, each.label]))}: {each.figure}" for each in shares)
    return f"<h4>{escape(title)}</h4>" + as_svg("shares", WIDTH, y, title, told, "".join(parts))


def _bar(share: Share, y: float) -> str:
    words, top = shortest(y + 13), y + 18
    label = f'<text x="0" y="{words}">{escape(share.label)}</text>'
    figure = f'<text class="figure" x="{WIDTH}" y="{words}">{escape(share.figure)}</text>'
    track = f'<rect class="track" y="{shortest(top)}" width="{WIDTH}" height="{THICK}"/>'
    wide = shortest(WIDTH * share.value)
    bar = f'<rect class="share {escape(share.role)}" y="{shortest(top)}" width="{wide}" height="{THICK}"/>'
    low, high, middle = shortest(WIDTH * share.low), shortest(WIDTH * share.high), shortest(top + THICK / 2)
    ends = "".join(f"M{x} {shortest(top)}v{THICK}" for x in (low, high))
    return f'{label}{figure}{track}{bar}<path class="interval" d="M{low} {middle}H{high}{ends}"/>'
