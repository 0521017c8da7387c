"""A document cut into pages to read: those of its file, or parts of one length, with what was left out of each."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.document import TRAIL, Document, Span
from retrieval.excerpt import Range, mark_pieces

MOST = 4_000  # characters of one page: a longer one becomes several
_BORDERS = ("\n\n", "\n", " ")
LEFT_OUT, TAKEN = "left out", "taken back"


@dataclass(frozen=True)
class ShownPage:
    """A range of the text, the label of its page in the file, its heading, and its places in `Document.left_out`."""

    start: int
    end: int
    label: str
    heading: str
    parts: tuple[int, ...]


def shown_pages(document: Document) -> list[ShownPage]:
    """All pages in order; together they hold the whole text and every part that was left out."""
    spans = _covering(document.pages, len(document.text)) or [Span(0, len(document.text), "")]
    pieces = [piece for span in spans for piece in _cut(document, span)]
    starts = [piece.start for piece in pieces]
    parts: dict[int, list[int]] = {}
    for place, part in enumerate(document.left_out):
        last = max(0, bisect_right(starts, part.start) - 1)
        own = [number for number, piece in enumerate(pieces) if piece.label == part.place] if document.pages else []
        parts.setdefault(min(max(last, own[0]), own[-1]) if own else last, []).append(place)
    return [
        ShownPage(piece.start, piece.end, piece.label, _heading_at(document, piece.start), tuple(parts.get(number, ())))
        for number, piece in enumerate(pieces)
    ]


def marked_text(document: Document, page: ShownPage) -> list[tuple[str, str | None]]:
    """The text of a page in pieces: what was taken back is marked, and a number stands where each part is missing."""
    parts = [(number, document.left_out[place]) for number, place in enumerate(page.parts, start=1)]
    taken = [(Range(part.start, part.start + len(part.text)), TAKEN) for _, part in parts if part.taken]
    missing = sorted((part.start, number) for number, part in parts if not part.taken)
    pieces: list[tuple[str, str | None]] = []
    start = page.start
    for place, number in missing:
        place = min(max(place, start), page.end)
        pieces += [*mark_pieces(document.text, Range(start, place), taken), (f"[{number}]", LEFT_OUT)]
        start = place
    return [piece for piece in [*pieces, *mark_pieces(document.text, Range(start, page.end), taken)] if piece[0]]


def _covering(pages: tuple[Span, ...], length: int) -> list[Span]:
    """The pages of a file, the first from the beginning of the text."""
    starts = [0, *(page.start for page in pages[1:])]
    return [
        Span(start, end, page.label) for start, end, page in zip(starts, [*starts[1:], length], pages, strict=False)
    ]


def _cut(document: Document, span: Span) -> Iterator[Span]:
    start = span.start
    while span.end - start > MOST:
        found = (document.text.rfind(border, start + MOST // 2, start + MOST) + len(border) for border in _BORDERS)
        end = next((each for each in found if each > start + MOST // 2), start + MOST)
        yield Span(start, end, span.label)
        start = end
    yield Span(start, span.end, span.label)


def _heading_at(document: Document, place: int) -> str:
    """The title of the heading above an offset."""
    found = bisect_right(document.headings, place, key=lambda span: span.start)
    return document.headings[found - 1].label.split(TRAIL)[-1] if found else ""
