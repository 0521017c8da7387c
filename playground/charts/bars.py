"""Pictures of an exam as SVG text: bars with intervals, stacked bars, a line. Every word in them is escaped."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

COLOURS = {
    "base": "#6b7280",
    "few_shot": "#a16207",
    "rag": "#2563eb",
    "tuned": "#ea580c",
    "both": "#15803d",
    "gold": "#374151",
}
PALE = ("#bfdbfe", "#fde68a", "#fecaca", "#bbf7d0", "#ddd6fe", "#e5e7eb", "#fbcfe8", "#bae6fd")
WIDTH, ROW, LEFT, RIGHT = 720, 30, 230, 60


@dataclass(frozen=True)
class IntervalBar:
    """A share in 0…1 with its interval."""

    label: str
    value: float
    low: float
    high: float
    colour: str


def bars(title: str, rows: Sequence[IntervalBar], chance: float | None = None) -> str:
    """Horizontal bars from 0 to 100 %, each with its interval; a dashed line where guessing would end."""
    shown = [row for row in rows if not math.isnan(row.value)]
    height = ROW * len(shown) + 34
    parts = [_axis(height)]
    if chance is not None:
        x = _x(chance)
        parts.append(f'<line x1="{x}" y1="4" x2="{x}" y2="{height - 22}" stroke="#9ca3af" stroke-dasharray="4 4"/>')
    for place, row in enumerate(shown):
        y = ROW * place + 8
        parts += [
            _text(LEFT - 8, y + 13, row.label, "end"),
            f'<rect x="{LEFT}" y="{y}" width="{_x(row.value) - LEFT:.1f}" height="16" fill="{row.colour}"/>',
            f'<line x1="{_x(row.low):.1f}" y1="{y + 8}" x2="{_x(row.high):.1f}" y2="{y + 8}" stroke="#111" '
            'stroke-width="2"/>',
            _text(max(_x(row.high), _x(row.value)) + 6, y + 13, f"{100 * row.value:.0f} %"),
        ]
    return _svg(title, height, parts)


def draw_stacked_bars(title: str, rows: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> str:
    """One bar a row, cut into shares that add up to its whole; `names` are the words of the parts."""
    shown = {label: parts for label, parts in rows.items() if sum(parts.values()) > 0}
    used = [part for part in names if any(part in parts for parts in shown.values())]
    height = ROW * len(shown) + 34 + 18 * len(used)
    drawn = []
    for place, (label, parts) in enumerate(shown.items()):
        y, x, total = ROW * place + 8, float(LEFT), sum(parts.values())
        drawn.append(_text(LEFT - 8, y + 13, label, "end"))
        for part in used:
            wide = (WIDTH - LEFT - RIGHT) * parts.get(part, 0) / total
            drawn.append(
                f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="16" fill="{PALE[used.index(part) % len(PALE)]}" '
                'stroke="#fff"/>'
            )
            if wide > 24:
                drawn.append(_text(x + wide / 2, y + 13, f"{parts[part]:.0f}", "middle"))
            x += wide
    for place, part in enumerate(used):
        y = ROW * len(shown) + 22 + 18 * place
        drawn.append(f'<rect x="{LEFT}" y="{y}" width="12" height="12" fill="{PALE[place % len(PALE)]}"/>')
        drawn.append(_text(LEFT + 18, y + 11, names[part]))
    return _svg(title, height, drawn)


def line(title: str, points: Sequence[tuple[float, float]], across: str, up: str) -> str:
    """A line through points, the axes from 0; points without a number are left out."""
    real = [(x, y) for x, y in points if math.isfinite(y)]
    if len(real) < 2:
        return ""
    wide, high = max(x for x, _ in real) or 1, max(y for _, y in real) or 1
    left, bottom, top = 80, 190, 14
    placed = [(left + (WIDTH - left - 40) * x / wide, bottom - (bottom - top) * y / high) for x, y in real]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts = [
        f'<polyline points="{path}" fill="none" stroke="{COLOURS["tuned"]}" stroke-width="2.5"/>',
        f'<line x1="{left}" y1="{bottom}" x2="{WIDTH - 30}" y2="{bottom}" stroke="#9ca3af"/>',
        f'<line x1="{left}" y1="{top}" x2="{left}" y2="{bottom}" stroke="#9ca3af"/>',
        _text(WIDTH - 30, bottom + 30, across, "end"),
        _text(4, top, up),
        _text(left - 6, bottom, "0", "end"),
        _text(left - 6, top + 16, f"{high:,.0f}", "end"),
        _text(WIDTH - 40, bottom + 14, f"{wide:,.0f}", "end"),
    ]
    return _svg(title, bottom + 38, parts)


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(max(share, 0.0), 1.0)


def _axis(height: int) -> str:
    ticks = "".join(_text(_x(each / 100), height - 6, f"{each} %", "middle") for each in (0, 25, 50, 75, 100))
    return f'<line x1="{LEFT}" y1="4" x2="{LEFT}" y2="{height - 22}" stroke="#9ca3af"/>{ticks}'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
