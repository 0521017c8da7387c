"""Reads lines from right to left by the places of their letters, as files store them in the order of drawing or not."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.compat import Letters
from retrieval.readers.pdf_layout import Line

GAP = 1.0  # letter sizes between two pieces of one line
BLANK = 0.15  # the same between two words
_FORMS = re.compile("[\ufb1d-\ufd3d\ufd50-\ufdff\ufe70-\ufefc]+")
_LEFT_TO_RIGHT = re.compile(  # words of Latin letters with the blanks between, numbers with their signs
    r"[%°$€£]?[^\W_\u0590-\u08ff](?:(?:[-.,:/@_+#&'’]+| (?=[^\W\d_\u0590-\u08ff]))?[^\W_\u0590-\u08ff])*[%°$€£]?"
)
_ALEFS = "اأإآ"
_TURNED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


@dataclass(frozen=True)
class _Glyph:
    """A letter with its number on the page and its left and right ends; the page is mirrored."""

    text: str
    place: int
    left: float
    right: float


def can_be_sorted(text: str) -> bool:
    """Whether the order of the letters follows from their places alone: none is a mark above or below another."""
    return all(unicodedata.category(letter) != "Mn" and ord(letter) < 0x10000 for letter in text)


def pieces_by_place(letters: Letters, text: str, start: int) -> Iterator[Line]:
    """The pieces of a line from right to left in the order of reading; `letters` has to be mirrored."""
    size = max(letters.size(start + place) for place in (0, len(text) - 1))
    base = letters.origin(start)[1]
    run: list[_Glyph] = []
    for glyph in _sorted(letters, text, start):
        if run and glyph.left - run[-1].right >= GAP * size:
            yield _line(letters, run, base, size)
            run = []
        run.append(glyph)
    if run:
        yield _line(letters, run, base, size)


def _sorted(letters: Letters, text: str, start: int) -> list[_Glyph]:
    """The letters from right to left as they are seen, without blanks."""
    found = []
    for place, letter in enumerate(text, start=start):
        if not letter.isspace():
            left, right, _ = letters.loose_box(place)
            found.append(_Glyph(letter, place, left, max(right, letters.origin(place)[0])))
    return sorted(found, key=lambda glyph: (round(glyph.left, 1), glyph.text in _ALEFS))


def _line(letters: Letters, run: Sequence[_Glyph], base: float, size: float) -> Line:
    seen = run[0].text
    for before, glyph in zip(run, run[1:], strict=False):
        seen += (" " if glyph.left - before.right >= BLANK * size else "") + glyph.text
    return Line(_logical(seen), run[0].left, letters.loose_box(run[0].place)[2], run[-1].right, base, size)


def _logical(seen: str) -> str:
    """A line as seen from right to left in the order of reading: what runs from left to right is turned around."""
    text = _LEFT_TO_RIGHT.sub(lambda match: match[0][::-1], seen)
    text = _FORMS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    opening, closing = text.find("("), text.find(")")
    return text.translate(_TURNED) if 0 <= closing < opening or closing >= 0 > opening and text[0] == ")" else text


def unmirrored(line: Line) -> Line:
    """A line at its place in a page that is not mirrored."""
    return replace(line, left=-line.right, right=-line.left)
