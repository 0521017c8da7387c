"""Three questions to try, from the visitor's own text: its pairs, its headings that ask, or an example's list."""

import json
from functools import cache
from itertools import islice
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.ui.shared.i18n import WORDS, mark
from playground.ui.shared.tab import QUIET
from retrieval.document import Document

SUGGESTIONS = 3
LONGEST = 100


def build_suggestions(question: gr.Textbox) -> list[gr.Button]:
    """Buttons that put their question into the box."""
    with gr.Row(elem_classes="suggestions"):
        buttons = [gr.Button(mark("compare.suggestions"), size="sm", visible=False) for _ in range(SUGGESTIONS)]
    for button in buttons:
        button.click(lambda text: text, button, question, **QUIET)
    return buttons


def suggested_questions(services: Services, visitor: str) -> list[dict[str, Any]]:
    """Updates for the buttons."""
    found = list(islice(_questions(services.library.documents(visitor)), SUGGESTIONS))
    shown = [gr.update(value=text, visible=True) for text in found]
    return shown + [gr.update(visible=False)] * (SUGGESTIONS - len(found))


def _questions(documents: list[Document]) -> list[str]:
    for document in documents:
        listed = _listed().get(document.name, [])
        asked = [pair.question for pair in document.pairs]
        headings = [span.label.rpartition(" > ")[2].lstrip("0123456789. ") for span in document.headings]
        found = listed or asked or [heading for heading in headings if heading.endswith("?")]
        short = list(dict.fromkeys(text for text in found if len(text) <= LONGEST))
        if short:
            return short[:: max(1, len(short) // SUGGESTIONS)]
    return []


@cache
def _listed() -> dict[str, list[str]]:
    return json.loads((WORDS / "questions.json").read_text(encoding="utf-8"))
