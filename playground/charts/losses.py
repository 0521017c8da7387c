"""Loss curves as SVG text: panels over the same time, each with a scale of its own. Knows no page and no language."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.charts.svg import format_length, svg_image, svg_text

WIDTH, PANEL, GAP = 440, 110, 32  # of the picture; a panel's height; the room above each for its name
LEFT, RIGHT, BOTTOM = 44, 8, 22  # margins around the panels
INSET = 8  # between a panel's edges and its lowest and highest point
MOST = 300  # points of a panel that are drawn; a long run has more than pixels

Place = tuple[float, float]  # seconds and loss


@dataclass(frozen=True)
class LossPanel:
    """One loss: what was measured, the line through it, and the place that is marked, if any.

    `kind` is the CSS class of the line: heldout or train.
    """

    kind: str
    name: str
    measured: Sequence[Place]
    line: Sequence[Place]
    marked: Place | None = None


def draw_losses(title: str, panels: Sequence[LossPanel], x_label: str, mark_name: str) -> str:
    """The panels below each other; nothing while none has two points. Every number must be finite."""
    shown = [panel for panel in panels if panel.line]
    if not any(len(panel.line) > 1 for panel in shown):
        return ""
    seconds = [x for panel in shown for x, _ in panel.line]
    span = (min(seconds), max(seconds))
    height = len(shown) * (PANEL + GAP) + BOTTOM
    body = "".join(_panel(each, place * (PANEL + GAP) + GAP, span, mark_name) for place, each in enumerate(shown))
    last = "; ".join(f"{each.name}: {each.line[-1][1]:.3f}" for each in shown)
    ends = svg_text(LEFT, height - 6, f"{span[0]:.0f}", "when") + svg_text(
        WIDTH - RIGHT, height - 6, f"{span[1]:.0f} {x_label}", "when figure"
    )
    return svg_image("losses", WIDTH, height, title, last, body + ends)


def _panel(panel: LossPanel, top: float, span: Place, mark_name: str) -> str:
    losses = [y for _, y in [*panel.measured, *panel.line]]
    low, high = min(losses), max(losses)
    per_x = (WIDTH - LEFT - RIGHT - 2 * INSET) / (span[1] - span[0] or 1)
    per_y = (PANEL - 2 * INSET) / (high - low or 1)

    def at(place: Place) -> str:
        x, y = LEFT + INSET + per_x * (place[0] - span[0]), top + INSET + per_y * (high - place[1])
        return f"{format_length(x)} {format_length(y)}"

    axes = f'<path class="axis" d="M{LEFT} {top}V{top + PANEL}H{WIDTH - RIGHT}"/>'
    dots = f'<path class="measured {panel.kind}" d="{"".join(f"M{at(each)}h0" for each in _thinned(panel.measured))}"/>'
    line = f'<path class="line {panel.kind}" d="M{"L".join(at(each) for each in _thinned(panel.line))}"/>'
    names = svg_text(LEFT, top - 10, panel.name, "name")
    names += svg_text(LEFT - 6, top + INSET + 4, f"{high:.2f}", "when figure")
    names += svg_text(LEFT - 6, top + PANEL - INSET + 4, f"{low:.2f}", "when figure") if low < high else ""
    if panel.marked:
        x, y = at(panel.marked).split()
        names += f'<circle class="kept" cx="{x}" cy="{y}" r="5"/>'
        names += svg_text(WIDTH - RIGHT, top - 10, f"○ {mark_name}: {panel.marked[1]:.3f}", "kept-figure")
    return axes + dots + line + names


def _thinned(places: Sequence[Place]) -> list[Place]:
    """At most about MOST of the places, the last among them."""
    stride = -(-len(places) // MOST)
    return [*places[:-1:stride], *places[-1:]] if stride > 1 else list(places)
