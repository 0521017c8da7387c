"""A part of a document to read: its page and heading, the marked ranges, and the parts before and after it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.document import Document, Span

BEFORE = 600  # characters shown above a passage
STRETCH = 2_400  # characters of one excerpt
REACH = 300  # characters that a border may move to fall between two paragraphs
PASSAGE, SUPPORT = "passage", "support"
_BORDERS = (re.compile(r"\n[ \t]*\n"), re.compile(r"\n"), re.compile(r"\s"))


@dataclass(frozen=True)
class Range:
    """Character offsets in a document, end exclusive."""

    start: int
    end: int


@dataclass(frozen=True)
class Excerpt:
    """Pieces of text in order, each with its mark (passage, support or none), with their page and heading."""

    page: str
    heading: str
    pieces: tuple[tuple[str, str | None], ...]


def range_around(document: Document, passage: Range) -> Range:
    """The range that begins a little before the passage and holds all of it."""
    first = _nearest_border(document.text, passage.start - BEFORE)
    last = _nearest_border(document.text, max(passage.start - BEFORE + STRETCH, passage.end + BEFORE))
    return Range(min(first, passage.start), max(last, passage.end))


def range_above(document: Document, shown: Range) -> Range:
    """The range above, or the same one at the start of the document."""
    return Range(_nearest_border(document.text, shown.start - STRETCH), shown.start) if shown.start > 0 else shown


def range_below(document: Document, shown: Range) -> Range:
    """The range below, or the same one at the end of the document."""
    end = len(document.text)
    return Range(shown.end, _nearest_border(document.text, shown.end + STRETCH)) if shown.end < end else shown


def excerpt(document: Document, shown: Range, passage: Range, support: Sequence[Range]) -> Excerpt:
    """The range with its marks; page and heading are those of the passage if it begins in the range."""
    in_sight = shown.start <= passage.start < shown.end
    here = passage if in_sight else shown
    pages = [span.label for span in document.pages if span.start < here.end and here.start < span.end]
    return Excerpt(
        page="–".join(dict.fromkeys([*pages[:1], *pages[-1:]])),
        heading=_heading_at(document.headings, passage.end - 1 if in_sight else shown.start),
        pieces=tuple(mark_pieces(document.text, shown, [(passage, PASSAGE), *((each, SUPPORT) for each in support)])),
    )


def mark_pieces(text: str, shown: Range, marks: Sequence[tuple[Range, str]]) -> list[tuple[str, str | None]]:
    """The range in pieces; where marks overlap, the last one in `marks` counts."""
    edges = {edge for each, _ in marks for edge in (each.start, each.end) if shown.start < edge < shown.end}
    borders = sorted({shown.start, shown.end, *edges})
    return [
        (text[start:end], next((mark for each, mark in reversed(marks) if each.start <= start < each.end), None))
        for start, end in zip(borders, borders[1:], strict=False)
    ]


def _nearest_border(text: str, place: int) -> int:
    """The offset nearest to a place at which a paragraph begins, else a line, else a word."""
    if place <= REACH:
        return 0
    if place >= len(text) - REACH:
        return len(text)
    for kind in _BORDERS:
        found = [match.end() for match in kind.finditer(text, place - REACH, place + REACH)]
        if found:
            return min(found, key=lambda each: abs(each - place))
    return place


def _heading_at(headings: Sequence[Span], offset: int) -> str:
    return next((span.label for span in headings if span.start <= offset < span.end), "")
