"""The search index on the Text tab: its state, a button that cancels indexing, and the choice of the embedder."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark
from playground.ui.shared.polling import Poll
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import UNQUEUED
from playground.ui.text.embedder_choice import EmbedderChoice
from playground.ui.text.indexing import building_line, index_line

WATCH_SECONDS = 1.0


class IndexPanel:
    """The panel's components. It polls while work is under way, whoever started it; its end redraws the tab."""

    def __init__(self, services: Services) -> None:
        """Draw the panel; call `wire` when the rest of the tab is drawn."""
        self.services = services
        self.state = gr.Textbox(label=mark("text.index"), interactive=False, lines=1, max_lines=4, elem_classes="live")
        self.cancel = gr.Button(mark("text.index_cancel"), size="sm", variant="stop", visible=False)
        self.choice = EmbedderChoice(services)
        self.under_way = gr.Textbox(visible="hidden")  # its change reaches the page without the queue
        self.timer = gr.Timer(WATCH_SECONDS, active=False)

    @property
    def progress_outputs(self) -> list[Any]:
        """What `progress_updates` gives updates for."""
        return [self.state, self.cancel]

    @property
    def outputs(self) -> list[Any]:
        """What `drawn` gives updates for."""
        return [*self.progress_outputs, self.under_way, self.timer, *self.choice.outputs]

    def wire(
        self, notice: gr.Textbox, redraw: Callable[..., tuple[Any, ...]], inputs: list[Any], outputs: list[Any]
    ) -> None:
        """`redraw` gives updates for the whole tab, `outputs`, from its `inputs`; refusals appear in `notice`."""
        self.cancel.click(self.cancel_indexing, None, self.cancel, **UNQUEUED)
        self.poll = Poll("index", self.watch, self.outputs)
        self.poll.follow(self.timer)
        self.under_way.change(redraw, inputs, outputs, **UNQUEUED)
        changed = [notice, *self.outputs]
        choose = guard(len(changed))
        self.choice.chosen.input(choose(self._choose), self.choice.chosen, changed, **UNQUEUED)
        self.choice.suggestion.click(choose(self._take_suggestion), None, changed, **UNQUEUED)

    def progress_updates(self, visitor: str, line: str) -> tuple[Any, ...]:
        """Updates while the index is built: its line, and the cancel button."""
        return line, self._cancel_update(visitor)

    def updates(self, language: str, visitor: str, choices: bool = True) -> tuple[Any, ...]:
        """Updates for `outputs`: the current state, or the progress; `choices=False` leaves an open list alone."""
        building, change = self.services.indexes.building(visitor), self.services.embedders.change(visitor)
        line = building_line(language, building) if building else index_line(self.services, language, visitor)
        button = self._cancel_update(visitor) if building else gr.update(visible=False)
        work = " ".join(filter(None, ["index" if building else "", change.name if change and change.under_way else ""]))
        choice = self.choice.choice_updates if choices else self.choice.progress_updates
        return line, button, work, gr.update(active=bool(work)), *choice(language, visitor)

    def _cancel_update(self, visitor: str) -> dict[str, Any]:
        building = self.services.indexes.building(visitor)
        return gr.update(visible=not (building and building.stopping))

    def watch(self, request: gr.Request) -> tuple[Any, ...]:
        """Updates for `outputs` at each tick."""
        return self.updates(language_of(request), visitor_of(self.services.visitors, request), choices=False)

    def cancel_indexing(self, request: gr.Request) -> dict[str, Any]:
        """Stop building the index; the update hides the button."""
        self.services.indexes.cancel(visitor_of(self.services.visitors, request))
        return gr.update(visible=False)

    def _choose(self, request: gr.Request, name: str) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.services.indexes.choose_embedder(visitor, name)
        return self.updates(language_of(request), visitor)

    def _take_suggestion(self, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        suggested_offer = self.choice.suggested_offer(visitor)
        if suggested_offer:
            self.services.indexes.choose_embedder(visitor, suggested_offer.name)
        return self.updates(language_of(request), visitor)
