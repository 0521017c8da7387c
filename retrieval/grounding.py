"""Which sentences of the passages say what an answer says: by the words they share. Asks no model, knows no index.

A sentence of an answer is a claim. A passage's sentence supports it as far as it holds the claim's terms, the rare ones
counting more; what the question said already counts little, because every sentence about its subject has that. Of
several that support it, those nearest to the question stay: "308" alone may stand in many sentences.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.chunks import Passage, sentences
from retrieval.language import Terms, detect_language

THRESHOLD = 0.5  # chosen, like the three below, on half of the articles that docs/log.md reports the other half of
QUESTION_WEIGHT = 0.15  # of a claim's term that the question has too
NEARNESS = 1.0  # of the share of the question that a sentence holds, where several support the claim
NEAR_BEST = 0.95  # of the best one's score and nearness


@dataclass(frozen=True)
class SupportingSentence:
    """A supporting sentence: the passage's place among those given, offsets in its document, and its score (0…1)."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Claim:
    """A sentence of the answer, `answer[start:end]`, with what supports it, best first; nothing where nothing does."""

    start: int
    end: int
    evidence: tuple[SupportingSentence, ...]


@dataclass(frozen=True)
class _Sentence:
    passage: int
    start: int
    end: int
    terms: frozenset[str]


def claims_with_evidence(answer: str, question: str, passages: Sequence[Passage]) -> list[Claim]:
    """Every sentence of the answer that says something, with the passages' sentences that say the same."""
    terms = Terms(detect_language("\n".join(each.text for each in passages)))
    written = _written(passages, terms)
    rarity = _Rarity(written)
    asked = {term: rarity(term) for term in terms(question)}
    claims = []
    for start, end in sentences(answer):
        said = {term: rarity(term) * (QUESTION_WEIGHT if term in asked else 1) for term in terms(answer[start:end])}
        if said:
            claims.append(Claim(start, end, _evidence(said, asked, written)))
    return claims


def _written(passages: Sequence[Passage], terms: Terms) -> list[_Sentence]:
    """Every sentence of the passages with its offsets in the document."""
    return [
        _Sentence(number, passage.start + start, passage.start + end, frozenset(terms(passage.text[start:end])))
        for number, passage in enumerate(passages)
        for start, end in sentences(passage.text)
    ]


class _Rarity:
    """BM25's inverse frequency; a term of no sentence weighs most, so that made-up words cost support."""

    def __init__(self, written: Sequence[_Sentence]) -> None:
        self._count = len(written)
        self._frequency = Counter(term for each in written for term in each.terms)

    def __call__(self, term: str) -> float:
        found = self._frequency[term]
        return math.log(1 + (self._count - found + 0.5) / (found + 0.5))


def _evidence(
    said: dict[str, float], asked: dict[str, float], written: Sequence[_Sentence]
) -> tuple[SupportingSentence, ...]:
    """The sentences that hold enough of the claim, without those far behind the best."""
    scored = [(_held(said, each), each) for each in written]
    enough = [(score + NEARNESS * _held(asked, each), score, each) for score, each in scored if score >= THRESHOLD]
    best = max((rank for rank, _, _ in enough), default=0.0)
    near = sorted((each for each in enough if each[0] >= NEAR_BEST * best), key=lambda each: -each[0])
    return tuple(SupportingSentence(each.passage, each.start, each.end, score) for _, score, each in near)


def _held(weights: dict[str, float], sentence: _Sentence) -> float:
    """The share of the terms' weight that the sentence holds."""
    return sum(weights[term] for term in weights.keys() & sentence.terms) / max(sum(weights.values()), 1e-9)
