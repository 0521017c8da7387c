"""Three questions to try: from an example's list, or from the pairs or the headings of the visitor's text."""

from itertools import islice
from typing import Any

import gradio as gr

from playground.data.examples import examples
from playground.services.app import Services
from playground.ui.shared.i18n import mark
from retrieval.document import Document
from retrieval.pairs import standalone_pairs

SUGGESTIONS = 3
MAX_CHARS = 100


def build_suggestions() -> list[gr.Button]:
    """Buttons whose words are a question to ask."""
    with gr.Row(elem_classes="suggestions"):
        return [gr.Button(mark("compare.suggestions"), size="sm", visible=False) for _ in range(SUGGESTIONS)]


def suggestion_updates(services: Services, visitor: str) -> list[dict[str, Any]]:
    """Updates for the buttons."""
    questions = list(islice(_questions(services.library.documents(visitor)), SUGGESTIONS))
    shown = [gr.update(value=text, visible=True) for text in questions]
    return shown + [gr.update(visible=False)] * (SUGGESTIONS - len(questions))


def _questions(documents: list[Document]) -> list[str]:
    of_examples = {each.path.name: each.questions for each in examples().values()}
    for document in documents:
        listed = of_examples.get(document.name, ())
        from_pairs = [pair.question for pair in standalone_pairs(document.pairs)]
        headings = [span.label.rpartition(" > ")[2].lstrip("0123456789. ") for span in document.headings]
        found = listed or from_pairs or [heading for heading in headings if heading.endswith("?")]
        short = list(dict.fromkeys(text for text in found if len(text) <= MAX_CHARS))
        if short:
            return short[:: max(1, len(short) // SUGGESTIONS)]
    return []
