"""Scores passages by the terms of a question: BM25, and how much of the question one sentence of the passage holds.

BM25 counts terms that stand far apart like those of one sentence. How much the best sentence counts beside it is the
caller's choice: it helps where no encoder is trusted to tell near passages apart.
"""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

import bm25s
import numpy as np

from retrieval.chunks import sentences
from retrieval.language import MixedTerms, Terms

BM25_K1, BM25_B = 1.2, 0.75
SPELT = 6  # letters from which on a word that no passage has is taken for a misspelling of one that some have
SIMILAR = 0.85  # how alike the two are, 0…1 (difflib's ratio)
FEW = 20  # passages: among fewer, how many have a term says too little about it


class Lexical:
    """The terms of passages; immutable. `frequency` is the number of passages that have a term."""

    def __init__(self, texts: Sequence[str], terms: Terms | MixedTerms) -> None:
        corpus = [terms(text) for text in texts]
        self._passages_with: dict[str, array[int]] = {}
        for place, each in enumerate(corpus):
            _add_place(self._passages_with, each, place)
        self.frequency = Counter({term: len(places) for term, places in self._passages_with.items()})
        self._count = len(texts)
        self._words_by_letter: dict[str, list[str]] = {}
        for term in self.frequency:
            if len(term) >= SPELT and term.isalpha():
                self._words_by_letter.setdefault(term[0], []).append(term)
        self._bm25 = _bm25(corpus)
        self._first_sentences: list[int] = []
        self._sentences_with: dict[str, array[int]] = {}
        self._sentence_count = 0
        for text in texts:
            self._first_sentences.append(self._sentence_count)
            self._add_sentences(text, terms)

    def scores(self, terms: Sequence[str], sentence_weight: float) -> np.ndarray:
        """BM25 and the weighted best sentence of every passage (n,); zeros if there are no terms.

        A long word that no passage has counts as the most similar one that begins with the same letter.
        """
        if self._bm25 is None or not terms:
            return np.zeros(self._count, dtype=np.float32)
        terms = [self._spelt(term) for term in terms]
        scores = self._bm25.get_scores(terms)
        return scores + sentence_weight * self._best_sentences(terms) if sentence_weight else scores

    def holding(self, term: str) -> np.ndarray:
        """Whether each passage has the term (n,)."""
        holds = np.zeros(self._count, dtype=bool)
        holds[np.array(self._passages_with.get(term, ()), dtype=np.int64)] = True
        return holds

    def idf(self, term: str) -> float:
        """The inverse document frequency of a term."""
        found = self.frequency[term]
        return math.log(1 + (max(FEW, self._count) - found + 0.5) / (found + 0.5))

    def _spelt(self, term: str) -> str:
        """The term, or the term of a passage that it may be a misspelling of."""
        if self.frequency[term] or len(term) < SPELT or not term.isalpha():
            return term
        return next(iter(get_close_matches(term, self._words_by_letter.get(term[0], ()), 1, SIMILAR)), term)

    def _add_sentences(self, text: str, terms: Terms | MixedTerms) -> None:
        parts = [text[start:end] for start, end in sentences(text)] or [text]
        for place, part in enumerate(parts, start=self._sentence_count):
            _add_place(self._sentences_with, terms(part), place)
        self._sentence_count += len(parts)

    def _places(self, term: str) -> np.ndarray:
        return np.array(self._sentences_with.get(term, ()), dtype=np.int64)

    def _best_sentences(self, terms: Sequence[str]) -> np.ndarray:
        """For every passage the greatest sum of the weights of the terms in one sentence (n,)."""
        weights = np.zeros(self._sentence_count, dtype=np.float32)
        for term in set(terms):
            weights[self._places(term)] += self.idf(term)
        return np.maximum.reduceat(weights, self._first_sentences)


def _add_place(places_with: "dict[str, array[int]]", terms: Sequence[str], place: int) -> None:
    for term in set(terms):
        places_with.setdefault(term, array("l")).append(place)


def _bm25(corpus: list[list[str]]) -> bm25s.BM25 | None:
    """Lucene's BM25 over the terms of every passage; None if no passage has a term."""
    if not any(corpus):
        return None
    bm25 = bm25s.BM25(method="lucene", k1=BM25_K1, b=BM25_B)
    bm25.index(corpus, show_progress=False)
    return bm25
