"""Which passages only repeat another one. Knows words, not vectors: two near vectors may differ by the one new fact."""

import re
import unicodedata
from collections.abc import Sequence

from retrieval.chunks import Passage

RUN = 3  # words
# Signs that may come and go without a change of meaning are no part of a word; those of -5 and C++ are.
_WORD = re.compile(r"[-+]?\w+[+#]*|[^\w\s.,;:!?\"'“”‘’«»()\[\]*#_`|>–—…•-]")


def repeated_passages(passages: Sequence[Passage]) -> set[int]:
    """Places of passages all of whose runs of three words stand in another passage under the same heading.

    Case, blanks, quotes and punctuation make no difference; one other word or number does. Of equals the first stays.
    """
    runs = [_runs(passage) for passage in passages]
    holders: dict[tuple[str, str], set[int]] = {}
    folded = set()
    for place in sorted(range(len(passages)), key=lambda place: -len(runs[place])):
        if _held(runs[place], holders):
            folded.add(place)
            continue
        for run in runs[place]:
            holders.setdefault(run, set()).add(place)
    return folded


def _held(runs: Sequence[tuple[str, str]], holders: dict[tuple[str, str], set[int]]) -> bool:
    """Whether one passage holds all the runs; the first run that is new ends the search."""
    common: set[int] | None = None
    for run in runs:
        found = holders.get(run, set())
        common = found if common is None else common & found
        if not common:
            return False
    return True


def word_trigrams(text: str) -> list[str]:
    """The different runs of three words in order, parted by blanks; a text shorter than a run is one."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).lower()) or [text]
    return list(dict.fromkeys(" ".join(words[start : start + RUN]) for start in range(max(1, len(words) - RUN + 1))))


def _runs(passage: Passage) -> list[tuple[str, str]]:
    """The passage's runs, each with the heading."""
    return [(passage.heading, run) for run in word_trigrams(passage.text)]
