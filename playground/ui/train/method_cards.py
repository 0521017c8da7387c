"""The methods as cards, each with a drawing, bars and a button; knows no method by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

import adapters
from adapters.base import Method
from playground.ui.learn.method_details import MethodCosts, picture
from playground.ui.shared.i18n import mark
from playground.ui.shared.tab import UNQUEUED


@dataclass(frozen=True)
class Card:
    """The components of a card that change."""

    column: gr.Column
    picture: gr.HTML


def build_cards(chosen: gr.Radio) -> Mapping[str, Card]:
    """One card per method, those that the app is about first; its button chooses it."""
    with gr.Row(elem_classes="cards"):
        return {method.id: _card(method, chosen) for method in _in_order()}


def card_classes(chosen: bool) -> list[str]:
    """A card's CSS classes."""
    return ["card", "chosen"] if chosen else ["card"]


def pictures(language: str, known: MethodCosts) -> list[str]:
    """The cards' pictures, from what is known so far."""
    return [picture(language, method, known) for method in _in_order()]


def _in_order() -> list[Method[Any]]:
    return sorted(adapters.methods().values(), key=lambda method: not method.core)


def _card(method: Method[Any], chosen: gr.Radio) -> Card:
    id_, reason = method.id, method.unavailable()
    with gr.Column(elem_classes=card_classes(id_ == chosen.value), min_width=200) as column:
        gr.Markdown(f"#### {method.label}")
        drawing = gr.HTML(elem_classes="told")
        gr.Markdown(mark(f"method.{id_}.summary"), elem_classes="summary")
        if reason:
            gr.Markdown(reason, elem_classes="fine-print reason")
        words = f"{mark('train.choose_method')} {method.label}"
        button = gr.Button(words, size="sm", interactive=not reason)
    button.click(lambda: id_, None, chosen, **UNQUEUED)
    return Card(column, drawing)
