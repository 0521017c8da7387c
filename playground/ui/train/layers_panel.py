"""What fewer adapted layers bring and cost, drawn beside their knob with the choice marked; our own words alone."""

from html import escape
from typing import Any

import gradio as gr

import adapters
from playground.charts.line import ChartPoint, draw_line
from playground.training.config import PRESETS
from playground.training.layer_tradeoff import BLOCKS, MEASURED, METHOD, RUN_SECONDS, LayerTradeoff, interpolate
from playground.ui.shared.controls import Controls
from playground.ui.shared.i18n import say
from playground.ui.shared.session import language_of
from playground.ui.shared.tab import LAST

KNOB = "top_layers"


class LayersView:
    """One picture for all methods; it follows the choice of the method and of its layers."""

    def __init__(self) -> None:
        """Draw its place; `wire` follows when the form is whole."""
        self.picture = gr.HTML(elem_classes="told")

    def wire(self, controls: Controls, form: list[Any], redrawn: gr.Textbox) -> None:
        """`form` is the method, the preset and all controls; `redrawn` changes when the tab is drawn anew."""
        self._controls = controls
        followed = [*form[:2], *controls.named(KNOB), redrawn]
        gr.on([each.change for each in followed], self._draw, form, self.picture, **LAST)

    def _draw(self, request: gr.Request, method: str, preset: str, *values: Any) -> str:
        options, _ = self._controls.read(method, values)
        return trade_picture(language_of(request), options.get(KNOB) or PRESETS[preset].top_layers)


def trade_picture(language: str, layers: object) -> str:
    """Speed to the right, held-out loss upwards; the choice marked where it lies among what was measured."""
    chosen = interpolate(int(layers)) if isinstance(layers, int | float) and layers >= 0 else None
    known = chosen in MEASURED
    points = [_point(language, each, each == chosen) for each in MEASURED]
    if chosen and not known:
        points.insert(sum(each.layers > chosen.layers for each in MEASURED), _point(language, chosen, True))
    drawn = draw_line(
        say(language, "layers.title"), points, say(language, "layers.speed"), say(language, "layers.loss")
    )
    told = say(language, "layers.told", method=adapters.get(METHOD).label, blocks=BLOCKS, seconds=RUN_SECONDS)
    if not known:
        told = f"{told} {say(language, 'layers.between' if chosen else 'layers.beyond')}"
    return f'{drawn}<p class="fine-print">{escape(told)}</p>'


def _point(language: str, trade: LayerTradeoff, chosen: bool) -> ChartPoint:
    """An unmeasured one says how many layers it is, and no figures."""
    name = say(language, "layers.all") if trade.layers == BLOCKS else str(trade.layers)
    figures = f"{trade.speed:.2f} × · {trade.loss:.3f}" if trade in MEASURED else ""
    return ChartPoint(trade.speed, trade.loss, name, figures, chosen)
