"""A pane's passages: the place and the text of each, with supporting sentences marked. Draws only.

Gradio's HighlightedText puts its text on the page as text: markup and images in it stay letters.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from playground.chat.turns import Record
from playground.ui.shared.format import decimal
from playground.ui.shared.i18n import mark, say
from retrieval.excerpt import PASSAGE, SUPPORT, Range, mark_pieces
from retrieval.line_wrapping import join_wrapped_lines

CITATION = "citation"
COLOURS = {CITATION: "transparent", PASSAGE: "#9db7d5", SUPPORT: "#e69f00"}  # style.css names the last one too


@dataclass(frozen=True)
class Sources:
    """The components of a pane's passages, and the button that makes an abstaining pane answer."""

    anyway: gr.Button
    panel: gr.Accordion
    support: gr.Markdown
    passages: gr.HighlightedText

    @property
    def outputs(self) -> list[Block]:
        """What `draw_sources` gives updates for."""
        return [self.anyway, self.panel, self.support, self.passages]


@dataclass(frozen=True)
class Piece:
    """A piece of the list, its mark, and the number (from 0) of the passage that a click on it opens."""

    text: str
    mark: str | None
    passage: int


def build_sources() -> Sources:
    """Draw an empty list."""
    anyway = gr.Button(mark("compare.anyway_now"), size="sm", visible=False)
    with gr.Accordion(mark("compare.sources"), open=True, visible=False) as panel:
        support = gr.Markdown(elem_classes="support", visible=False)
        passages = gr.HighlightedText(
            label=mark("compare.sources"),
            color_map=COLOURS,
            show_inline_category=False,
            interactive=False,
            elem_classes=["cited", "listed"],
        )
    return Sources(anyway, panel, support, passages)


def draw_sources(language: str, turn: Record | None) -> tuple[Any, ...]:
    """Updates for `Sources.outputs`: the passages of the last turn."""
    if turn is None or not turn.passages:
        hidden = gr.update(visible=False)
        return hidden, hidden, hidden, gr.update(value=[])
    key = "compare.nearest" if turn.found is False else "compare.passages"
    title = say(language, key, count=len(turn.passages))
    sentence = _support_sentence(language, turn)
    return (
        gr.update(visible=abstains(turn)),
        gr.update(label=title, visible=True),
        gr.update(value=sentence, visible=bool(sentence)),
        [(piece.text, piece.mark) for piece in pieces(language, turn)],
    )


def abstains(turn: Record) -> bool:
    """Whether the pane says that the text does not contain the answer, instead of answering."""
    return turn.found is False and turn.done and not turn.answer


def pieces(language: str, turn: Record) -> list[Piece]:
    """All pieces of the list, in order."""
    return [each for number in range(len(turn.passages)) for each in _passage_pieces(language, turn, number)]


def place_line(language: str, source: str, page: str, heading: str) -> str:
    """A file's name, page and headings, as far as there are any."""
    parts = [source, say(language, "compare.page", page=page) if page else "", heading]
    return " · ".join(part for part in parts if part)


def support_ranges(turn: Record, number: int) -> list[Range]:
    """The ranges in the document where passage `number` (from 0) supports the answer."""
    found = {
        (each["start"], each["end"]) for claim in turn.claims for each in claim["evidence"] if each["passage"] == number
    }
    return [Range(start, end) for start, end in sorted(found)]


def _passage_pieces(language: str, turn: Record, number: int) -> Iterator[Piece]:
    passage: Mapping[str, Any] = turn.passages[number]
    score = say(language, "compare.score", score=decimal(language, passage["score"], 2))
    place = place_line(language, passage["source"], passage["page"], passage["heading"])
    yield Piece(f"[{number + 1}] {_one_line(place)} · {score}", CITATION, number)
    yield Piece("\n", None, number)
    first, shown = passage["start"], _with_breaks(passage["text"])
    marks = [(Range(each.start - first, each.end - first), SUPPORT) for each in support_ranges(turn, number)]
    for text, kind in mark_pieces(shown, Range(0, len(shown)), marks):
        yield Piece(text, kind, number)
    yield Piece("\n\n" if number + 1 < len(turn.passages) else "\n", None, number)


def _with_breaks(text: str) -> str:
    """A passage, as long as before, whose lists, tables and code keep their lines; wrapped lines are joined."""
    joined = join_wrapped_lines(text)
    return joined if len(joined) == len(text) else re.sub(r"\s", " ", text)


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _support_sentence(language: str, turn: Record) -> str:
    """How much of the answer is supported; empty until the answer is complete.

    A turn stored before there were claims that are too short to check has none.
    """
    claims, supported = len(turn.claims), sum(bool(claim["evidence"]) for claim in turn.claims)
    too_short = sum(bool(claim.get("too_short")) for claim in turn.claims)
    if not claims:
        return ""
    if supported == claims:
        return say(language, "compare.supported_all")
    if too_short == claims:
        return say(language, "compare.too_short")
    count = f" {say(language, 'compare.too_short_count', count=too_short)}" if too_short else ""
    if not supported:
        return say(language, "compare.supported_none") + count
    return say(language, "compare.supported_some", supported=supported, claims=claims) + count
