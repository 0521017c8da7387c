"""Which words of an answer another answer does not say."""

import re
import unicodedata
from collections.abc import Iterator

WORD = re.compile(r"\w+(?:[-'’.,:/]\w+)*")
OWN = "own"  # the mark of words that only this answer says


def mark_own_words(answer: str, other: str) -> list[tuple[str, str | None]]:
    """The answer in pieces, each with its mark; upper and lower case are one, and neighbouring words one piece."""
    composed = unicodedata.normalize("NFC", answer)
    said = {word.casefold() for word in WORD.findall(unicodedata.normalize("NFC", other))}
    pieces, end = list[tuple[str, str | None]](), 0
    for start, stop in _joined(composed, said):
        pieces += [(composed[end:start], None), (composed[start:stop], OWN)]
        end = stop
    return [(text, mark) for text, mark in [*pieces, (composed[end:], None)] if text]


def _joined(text: str, said: set[str]) -> Iterator[tuple[int, int]]:
    """The places of the words that are not among those said; words with only blanks between them are one place."""
    places = [word.span() for word in WORD.finditer(text) if word.group().casefold() not in said]
    while places:
        start, end = places.pop(0)
        while places and not text[end : places[0][0]].strip():
            _, end = places.pop(0)
        yield start, end
