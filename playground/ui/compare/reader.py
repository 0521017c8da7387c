"""The reader under the panes: shows a document around a cited passage, and moves through it in both directions."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from gradio.blocks import Block

from playground.errors import UserError
from playground.services.app import Services
from playground.ui.compare.sources import COLOURS, pieces, place_line, support_ranges
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from retrieval.document import Document
from retrieval.excerpt import Range, excerpt, range_above, range_around, range_below


@dataclass(frozen=True)
class ReaderState:
    """What the reader shows: a document's id, the visible range, the cited passage, and the supporting ranges."""

    document: str
    shown: Range
    passage: Range
    support: tuple[Range, ...]


class Reader:
    """The panel's components and their events; handlers give updates for `outputs`."""

    def __init__(self, services: Services) -> None:
        """Draw the panel, hidden."""
        self.services = services
        self.place = gr.State(None)
        with gr.Column(visible=False, elem_id="reader", elem_classes="reader") as self.panel:
            self.where = gr.Textbox(label=mark("reader.where"), interactive=False, lines=1, max_lines=3)
            with gr.Row(elem_classes="steps"):
                self.earlier = gr.Button(mark("reader.earlier"), size="sm", min_width=90)
                self.back = gr.Button(mark("reader.back"), size="sm", min_width=90)
                self.later = gr.Button(mark("reader.later"), size="sm", min_width=90)
                self.close = gr.Button(mark("reader.close"), size="sm", min_width=90, elem_id="reader-close")
            self.text = gr.HighlightedText(
                label=mark("reader.text"),
                color_map=COLOURS,
                show_inline_category=False,
                interactive=False,
                elem_classes=["cited", "page-text"],
            )

    @property
    def outputs(self) -> list[Block]:
        """What every handler gives updates for."""
        return [self.place, self.panel, self.where, self.text, self.earlier, self.later]

    def open_passage(self, request: gr.Request, arm: str, event: gr.SelectData) -> tuple[Any, ...]:
        """Show the document around the passage that was clicked in this arm's pane."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        turns = self.services.conversations.shown(visitor).get(arm, [])
        shown = pieces(language, turns[-1]) if turns else []
        if event.index >= len(shown) or shown[event.index].text != event.value[0]:
            raise UserError(say(language, "reader.unfinished"))
        number = shown[event.index].passage
        cited = turns[-1].passages[number]
        id_, document = self.services.library.cited_document(visitor, cited)
        passage = Range(cited["start"], cited["end"])
        place = ReaderState(id_, range_around(document, passage), passage, tuple(support_ranges(turns[-1], number)))
        return self._draw(language, document, place)

    def move_handler(self, step: Callable[[Document, Range], Range]) -> Callable[..., tuple[Any, ...]]:
        """A handler that shows the range that `step` returns for the current one."""

        def move(request: gr.Request, place: ReaderState | None) -> tuple[Any, ...]:
            if place is None:
                return close_updates()
            language, visitor = language_of(request), visitor_of(self.services.visitors, request)
            document = self.services.library.document(visitor, place.document)
            return self._draw(language, document, replace(place, shown=step(document, place.shown)))

        return move

    def step_buttons(self) -> list[tuple[gr.Button, Callable[..., tuple[Any, ...]]]]:
        """The buttons that move through the document, each with its handler."""
        return [
            (self.earlier, self.move_handler(range_above)),
            (self.later, self.move_handler(range_below)),
            (self.back, self._back_to_passage),
        ]

    def redraw(self, visitor: str, place: ReaderState | None) -> tuple[Any, ...]:
        """Updates that leave the panel as it is, or close it if its document is gone."""
        ids = [row.id for row in self.services.library.rows(visitor)]
        return tuple(gr.skip() for _ in self.outputs) if place is None or place.document in ids else close_updates()

    def _back_to_passage(self, request: gr.Request, place: ReaderState | None) -> tuple[Any, ...]:
        passage = place.passage if place else Range(0, 0)
        return self.move_handler(lambda document, _: range_around(document, passage))(request, place)

    def _draw(self, language: str, document: Document, place: ReaderState) -> tuple[Any, ...]:
        read = excerpt(document, place.shown, place.passage, place.support)
        return (
            place,
            gr.update(visible=True),
            place_line(language, document.name, read.page, read.heading),
            list(read.pieces),
            gr.update(interactive=place.shown.start > 0),
            gr.update(interactive=place.shown.end < len(document.text)),
        )


def close_updates() -> tuple[Any, ...]:
    """Updates that close the panel and clear its text."""
    return None, gr.update(visible=False), "", [], gr.skip(), gr.skip()
