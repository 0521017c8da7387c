"""Finds the sentences of the passages that support an answer, by shared words. Uses no model and no index.

Each sentence of an answer is a claim. A passage's sentence supports a claim by its share of the claim's terms, weighted
by rarity; terms of the question weigh little, because every sentence on the subject has them. Of several supporting
sentences those nearest to the question stay: "308" alone may occur in many.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.chunks import Passage, sentences
from retrieval.language import Terms, detect_language

THRESHOLD = 0.5  # this and the three below were chosen on half of the articles; docs/log.md reports on the other half
QUESTION_WEIGHT = 0.15  # factor for a claim's term that is also in the question
NEARNESS = 1.0  # weight of the share of the question's terms, where several sentences support the claim
NEAR_BEST = 0.95  # least share of the best sentence's score and nearness


@dataclass(frozen=True)
class SupportingSentence:
    """A supporting sentence: the position of its passage in the input, offsets in its document, and its score (0…1)."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Claim:
    """A sentence of the answer, `answer[start:end]`, with its supporting sentences, best first, if any."""

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
    """Every sentence of the answer that has a term, with the passages' sentences that support it."""
    terms = Terms(detect_language("\n".join(each.text for each in passages)))
    candidates = _sentences_of(passages, terms)
    rarity = _Rarity(candidates)
    question_terms = {term: rarity(term) for term in terms(question)}
    claims = []
    for start, end in sentences(answer):
        claim_terms = {
            term: rarity(term) * (QUESTION_WEIGHT if term in question_terms else 1) for term in terms(answer[start:end])
        }
        if claim_terms:
            claims.append(Claim(start, end, _evidence(claim_terms, question_terms, candidates)))
    return claims


def _sentences_of(passages: Sequence[Passage], terms: Terms) -> list[_Sentence]:
    """Every sentence of the passages with its offsets in the document."""
    return [
        _Sentence(number, passage.start + start, passage.start + end, frozenset(terms(passage.text[start:end])))
        for number, passage in enumerate(passages)
        for start, end in sentences(passage.text)
    ]


class _Rarity:
    """BM25's inverse document frequency; a term of no sentence weighs most, so that invented words cost support."""

    def __init__(self, candidates: Sequence[_Sentence]) -> None:
        self._count = len(candidates)
        self._frequency = Counter(term for each in candidates for term in each.terms)

    def __call__(self, term: str) -> float:
        found = self._frequency[term]
        return math.log(1 + (self._count - found + 0.5) / (found + 0.5))


def _evidence(
    claim_terms: dict[str, float], question_terms: dict[str, float], candidates: Sequence[_Sentence]
) -> tuple[SupportingSentence, ...]:
    """The sentences that hold enough of the claim, without those much worse than the best."""
    scored = [(_share(claim_terms, each), each) for each in candidates]
    supporting = [
        (score + NEARNESS * _share(question_terms, each), score, each) for score, each in scored if score >= THRESHOLD
    ]
    best = max((rank for rank, _, _ in supporting), default=0.0)
    near = sorted((each for each in supporting if each[0] >= NEAR_BEST * best), key=lambda each: -each[0])
    return tuple(SupportingSentence(each.passage, each.start, each.end, score) for _, score, each in near)


def _share(weights: dict[str, float], sentence: _Sentence) -> float:
    """The weighted share (0…1) of the terms that the sentence holds."""
    return sum(weights[term] for term in weights.keys() & sentence.terms) / max(sum(weights.values()), 1e-9)
