"""Vietnamese questions that are typed without marks -> the words of the text that they stand for."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from math import log

import regex

LEAST_KNOWN = 0.7  # share of a question's words that are words of the text without their marks, or of questions
MIN_WORDS = 2
ASKING = frozenset("ai bao cach co dau duoc gi khi khong la lam lau may mot nao nhieu nhu sao tai the vi".split())
ENGLISH = frozenset("what how does did which who when where why is are was were of and".split())  # no such syllables
PAIR_WEIGHT = 4.0  # of two words that follow each other in the text, next to 1 for how often a word is there
_WORD = regex.compile(r"(?<![\p{L}\p{M}\d])[\p{L}\p{M}]++(?!\d)")


def without_marks(word: str) -> str:
    """A word in small letters, without the marks of tones and vowels."""
    bare = "".join(each for each in unicodedata.normalize("NFD", word.lower()) if not unicodedata.combining(each))
    return bare.replace("đ", "d")


class MarkedWords:
    """The words of a text by their forms without marks, and how often two follow each other."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._count: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        for text in texts:
            words = [unicodedata.normalize("NFC", word.lower()) for word in _WORD.findall(text)]
            self._count.update(words)
            self._pairs.update(pairwise(words))
        self._forms: dict[str, list[str]] = {}
        for word in self._count:
            self._forms.setdefault(without_marks(word), []).append(word)

    def with_marks(self, question: str) -> str:
        """The question in the words of the text; as it is where it has marks or most of its words are none of these."""
        if not question.isascii():
            return question
        words = [word.lower() for word in _WORD.findall(question)]
        known = sum(word in self._forms or word in ASKING for word in words)
        if len(words) < MIN_WORDS or known < LEAST_KNOWN * len(words) or not ENGLISH.isdisjoint(words):
            return question
        chosen = iter(self._likeliest(words))
        return _WORD.sub(lambda found: _as_cased(found[0], next(chosen)), question)

    def _likeliest(self, words: list[str]) -> list[str]:
        """The words of the text that together follow each other most often."""
        best: dict[str, tuple[float, list[str]]] = {"": (0.0, [])}
        for word in words:
            best = {form: self._best_before(best, form) for form in self._forms.get(word, [word])}
        return max(best.values())[1]

    def _best_before(self, best: dict[str, tuple[float, list[str]]], form: str) -> tuple[float, list[str]]:
        own = log(1 + self._count[form])
        score, path = max(
            (score + PAIR_WEIGHT * log(1 + self._pairs[before, form]), path) for before, (score, path) in best.items()
        )
        return score + own, [*path, form]


def _as_cased(typed: str, word: str) -> str:
    """The word as it was typed where it has no marks in the text."""
    return typed if word.isascii() else word
