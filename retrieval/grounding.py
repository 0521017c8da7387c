"""Finds the sentences of the passages that support an answer, by shared words. Uses no model and no index.

Each sentence of an answer is a claim. A passage's sentence supports a claim by its share of the claim's terms, weighted
by rarity; terms of the question weigh little, because every sentence on the subject has them. Of several supporting
sentences those nearest to the question stay: "308" alone may occur in many.

A bare phrase is found in many sentences that say nothing of the question. It is supported only by one that shares the
question's terms; elsewhere it is too short to check, and so is a phrase that adds nothing to the question, or one where
an explanation was asked for. A sentence that adds little to the question must be near what it repeats of it.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval.chunks import Passage, announces_more, sentences
from retrieval.language import Terms, detect_language
from retrieval.question_form import asks_for_explanation

THRESHOLD = 0.5  # this and the three below were chosen on half of the articles; docs/log.md reports on the other half
QUESTION_WEIGHT = 0.15  # factor for a claim's term that is also in the question
NEARNESS = 1.0  # weight of the share of the question's terms, where several sentences support the claim
NEAR_BEST = 0.95  # least share of the best sentence's score and nearness
BARE_TERMS = 3  # most terms of its own that a bare phrase has
BARE_SYLLABLES = 6  # the same in Vietnamese, whose terms are syllables
NEIGHBOURS = 0.25  # weight of the sentences before and after, where a bare phrase's nearness to the question counts
PHRASE_WORDS = 6  # most words of a bare phrase; a longer claim is a sentence
LEAST_NEAR = 0.5  # least nearness of a bare phrase's sentence, as a share of the nearest sentence's


@dataclass(frozen=True)
class SupportingSentence:
    """A supporting sentence: the position of its passage in the input, offsets in its document, and its score (0…1)."""

    passage: int
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Claim:
    """A sentence of the answer, `answer[start:end]`, with its supporting sentences, best first, if any.

    `too_short` says that a passage has its words, but nothing ties them to the question.
    """

    start: int
    end: int
    evidence: tuple[SupportingSentence, ...]
    too_short: bool = False


@dataclass(frozen=True)
class _Sentence:
    passage: int
    start: int
    end: int
    terms: frozenset[str]
    around: frozenset[str]  # its own terms and those of the sentences before and after it in the passage


@dataclass(frozen=True)
class _Asked:
    """The question's terms with their weights; `bare_terms` is how few own terms make a claim a bare phrase."""

    terms: dict[str, float]
    explanation: bool
    bare_terms: int


def claims_with_evidence(
    answer: str, question: str, passages: Sequence[Passage], left_out: Sequence[str] = ()
) -> list[Claim]:
    """Every sentence of the answer that has a term, with the passages' sentences that support it.

    A question claims nothing, nor does a last sentence that announces more. `left_out` are words that the question
    leaves out as a follow-up; they count as its own.
    """
    language = detect_language("\n".join(each.text for each in passages))
    terms = Terms(language)
    candidates = [each for number, passage in enumerate(passages) for each in _sentences_of(number, passage, terms)]
    rarity = _Rarity(candidates)
    weights = {term: rarity(term) for term in terms(" ".join([question, *left_out]))}
    asked = _Asked(weights, asks_for_explanation(question), BARE_SYLLABLES if language == "vi" else BARE_TERMS)
    claims = []
    for start, end in _claiming(answer):
        claim_terms = {
            term: rarity(term) * (QUESTION_WEIGHT if term in weights else 1) for term in terms(answer[start:end])
        }
        if claim_terms:
            phrase = len(answer[start:end].split()) <= PHRASE_WORDS
            evidence, too_short = _checked_evidence(claim_terms, asked, candidates, phrase)
            claims.append(Claim(start, end, evidence, too_short))
    return claims


def _claiming(answer: str) -> Iterator[tuple[int, int]]:
    """Start and end of every sentence but questions and a last one that announces more."""
    spans = sentences(answer)
    if announces_more(answer):
        spans.pop()
    for start, end in spans:
        if not answer[start:end].rstrip('"”’) ').endswith(("?", "？")):
            yield start, end


def _checked_evidence(
    claim_terms: dict[str, float], asked: _Asked, candidates: Sequence[_Sentence], phrase: bool
) -> tuple[tuple[SupportingSentence, ...], bool]:
    """The evidence for a claim, and whether it is too short to check.

    Where the claim adds little to the question, only sentences near the question count: near all of it for a bare
    phrase, near what a whole sentence repeats of it.
    """
    evidence = _evidence(claim_terms, asked.terms, candidates)
    own = claim_terms.keys() - asked.terms.keys()
    subject = {term: weight for term, weight in asked.terms.items() if phrase or term in claim_terms}
    if not evidence or not subject or len(own) > asked.bare_terms:
        return evidence, False
    if phrase and (asked.explanation or not own):
        return (), True
    evidence = _evidence(claim_terms, asked.terms, _near_question(subject, candidates))
    return evidence, phrase and not evidence


def _near_question(question_terms: dict[str, float], candidates: Sequence[_Sentence]) -> list[_Sentence]:
    """The sentences that hold, with their neighbours, enough of the question's terms."""
    nearness = [
        (1 - NEIGHBOURS) * _share(question_terms, each.terms) + NEIGHBOURS * _share(question_terms, each.around)
        for each in candidates
    ]
    least = LEAST_NEAR * max(nearness, default=0.0)
    return [each for each, near in zip(candidates, nearness, strict=True) if near >= least and near > 0]


def _sentences_of(number: int, passage: Passage, terms: Terms) -> Iterator[_Sentence]:
    """Every sentence of a passage with its offsets in the document."""
    places = sentences(passage.text)
    own = [frozenset(terms(passage.text[start:end])) for start, end in places]
    for place, (start, end) in enumerate(places):
        around = frozenset[str]().union(*own[max(0, place - 1) : place + 2])
        yield _Sentence(number, passage.start + start, passage.start + end, own[place], around)


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
    scored = [(_share(claim_terms, each.terms), each) for each in candidates]
    supporting = [
        (score + NEARNESS * _share(question_terms, each.terms), score, each)
        for score, each in scored
        if score >= THRESHOLD
    ]
    best = max((rank for rank, _, _ in supporting), default=0.0)
    near = sorted((each for each in supporting if each[0] >= NEAR_BEST * best), key=lambda each: -each[0])
    return tuple(SupportingSentence(each.passage, each.start, each.end, score) for _, score, each in near)


def _share(weights: dict[str, float], terms: frozenset[str]) -> float:
    """The weighted share (0…1) of the weighted terms that are among the others."""
    return sum(weights[term] for term in weights.keys() & terms) / max(sum(weights.values()), 1e-9)
