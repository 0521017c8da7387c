"""Cuts raised and lowered marks from a line of a PDF, and joins them to what they stand beside: 10⁵, H₂O, note 1."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from retrieval.compat import Letters
from retrieval.readers.pdf_layout import Line, Page
from retrieval.readers.raised import subscript, superscript

SMALL = 0.85  # largest size of a raised or lowered mark, relative to its neighbour
MARK_CHARS = 6  # most characters of a mark
HIGHEST, LOWEST = 0.8, 0.45  # how far above and below the line a mark may stand, in sizes of its neighbour
SHIFT = 0.05  # the same, from which on a letter is off the line
BESIDE = 0.7  # letter sizes between a mark and what it belongs to
BLANK = 0.1  # letter sizes between a mark and what follows it that are a blank
_TOKEN = re.compile(r"\S+")
_MAY_BE_MARK = re.compile(r"[\d*†‡§®™º]")
# After these a raised number is an exponent, else the number of a note: digits, brackets, and short units as in "12 m".
_BEFORE_EXPONENT = re.compile(r"(?:\d[ \u00a0]?|^|[(/·])[^\W\d_]{1,2}$|(?<!\w)[^\W\d_]$|[\d)\]]$")


def cut_at_marks(letters: Letters, text: str, start: int, last: int) -> list[tuple[int, int]]:
    """Where the parts of a text begin and end, each of letters on one line; `start` is its first place on the page.

    Only the first and last word and those with numbers or signs are looked at, as it takes time.
    """
    found = [each.span() for each in _TOKEN.finditer(text)]
    words = [(one, two) for one, two in found[1:-1] if _MAY_BE_MARK.search(text, one, two)]
    words = [found[0], *words, *found[1:][-1:]]
    ends = {place: letters.size(min(start + place, last)) for one, two in words for place in (one, two - 1)}
    full = max(ends.values())
    if min(ends.values()) > SMALL * full:
        return [(0, len(text))]
    upright = next(place for place, size in ends.items() if size > SMALL * full)
    base = letters.origin(min(start + upright, last))[1]
    cuts = {
        cut
        for one, two in words
        if min(ends[one], ends[two - 1]) <= SMALL * full
        for cut in _cuts([_is_off(letters, min(start + place, last), full, base) for place in range(one, two)], one)
    }
    borders = sorted({0, len(text), *(cut + len(text[cut:]) - len(text[cut:].lstrip()) for cut in cuts)})
    return [(one, one + len(text[one:two].rstrip())) for one, two in zip(borders, borders[1:], strict=False)]


def _cuts(off: Sequence[bool], start: int) -> list[int]:
    """The places in a word where it leaves the line or comes back to it, and its ends where it is off the line."""
    return [
        start + place for place, (one, two) in enumerate(zip([False, *off], [*off, False], strict=True)) if one != two
    ]


def _is_off(letters: Letters, place: int, full: float, base: float) -> bool:
    """Whether a letter is small and stands above or below the line."""
    return letters.size(place) <= SMALL * full and abs(letters.origin(place)[1] - base) >= SHIFT * full


def mark_text(mark: str, before: str) -> str:
    """A raised mark with what parts it from the text before: "⁵" after "10", " 1" after "members"."""
    if not mark.isdigit() or _BEFORE_EXPONENT.search(before):
        return superscript(mark, before)
    return f" {mark}"


def join_marks(pieces: Sequence[Line]) -> Page:
    """Pieces with the marks that stand higher or lower, and with what follows these on the line."""
    joined: Page = []
    after_mark = False
    for piece in pieces:
        above = joined[-1] if joined else piece
        mark = _mark(above, piece) if joined else ""
        if mark:
            joined[-1] = replace(above, text=above.text + mark, right=piece.right)
        elif after_mark and abs(_end(above) - piece.base) < 1 and _touch(above, piece):
            joined[-1] = _followed(above, piece)
        elif joined and _mark(piece, above, before=True):
            joined[-1] = replace(piece, text=f"{above.text} {piece.text}", left=above.left)
        else:
            joined.append(piece)
        after_mark = bool(mark)
    return joined


def _followed(line: Line, piece: Line) -> Line:
    """A line that ends with a mark, and the rest of it."""
    blank = " " if piece.left - line.right >= BLANK * piece.size else ""
    return replace(line, text=line.text + blank + piece.text, right=piece.right, drop=line.drop + piece.drop)


def _end(line: Line) -> float:
    """The baseline on which a line ends."""
    return line.base - line.drop


def _touch(one: Line, two: Line) -> bool:
    return -BLANK * one.size <= two.left - one.right <= BESIDE * max(one.size, two.size)


def _mark(line: Line, mark: Line, before: bool = False) -> str:
    """The text of a mark beside a line; an empty string for any other piece."""
    rise = (mark.base - (line.base if before else _end(line))) / (line.size or 1)
    beside = _touch(mark, line) if before else _touch(line, mark)
    small = len(mark.text) <= MARK_CHARS and mark.size <= SMALL * line.size
    if not small or not beside or abs(rise) < SHIFT or not -LOWEST < rise < HIGHEST:
        return ""
    return mark_text(mark.text, line.text) if rise > 0 else subscript(mark.text)


def join_letters(pieces: Sequence[Line]) -> Iterator[Line]:
    """Pieces with those joined that touch on one line, as PDFium parts the letters of sparse pages."""
    line: Line | None = None
    for piece in pieces:
        if line and abs(_end(line) - piece.base) < 1 and abs(piece.left - line.right) < BLANK * piece.size:
            line = replace(line, text=line.text + piece.text, right=piece.right, drop=line.drop + piece.drop)
            continue
        if line:
            yield line
        line = piece
    if line:
        yield line
