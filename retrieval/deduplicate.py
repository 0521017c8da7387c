"""Finds passages that only repeat another one. Compares words, not vectors: near vectors may differ in one new fact."""

import re
import unicodedata
from collections.abc import Sequence

from retrieval.chunks import Passage

WORDS = 3  # per n-gram
# Signs that do not change the meaning are no part of a word; those of -5 and C++ are.
_WORD = re.compile(r"[-+]?\w+[+#]*|[^\w\s.,;:!?\"'“”‘’«»()\[\]*#_`|>–—…•-]")


def repeated_passages(passages: Sequence[Passage]) -> set[int]:
    """Positions of passages whose word trigrams all occur in one other passage under the same heading.

    Case, blanks, quotes and punctuation do not count; one other word or number does. Of equal passages the first stays.
    """
    trigrams = [_trigrams(passage) for passage in passages]
    holders: dict[tuple[str, str], set[int]] = {}
    repeated = set()
    for place in sorted(range(len(passages)), key=lambda place: -len(trigrams[place])):
        if _is_held(trigrams[place], holders):
            repeated.add(place)
            continue
        for trigram in trigrams[place]:
            holders.setdefault(trigram, set()).add(place)
    return repeated


def _is_held(trigrams: Sequence[tuple[str, str]], holders: dict[tuple[str, str], set[int]]) -> bool:
    """Whether one passage holds all the trigrams; the search ends at the first new one."""
    common: set[int] | None = None
    for trigram in trigrams:
        found = holders.get(trigram, set())
        common = found if common is None else common & found
        if not common:
            return False
    return True


def word_trigrams(text: str) -> list[str]:
    """The distinct trigrams of words in order, each joined by spaces; a text of fewer words is one trigram."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).lower()) or [text]
    return list(
        dict.fromkeys(" ".join(words[start : start + WORDS]) for start in range(max(1, len(words) - WORDS + 1)))
    )


def _trigrams(passage: Passage) -> list[tuple[str, str]]:
    """The passage's trigrams, each with the heading."""
    return [(passage.heading, trigram) for trigram in word_trigrams(passage.text)]
