"""The last answers of two panes side by side, with the words marked that only one of them says. Off at first."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from playground.chat.differences import OWN, mark_own_words
from playground.chat.turns import Conversation
from playground.services.app import Services
from playground.ui.compare.arm_choice import arm_choices, bases_in_play
from playground.ui.compare.pane import PANES
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import UNQUEUED_LATEST

COLOURS = {OWN: "#e69f00"}  # style.css names it
FIRST_PANES = (0, 1)


class DifferencePanel:
    """The components and their events; the switch stands elsewhere. Answers are put on the page as plain text."""

    def __init__(self, services: Services, switch: gr.Checkbox) -> None:
        """Draw it, hidden, until the switch is on."""
        self.services, self.switch = services, switch
        names = [(mark(f"compare.pane_{place + 1}"), place) for place in range(PANES)]
        with gr.Column(visible=False) as self.panel:
            gr.Markdown(mark("compare.differ_help"), elem_classes="fine-print")
            with gr.Row():
                self.chosen, self.answers = zip(*[self._build_side(names, place) for place in FIRST_PANES], strict=True)
        self.answered = gr.Textbox(visible="hidden")  # changes when answers are complete or gone

    def _build_side(self, names: list[tuple[Any, int]], first: int) -> tuple[gr.Dropdown, gr.HighlightedText]:
        with gr.Column(min_width=280):
            chosen = gr.Dropdown(names, value=first, label=mark("compare.differ_pane"))
            answer = gr.HighlightedText(
                label=mark("compare.answers"),
                color_map=COLOURS,
                show_inline_category=False,
                interactive=False,
                elem_classes="cited",
            )
        return chosen, answer

    def wire(self, arms: list[gr.Dropdown], notice: gr.Textbox) -> None:
        """Draw anew when the switch, a choice or an arm changes, and when the box does; errors appear in `notice`."""
        triggers = [self.answered.change, *(each.input for each in (self.switch, *self.chosen, *arms))]
        inputs = [self.switch, *self.chosen, *arms]
        outputs = [notice, self.panel, *self.answers]
        gr.on(triggers, guard(len(outputs), clears=False)(self._draw), inputs, outputs, **UNQUEUED_LATEST)

    def _draw(self, request: gr.Request, on: bool, one: int, other: int, *arms: str | None) -> tuple[Any, ...]:
        if not on:
            return gr.update(visible=False), gr.skip(), gr.skip()
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        runs = self.services.runs.with_adapter(visitor)
        bases = bases_in_play(self.services, visitor, runs)
        names = {id_: name for name, id_ in arm_choices(language, runs, bases)}
        stored = self.services.conversations.load(visitor)
        shown = answer_updates(stored, names, (arms[one], arms[other]))
        return gr.update(visible=True), *shown


def answer_updates(stored: Conversation, names: Mapping[str, str], arms: tuple[str | None, str | None]) -> list[Any]:
    """For each of two arms, its name and its last answer with its own words marked."""
    said = [turns[-1].answer if (turns := stored.get(arm or "", [])) else "" for arm in arms]
    pairs = zip(arms, said, reversed(said), strict=True)
    return [gr.update(label=names.get(arm or "", ""), value=mark_own_words(own, others)) for arm, own, others in pairs]
