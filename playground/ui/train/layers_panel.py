"""What adapting fewer layers gains and costs: a chart beside the knob, with the choice marked."""

from html import escape
from typing import Any

import gradio as gr

import adapters
from playground.charts.line import ChartPoint, draw_line
from playground.training.config import PRESETS
from playground.training.layer_tradeoff import BLOCKS, MEASURED, METHOD, RUN_SECONDS, LayerTradeoff, interpolate
from playground.ui.shared.controls import Controls
from playground.ui.shared.format import decimal
from playground.ui.shared.i18n import say
from playground.ui.shared.session import language_of
from playground.ui.shared.tab import UNQUEUED_LATEST

KNOB = "top_layers"


class LayersView:
    """One chart for all methods; it follows the choice of the method and of its layers."""

    def __init__(self) -> None:
        """Draw its place; call `wire` when the form is complete."""
        self.picture = gr.HTML(elem_classes="told")

    def wire(self, controls: Controls, form: list[Any], redrawn: gr.Textbox) -> None:
        """`form` is the method, the preset and all controls; `redrawn` changes when the tab is redrawn."""
        self._controls = controls
        triggers = [*form[:2], *controls.for_knob(KNOB), redrawn]
        gr.on([each.change for each in triggers], self._draw, form, self.picture, **UNQUEUED_LATEST)

    def _draw(self, request: gr.Request, method: str, preset: str, *values: Any) -> str:
        options, _ = self._controls.read(method, values)
        return layers_chart(language_of(request), options.get(KNOB) or PRESETS[preset].top_layers)


def layers_chart(language: str, layers: object) -> str:
    """Speed to the right, held-out loss upwards; the choice is marked among the measured points."""
    chosen = interpolate(int(layers)) if isinstance(layers, int | float) and layers >= 0 else None
    known = chosen in MEASURED
    points = [_chart_point(language, each, each == chosen) for each in MEASURED]
    if chosen and not known:
        points.insert(sum(each.layers > chosen.layers for each in MEASURED), _chart_point(language, chosen, True))
    drawn = draw_line(
        say(language, "layers.title"), points, say(language, "layers.speed"), say(language, "layers.loss")
    )
    caption = say(language, "layers.told", method=adapters.get(METHOD).label, blocks=BLOCKS, seconds=RUN_SECONDS)
    if not known:
        caption = f"{caption} {say(language, 'layers.between' if chosen else 'layers.beyond')}"
    return f'{drawn}<p class="fine-print">{escape(caption)}</p>'


def _chart_point(language: str, trade: LayerTradeoff, chosen: bool) -> ChartPoint:
    """A point that was not measured shows its number of layers, and no figures."""
    name = say(language, "layers.all") if trade.layers == BLOCKS else str(trade.layers)
    figures = f"{decimal(language, trade.speed, 2)} × · {decimal(language, trade.loss, 3)}" if trade in MEASURED else ""
    return ChartPoint(trade.speed, trade.loss, name, figures, chosen)
