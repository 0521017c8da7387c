"""What was read: a text page by page, beside what was left out of each page; one click takes a part back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from playground.errors import UserError
from playground.services.app import Services
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.text.read_notes import part_sentence
from retrieval.document import Document
from retrieval.shown_pages import LEFT_OUT, TAKEN, ShownPage, marked_text, shown_pages

PARTS = 5  # left-out parts in sight
COLOURS = {LEFT_OUT: "#d55e00", TAKEN: "#0072b2"}
HEADING_CHARS = 50


@dataclass(frozen=True)
class Place:
    """What is in sight: a document, the number of a page of it, and the first of that page's parts."""

    document: str
    page: int = 0
    first: int = 0


@dataclass(frozen=True)
class _Line:
    """The components for one part that was left out."""

    row: gr.Row
    sentence: gr.Textbox
    button: gr.Button


class WasRead:
    """The view's components; the tab wires them. Handlers give updates for `outputs`."""

    def __init__(self, services: Services) -> None:
        """Draw the view."""
        self.services = services
        self.place = gr.State(None)
        with gr.Row(elem_classes="ask page-choice"):
            self.page = gr.Dropdown([], label=mark("read.page"), scale=3, min_width=160)
            self.earlier = gr.Button(mark("read.earlier"), size="sm", scale=1, min_width=90)
            self.later = gr.Button(mark("read.later"), size="sm", scale=1, min_width=90)
        with gr.Row(equal_height=False):
            self.text = gr.HighlightedText(
                label=mark("read.text"),
                color_map=COLOURS,
                show_inline_category=False,
                interactive=False,
                min_width=280,
                elem_id="was-read",
                elem_classes=["cited", "page-text"],
            )
            with gr.Column(min_width=280, visible=False, elem_id="left-out") as self.aside:
                self.title = gr.Markdown()
                self.lines = [_build_line() for _ in range(PARTS)]
                self.more = gr.Button(mark("read.more"), size="sm", visible=False)

    @property
    def outputs(self) -> list[Any]:
        """What `updates` gives updates for."""
        lines = [each for line in self.lines for each in (line.row, line.sentence, line.button)]
        return [self.place, self.page, self.earlier, self.later, self.text, self.aside, self.title, *lines, self.more]

    def updates(self, language: str, visitor: str, place: Place | None) -> tuple[Any, ...]:
        """Updates that show a place, or nothing where there is no text."""
        if place is None:
            return None, *[gr.skip()] * (len(self.outputs) - 1)
        document = self.services.library.document(visitor, place.document)
        pages = shown_pages(document)
        number = min(place.page, len(pages) - 1)
        page = pages[number]
        choices = [(_page_label(language, document, pages, each), each) for each in range(len(pages))]
        parts = page.parts[place.first : place.first + PARTS]
        lines = [_line_updates(language, document, page, place.first + each) for each in range(PARTS)]
        title = say(language, "read.left_out" if parts else "read.nothing_here", count=len(page.parts))
        return (
            replace(place, page=number),
            gr.update(choices=choices, value=number, visible=len(pages) > 1),
            gr.update(interactive=number > 0, visible=len(pages) > 1),
            gr.update(interactive=number < len(pages) - 1, visible=len(pages) > 1),
            marked_text(document, page),
            gr.update(visible=bool(document.left_out)),
            title,
            *(each for line in lines for each in line),
            gr.update(visible=len(page.parts) > PARTS),
        )

    def handler(self, move: Callable[[Place, Any], Place]) -> Callable[..., tuple[Any, ...]]:
        """A handler that shows the place to which `move` leads from the one in sight."""

        def go(request: gr.Request, place: Place | None, value: Any = None) -> tuple[Any, ...]:
            language, visitor = language_of(request), visitor_of(self.services.visitors, request)
            return self.updates(language, visitor, move(place, value) if place else None)

        return go

    def moves(self) -> Iterator[tuple[Any, list[Any], Callable[..., tuple[Any, ...]]]]:
        """Every event that moves through the text, with its inputs and its handler."""
        yield self.page.input, [self.place, self.page], self.handler(_at_page)
        yield self.earlier.click, [self.place], self.handler(lambda at, _: Place(at.document, max(0, at.page - 1)))
        yield self.later.click, [self.place], self.handler(lambda at, _: Place(at.document, at.page + 1))
        yield self.more.click, [self.place], self._more

    def _more(self, request: gr.Request, place: Place | None) -> tuple[Any, ...]:
        """The next parts of this page; after the last ones the first again."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if place:
            following = place.first + PARTS
            place = replace(place, first=following if following < len(self._page(visitor, place).parts) else 0)
        return self.updates(language, visitor, place)

    def toggle(self, visitor: str, place: Place, line: int) -> Place:
        """Take the part of a line back, or leave it out again; returns where it stands then."""
        parts = self._page(visitor, place).parts[place.first :]
        if line >= len(parts):
            raise UserError("This part was not found in your text; it may have changed. Reload the page.")
        document = self.services.library.document(visitor, place.document)
        part = parts[line]
        self.services.library.take_part(visitor, place.document, part, not document.left_out[part].taken)
        pages = shown_pages(self.services.library.document(visitor, place.document))
        number = next(number for number, page in enumerate(pages) if part in page.parts)
        return replace(place, page=number, first=pages[number].parts.index(part) // PARTS * PARTS)

    def _page(self, visitor: str, place: Place) -> ShownPage:
        pages = shown_pages(self.services.library.document(visitor, place.document))
        return pages[min(place.page, len(pages) - 1)]


def _build_line() -> _Line:
    with gr.Row(visible=False, elem_classes="finding") as row:
        sentence = gr.Textbox(
            show_label=False, container=False, interactive=False, lines=1, max_lines=10, min_width=160, scale=4
        )
        button = gr.Button(mark("read.take_back"), size="sm", min_width=100, scale=0)
    return _Line(row, sentence, button)


def _line_updates(language: str, document: Document, page: ShownPage, number: int) -> tuple[Any, ...]:
    """Updates for a line's row, sentence and button."""
    if number >= len(page.parts):
        return gr.update(visible=False), "", gr.skip()
    part = document.left_out[page.parts[number]]
    label = mark("read.drop_again") if part.taken else mark("read.take_back")
    sentence = part_sentence(language, part, number + 1, page.label)
    words = say(language, "read.taken", sentence=sentence) if part.taken else sentence
    return gr.update(visible=True), words, gr.update(value=label, visible=part.can_be_taken)


def _page_label(language: str, document: Document, pages: list[ShownPage], number: int) -> str:
    """A page's number in the file or its place among the parts, its heading, and how many parts were left out of it."""
    page = pages[number]
    key = "read.page_of_file" if document.pages else "read.page_of_parts"
    place = say(language, key, page=page.label or number + 1, count=len(pages))
    left = say(language, "read.page_left_out", count=len(page.parts)) if page.parts else ""
    return " · ".join(filter(None, [place, page.heading[:HEADING_CHARS], left]))


def _at_page(at: Place, page: int | None) -> Place:
    """The page that was chosen; the same one where the choice is empty."""
    return at if page is None else Place(at.document, int(page))
