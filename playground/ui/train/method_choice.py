"""The choice of a method: the cards, facts about the chosen one, and its rival; knows no method by name."""

import secrets
from collections.abc import Iterator
from functools import partial
from html import escape
from typing import Any

import gradio as gr

import adapters
from adapters.base import Rival
from adapters.errors import MethodError
from adapters.options import build
from playground.services.app import Services
from playground.ui.learn.method_details import MethodCosts, facts, known_costs, legend, measured_costs
from playground.ui.shared.controls import Controls
from playground.ui.shared.frames import Frames
from playground.ui.shared.handlers import guard, guarded_stream
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of
from playground.ui.shared.tab import NO_PROGRESS, UNQUEUED, UNQUEUED_LATEST
from playground.ui.train.method_cards import build_cards, card_classes, pictures


class MethodChoice:
    """The choice itself is a hidden radio, set by the cards and by programs."""

    def __init__(self, services: Services, first: str) -> None:
        """Draw the cards with the first method chosen; call `wire` when the rest of the form is drawn."""
        self.services = services
        here = [(method.label, id_) for id_, method in adapters.methods().items() if not method.unavailable()]
        self.method = gr.Radio(here, value=first, label=mark("train.method"), visible="hidden")
        self.legend = gr.HTML(elem_classes="told")
        self.cards = build_cards(self.method)
        with gr.Column(elem_classes="chosen-method"):
            self.about = gr.HTML(elem_classes="told")
            self.rival = gr.Button(visible=False, size="sm")
        self.redrawn = gr.Textbox(visible="hidden")  # its change describes the chosen method again

    def wire(self, seen: gr.Textbox, controls: Controls, form: list[Any], notice: gr.Textbox) -> None:
        """Draw the cards once `seen` has a text.

        `form` is the choice, the preset and all controls; its errors appear in `notice`.
        """
        self.controls = controls
        shown = [*[card.column for card in self.cards.values()], *controls.groups.values()]
        self.method.change(self._mark_chosen, self.method, shown, **UNQUEUED)
        followed: list[Any] = [self.method]
        for id_, method in adapters.methods().items():
            followed += controls.methods[id_] if method.rival(method.Options()) else []
        described, describe = [notice, self.about, self.rival], guard(3, clears=False)(self._describe)
        gr.on([each.change for each in (*followed, self.redrawn)], describe, form, described, **UNQUEUED_LATEST)
        filled = [notice, self.method, *controls.flat]
        self.rival.click(guard(len(filled))(self._choose_rival), form, filled, **UNQUEUED)
        drawn = [notice, self.legend, *[card.picture for card in self.cards.values()], self.redrawn]
        frames = Frames(drawn)
        show = frames.stream(guarded_stream(len(drawn), clears=False)(self._show))
        self._draw = partial(
            gr.on, fn=show, inputs=seen, outputs=frames.outputs, api_visibility="private", **NO_PROGRESS
        )
        self._draw(seen.change)

    def follow(self, chat_model: gr.Textbox) -> None:
        """Draw the cards again when this, which tells the chosen chat model, has changed."""
        self._draw(chat_model.change)

    def _mark_chosen(self, chosen: str) -> list[Any]:
        cards = [gr.update(elem_classes=card_classes(id_ == chosen)) for id_ in self.cards]
        return [*cards, *[gr.update(visible=id_ == chosen) for id_ in self.controls.groups]]

    def _show(self, request: gr.Request, seen: str) -> Iterator[tuple[Any, ...]]:
        """Updates at once without figures, then with the measured ones; none before the tab was seen.

        What depends on the form follows `redrawn`, as a visitor may choose another method meanwhile.
        """
        if not seen:
            return
        language = language_of(request)
        for known in measured_costs(self.services, request):
            yield legend(language), *pictures(language, known), secrets.token_hex(4)

    def _describe(self, request: gr.Request, *form: Any) -> tuple[Any, ...]:
        language, known = language_of(request), known_costs(self.services, request)
        return _method_facts(language, form[0], known), self._rival_button(language, *form)

    def _choose_rival(self, _request: gr.Request, *form: Any) -> tuple[Any, ...]:
        rival = self._rival(*form)
        if rival is None:  # the form changed after the button was shown
            return (gr.skip(),) * (1 + len(self.controls.flat))
        return rival.method, *self.controls.fill(rival.method, rival.options)

    def _rival_button(self, language: str, *form: Any) -> Any:
        try:
            rival = self._rival(*form)
        except MethodError:  # shown beside the form
            rival = None
        words = say(language, "train.rival", reason=rival.reason) if rival else ""
        return gr.update(value=words, visible=rival is not None)

    def _rival(self, chosen: str, _preset: str, *values: Any) -> Rival | None:
        method = adapters.get(chosen)
        options, _ = self.controls.read(chosen, values)
        return method.rival(build(method.Options, options))


def _method_facts(language: str, chosen: str, known: MethodCosts) -> str:
    method = adapters.get(chosen)
    return f"<h4>{escape(method.label)}</h4>{facts(language, method, known)}"
