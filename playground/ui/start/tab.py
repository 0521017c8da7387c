"""The Start tab: the idea as a picture, and the examples as cards, each one click from its answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from playground.data.examples import Example, examples
from playground.evaluation.statements import render_statement
from playground.services.app import Services
from playground.services.prepared import EXAM
from playground.ui.shared.format import method_name
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import NO_PROGRESS, Tab, bump

STATES = {"ready": "start.ready", "preparing": "start.preparing", "text": "start.only_text"}


@dataclass(frozen=True)
class Card:
    """The components of an example's card."""

    column: gr.Column
    state: gr.Markdown
    button: gr.Button


class StartTab:
    """The tab's components; `wire` connects them with the page's tabs."""

    def __init__(self, services: Services) -> None:
        """Draw the tab."""
        self.services = services
        self.changed = gr.State(0)
        gr.Markdown(mark("start.intro"))
        _draw_idea()
        self.notice = notice_box()
        with gr.Row(elem_classes="ask"):
            gr.Markdown(mark("start.examples"))
            self.own = gr.Button(mark("start.own"), min_width=260, scale=0)
        with gr.Row(elem_classes="examples"):
            self.cards = {name: _draw_card(example) for name, example in examples().items()}

    @property
    def tab(self) -> Tab:
        """What the page redraws of it: what is ready of each example, and which come first."""
        outputs = [part for card in self.cards.values() for part in (card.column, card.state)]
        return Tab("start", outputs, self.refresh, self.changed)

    def wire(self, tabs: gr.Tabs) -> None:
        """A card opens its example in Compare."""
        outputs = [self.notice, self.changed, tabs]
        for name, card in self.cards.items():
            opening = guard(len(outputs))(self._example_opener(name))
            card.button.click(opening, self.changed, outputs, api_name=f"open_{name}", **NO_PROGRESS)

    def refresh(self, request: gr.Request) -> tuple[Any, ...]:
        """Updates for the cards, in the visitor's language."""
        language = language_of(request)
        updates: list[Any] = []
        for name, example in examples().items():
            first = example.language == language
            updates += [gr.update(elem_classes=_card_classes(first)), self._state_words(language, name)]
        return tuple(updates)

    def _state_words(self, language: str, name: str) -> str:
        """What is ready of an example, and the verdict of its exam."""
        done = self.services.prepared.done(name)
        parts = [say(language, "start.exam") if each == EXAM else method_name(each) for each in done]
        ready = ", ".join([say(language, "start.index"), *parts])
        state = say(language, STATES[self.services.preparing.state(name)], what=ready)
        headline = self.services.exams.headline_of(name)
        return f"{state}\n\n**{render_statement(headline, language)}**" if headline else state

    def _example_opener(self, name: str) -> Callable[[gr.Request, int], tuple[Any, ...]]:
        def open_example(request: gr.Request, changed: int) -> tuple[Any, ...]:
            visitor = visitor_of(self.services.visitors, request)
            if self.services.prepared.give(visitor, name):
                self.services.conversations.clear(visitor)
            self.services.indexes.build_soon(visitor)
            return bump(changed), gr.Tabs(selected="compare")

        return open_example


def _draw_idea() -> None:
    """Text -> taught or looked up -> four answers -> verdict; the style sheet draws the arrows."""
    with gr.Row(elem_classes="idea"):
        _draw_steps(["text"])
        _draw_steps(["taught", "looked_up"])
        _draw_steps(["answers"])
        _draw_steps(["verdict"])


def _draw_steps(names: Sequence[str]) -> None:
    with gr.Column(min_width=150, elem_classes="step"):
        for name in names:
            gr.Markdown(mark(f"start.step.{name}"), elem_classes=f"idea-{name}")


def _draw_card(example: Example) -> Card:
    with gr.Column(elem_classes=_card_classes(False), min_width=220) as column:
        gr.Markdown(mark(f"start.title.{example.name}"))
        gr.Markdown(mark(f"start.about.{example.name}"), elem_classes="summary")
        state = gr.Markdown(elem_classes="fine-print state")
        button = gr.Button(mark("start.try"), size="sm", variant="primary")
    return Card(column, state, button)


def _card_classes(first: bool) -> list[str]:
    return ["card", "first"] if first else ["card"]
