"""Joins pieces of lines that PDFium or wide blanks parted: marks, drop capitals, words of justified lines."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retrieval.readers.pdf_columns import left_edges
from retrieval.readers.pdf_layout import Line, Page
from retrieval.readers.pdf_marks import join_letters, join_marks

LARGE = 1.8  # size of a drop capital, in sizes of its paragraph
SAME_EDGE = 1.5  # points between edges that are the same
INDENT = 3.0  # letter sizes by which the first line of a paragraph may begin further right
STRETCHED = 1.6  # letter sizes of the widest blank of a justified line
WIDEST, UNEVEN = 4.0, 1.5  # the same where every blank is about as wide; how many times the narrowest the widest is


def join_pieces(pieces: Sequence[Line]) -> Page:
    """The pieces of a page in their order, those joined that belong to one line."""
    return _join_stretched(_join_capitals(join_marks(list(join_letters(pieces)))))


def _join_capitals(pieces: Sequence[Line]) -> Page:
    """Pieces with the large first letter of a paragraph put before the first of the lines that stand beside it."""
    joined: Page = []
    for piece in pieces:
        capital = joined[-1] if joined else piece
        if joined and _is_capital_of(capital, piece):
            joined[-1] = replace(piece, text=capital.text + piece.text)
        else:
            joined.append(piece)
    return joined


def _is_capital_of(capital: Line, line: Line) -> bool:
    large = len(capital.text) <= 2 and capital.text.isalpha() and capital.size >= LARGE * line.size
    beside = -line.size <= line.left - capital.right <= line.size
    return large and beside and 0 <= line.base - capital.base <= capital.size


def _join_stretched(pieces: Sequence[Line]) -> Page:
    """Pieces with those joined that fill a line of a justified column: its blanks are wide, and about equally so."""
    columns = left_edges(pieces)
    joined: Page = []
    place = 0
    while place < len(pieces):
        stop = next(_ends_of_line(pieces, place, columns), place + 1)
        run = pieces[place:stop]
        joined.append(
            replace(run[0], text=" ".join(piece.text for piece in run), right=run[-1].right, drop=run[-1].drop)
            if len(run) > 1
            else run[0]
        )
        place = stop
    return joined


def _ends_of_line(pieces: Sequence[Line], place: int, columns: dict[int, list[float]]) -> Iterator[int]:
    """The places behind the runs from a place that fill a line of a column."""
    first = pieces[place]
    gaps: list[float] = []
    for stop in range(place + 1, len(pieces) if columns else 0):
        before, piece = pieces[stop - 1], pieces[stop]
        gaps.append((piece.left - before.right) / (piece.size or 1))
        if abs(piece.base - first.base) > 1 or gaps[-1] <= 0:
            return
        even = max(gaps) <= STRETCHED or _are_single_words(pieces[place : stop + 1], gaps)
        lefts = columns.get(round(piece.right), [])
        if even and any(left - SAME_EDGE <= first.left <= left + INDENT * first.size for left in lefts):
            yield stop + 1


def _are_single_words(run: Sequence[Line], gaps: Sequence[float]) -> bool:
    """Whether every blank of a line is wide, and about as wide as the others."""
    even = max(gaps) <= min(WIDEST, UNEVEN * min(gaps))
    return even and not any(" " in piece.text for piece in run)
