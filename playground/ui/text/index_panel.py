"""The search index on the Text tab: its state, the way to cancel its building, and the choice of its embedder."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark
from playground.ui.shared.polling import Polled
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUIET
from playground.ui.text.embedder_choice import EmbedderChoice
from playground.ui.text.indexing import building_line, index_line

WATCH_SECONDS = 1.0


class IndexPanel:
    """The panel's parts. Work that is under way is watched, whoever began it; its end redraws the tab."""

    def __init__(self, services: Services) -> None:
        """Draw the panel; `wire` follows when the rest of the tab is there."""
        self.services = services
        self.state = gr.Textbox(label=mark("text.index"), interactive=False, lines=1, max_lines=4, elem_classes="live")
        self.cancel = gr.Button(mark("text.index_cancel"), size="sm", variant="stop", visible=False)
        self.choice = EmbedderChoice(services)
        self.under_way = gr.Textbox(visible="hidden")  # its change reaches the page without the queue
        self.timer = gr.Timer(WATCH_SECONDS, active=False)

    @property
    def grown(self) -> list[Any]:
        """What `growing` gives updates for."""
        return [self.state, self.cancel]

    @property
    def outputs(self) -> list[Any]:
        """What `drawn` gives updates for."""
        return [*self.grown, self.under_way, self.timer, *self.choice.outputs]

    def wire(self, notice: gr.Textbox, redraw: Callable[..., tuple[Any, ...]], outputs: list[Any]) -> None:
        """`redraw` gives updates for the whole tab, `outputs`; what is refused is told in `notice`."""
        self.cancel.click(self._cancel, None, self.cancel, **QUIET)
        self.polled = Polled("index", self._watch, self.outputs)
        self.polled.follow(self.timer)
        self.under_way.change(redraw, None, outputs, **QUIET)
        changed = [notice, *self.outputs]
        choose = guard(len(changed))
        self.choice.chosen.input(choose(self._choose), self.choice.chosen, changed, **QUIET)
        self.choice.suggestion.click(choose(self._take_suggestion), None, changed, **QUIET)

    def growing(self, visitor: str, line: str) -> tuple[Any, ...]:
        """A line about the index while it is built, and the way to cancel that."""
        return line, self._stoppable(visitor)

    def drawn(self, language: str, visitor: str, choices: bool = True) -> tuple[Any, ...]:
        """Updates for `outputs`: how things are, or as far as they are; without `choices` those are left alone."""
        building, change = self.services.indexes.building(visitor), self.services.embedders.change(visitor)
        line = building_line(language, building) if building else index_line(self.services, language, visitor)
        button = self._stoppable(visitor) if building else gr.update(visible=False)
        work = " ".join(filter(None, ["index" if building else "", change.name if change and change.under_way else ""]))
        choice = self.choice.drawn if choices else self.choice.followed
        return line, button, work, gr.update(active=bool(work)), *choice(language, visitor)

    def _stoppable(self, visitor: str) -> dict[str, Any]:
        building = self.services.indexes.building(visitor)
        return gr.update(visible=not (building and building.stopping))

    def _watch(self, request: gr.Request) -> tuple[Any, ...]:
        return self.drawn(language_of(request), visitor_of(self.services.visitors, request), choices=False)

    def _cancel(self, request: gr.Request) -> dict[str, Any]:
        self.services.indexes.cancel(visitor_of(self.services.visitors, request))
        return gr.update(visible=False)

    def _choose(self, request: gr.Request, name: str) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.services.indexes.choose_embedder(visitor, name)
        return self.drawn(language_of(request), visitor)

    def _take_suggestion(self, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        suggested = self.choice.suggested(visitor)
        if suggested:
            self.services.indexes.choose_embedder(visitor, suggested.name)
        return self.drawn(language_of(request), visitor)
