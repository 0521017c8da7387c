"""The Learn tab: when the methods were published, what each does to a layer, and their costs on this model."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

import adapters
from playground.charts.timeline import draw_timeline
from playground.services.app import Services
from playground.ui.learn.method_details import article, legend, measured_costs, table
from playground.ui.shared.frames import Frames
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of
from playground.ui.shared.tab import NO_PROGRESS, seen_box


class LearnTab:
    """A tab to read; all its words and figures are our own."""

    def __init__(self, services: Services, opening: gr.Tab) -> None:
        """Draw the tab and wire it; `opening` is what a visitor clicks to see it."""
        self.services = services
        gr.Markdown(mark("learn.intro"))
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
                gr.Markdown(mark("learn.timeline"))
                self.timeline = gr.HTML(elem_classes="told")
            with gr.Column(scale=3, min_width=280):
                gr.Markdown(mark("learn.costs"))
                self.table = gr.HTML(elem_classes="told")
        gr.Markdown(mark("learn.methods"))
        self.legend = gr.HTML(elem_classes="told")
        self.articles = gr.HTML(elem_classes="told")
        frames = Frames(self.outputs)
        seen_box(opening).change(
            frames.stream(self._show), None, frames.outputs, api_visibility="private", **NO_PROGRESS
        )

    @property
    def outputs(self) -> list[gr.HTML]:
        """The components that depend on the language or on measured figures."""
        return [self.timeline, self.table, self.legend, self.articles]

    def _show(self, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """Updates at once without figures, then with them."""
        language, methods = language_of(request), adapters.methods().values()
        timeline = draw_timeline(methods, say(language, "learn.timeline").lstrip("# "))
        for known in measured_costs(self.services, request):
            articles = "".join(article(language, method, known) for method in methods)
            grid = f'<div class="articles">{articles}</div>'
            yield timeline, table(language, known), legend(language, bars=False), grid
