"""Ranks passages for a question, or finds that the text holds no answer. Knows the index, not how it is stored.

The scores of both retrievers are scaled to 0…1 within the question's candidates and combined (convex combination:
Bruch, Gai and Ingber 2023, arXiv 2210.11934). `benchmarks/tuning.py` chose weights and thresholds on other articles and
claims than those that `benchmarks/retrieval.py` reports on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.chunks import Passage
from retrieval.errors import RetrievalError
from retrieval.index import Encoder, Index
from retrieval.language import UNKNOWN, detect_language
from retrieval.words import Word

CANDIDATES = 200  # best passages of each retriever that are ranked together
ENGLISH = ("en", UNKNOWN)  # text too short for detection is taken for English
NAMED_DENSE = 0.2  # the encoder's greatest weight for a question with an identifier: vectors hardly tell those apart
NEAR_BEST = 0.7  # share of the best score from which on a passage may have the answer too (docs/log.md)
DUPLICATE = 0.95  # cosine from which on two passages say nearly the same


@dataclass(frozen=True)
class Mix:
    """How both retrievers are weighted: `dense` is the encoder's weight in the ranking, 1 - `dense` that of the terms.

    `sentence` is the weight of the terms that stand in one sentence, next to BM25.
    The gate is `cosine` times the best cosine plus `coverage` times the first passage's coverage of the question.
    `left_out_dense` and `left_out_lexical` are the weights of the words that a follow-up leaves out, next to 1 for its
    own.
    """

    dense: float
    sentence: float
    cosine: float
    coverage: float
    threshold: float
    left_out_dense: float
    left_out_lexical: float


# On the tuning half, 2.6 % of the English and 4.6 % of the Vietnamese questions are below the threshold; with their
# article removed 95 % and 90 % are.
TRUSTED = Mix(
    dense=0.6, sentence=0.0, cosine=1.0, coverage=0.3, threshold=0.5, left_out_dense=0.5, left_out_lexical=0.1
)
# An English encoder on another language: its cosine says little about the ranking, nothing about the answer.
FOREIGN = Mix(
    dense=0.2, sentence=0.8, cosine=0.0, coverage=1.0, threshold=0.37, left_out_dense=1.0, left_out_lexical=0.15
)
# Multilingual E5, whose cosines lie between .7 and 1. On the tuning half, 6.8 % of the English and 2.5 % of the
# Vietnamese questions are below the threshold; with their article removed 98.8 % and 94.2 % are.
PROMPTED = Mix(
    dense=0.6, sentence=0.4, cosine=1.0, coverage=0.1, threshold=0.88, left_out_dense=0.5, left_out_lexical=0.1
)
# The same encoder for a question in another language than the text's, of which terms say little. On the tuning half,
# 6.5 % of the Vietnamese questions about the English text are below the threshold, 3.7 % of the English about the
# Vietnamese; with their article removed 68.9 % and 84.0 % are.
CROSSED = Mix(
    dense=0.9, sentence=0.0, cosine=1.0, coverage=0.0, threshold=0.775, left_out_dense=0.5, left_out_lexical=0.0
)


@dataclass(frozen=True)
class Hit:
    """A passage with its mixed score (0…1 within the question), cosine, score of terms and coverage of the question."""

    passage: Passage
    score: float
    dense: float
    lexical: float
    coverage: float


@dataclass(frozen=True)
class SearchResult:
    """Passages, best first; `found` is whether `gate`, the evidence of an answer in the text, reaches `threshold`.

    A question with an exact identifier that stands in a passage is always `found`.
    `index_hash` identifies the index that was searched.
    """

    question: str
    found: bool
    hits: tuple[Hit, ...]
    gate: float
    threshold: float = TRUSTED.threshold
    index_hash: str = ""


def mix_for(index: Index, embedder: Encoder, question: str = "") -> Mix:
    """The mix for the languages of the text, the question and the encoder.

    In a text of several languages, that of the passage nearest to the question counts.
    """
    language = _nearest_language(index, embedder, question)
    if embedder.multilingual and embedder.prompted:
        return CROSSED if _is_in_another(question, language) else PROMPTED
    if embedder.multilingual:
        return TRUSTED
    return TRUSTED if language in ENGLISH and not _is_foreign(question) else FOREIGN


def _nearest_language(index: Index, embedder: Encoder, question: str) -> str:
    if len(index.languages) == 1 or not question:
        return index.language
    return index.language_at(int(index.nearest(embedder.encode_query(question), 1)[0]))


def _is_in_another(question: str, language: str) -> bool:
    """Whether a question is in another language than this one, as far as both can be told."""
    asked = detect_language(question)
    return asked != language and UNKNOWN not in (asked, language)


def _is_foreign(question: str) -> bool:
    """Whether a question is surely not in English: by its language, and by letters that English does not use."""
    return not question.isascii() and detect_language(question) not in ENGLISH


def search(
    index: Index,
    embedder: Encoder,
    question: str,
    k: int = 5,
    mix: Mix | None = None,
    left_out: Sequence[str] = (),
) -> SearchResult:
    """The k best passages for a question without near duplicates; `mix` defaults to `mix_for`.

    `left_out` are words that a follow-up question leaves out (`follow_up.words_left_out`).

    Raises:
        RetrievalError: the question is blank, the index is empty or of another embedding model.
    """
    asked = _check_question(index, embedder, question)
    question = index.with_marks(asked)
    mix = mix or mix_for(index, embedder, question)
    words, more = index.words(question), _more_words(index, question, left_out)
    named = index.identifiers(words)
    query = _query_vector(embedder, question, left_out, mix)
    lexical = index.lexical(_terms(words), mix.sentence)
    lexical += mix.left_out_lexical * index.lexical(_terms(more), mix.sentence)
    places = _candidates(index, query, lexical)
    dense, lexical = index.vectors[places] @ query, lexical[places]
    weight = min(mix.dense, NAMED_DENSE) if named else mix.dense
    mixed = weight * _scale(dense) + (1 - weight) * _scale(lexical)
    if named:
        mixed = _scale(mixed + _named(index, named)[places])
    hits = []
    for row in _without_repeats(index, places, np.argsort(-mixed, kind="stable"), k):
        passage = index.passages[places[row]]
        coverage = index.coverage(words, passage, more, mix.left_out_lexical)
        hits.append(Hit(passage, float(mixed[row]), float(dense[row]), float(lexical[row]), coverage))
    gate = mix.cosine * float(dense.max()) + mix.coverage * hits[0].coverage
    found = gate >= mix.threshold or bool(named)
    return SearchResult(asked, found, tuple(hits), gate, mix.threshold, index.hash)


def _check_question(index: Index, embedder: Encoder, question: str) -> str:
    if not question.strip():
        raise RetrievalError("The question is blank. Type a question.")
    if not index.passages:
        raise RetrievalError("The index is empty. Add a file with text first.")
    if index.embedder_hash != embedder.hash:
        raise RetrievalError(f"The index was built with {index.embedder}, not {embedder.name}. Build the index again.")
    return question.strip()


def _more_words(index: Index, question: str, left_out: Sequence[str]) -> list[Word]:
    """The words that are left out and that the question lacks, each once."""
    own = set(index.words(question))
    return [word for word in dict.fromkeys(index.words(" ".join(left_out))) if word not in own] if left_out else []


def _terms(words: Sequence[Word]) -> list[str]:
    return [term for word in words for term in word.terms]


def _query_vector(embedder: Encoder, question: str, left_out: Sequence[str], mix: Mix) -> np.ndarray:
    """The unit vector (dimension,) of the question, moved towards that of the left-out words."""
    own = embedder.encode_query(question)
    if not left_out:
        return own
    moved = own + mix.left_out_dense * embedder.encode_query(" ".join(left_out))
    return moved / np.linalg.norm(moved)


def _named(index: Index, names: Collection[str]) -> np.ndarray:
    """What the identifiers of a question add to every passage (n,): 1/n if n passages have one.

    So the row of a code comes first, and a name that all passages share changes nothing.
    """
    added = np.zeros(len(index.passages))
    for name in names:
        holds = index.holding(name)
        added += holds / holds.sum()
    return added


def _candidates(index: Index, query: np.ndarray, lexical: np.ndarray) -> np.ndarray:
    """Positions of the best passages of both retrievers, ascending."""
    count = min(CANDIDATES, len(lexical))
    by_terms = np.argpartition(-lexical, count - 1)[:count]
    return np.union1d(index.nearest(query, count), by_terms)


def _scale(scores: np.ndarray) -> np.ndarray:
    """Scores (n,) scaled so that the least is 0 and the greatest 1; zeros where all are equal."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)


def _without_repeats(index: Index, places: np.ndarray, order: np.ndarray, k: int) -> list[int]:
    """The first k rows in order, without rows nearly the same as an earlier one that have no term it lacks.

    Two passages that differ in one name or number are near, and only one of them has the answer.
    """
    chosen: list[int] = []
    vectors = index.vectors[places]
    for row in order:
        if len(chosen) == k:
            break
        near = [each for each in chosen if vectors[each] @ vectors[row] > DUPLICATE]
        terms = index.terms_of(places[row]) if near else set()
        if not any(terms <= index.terms_of(places[each]) for each in near):
            chosen.append(int(row))
    return chosen


def near_best(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The hits that score at least NEAR_BEST of the first one; the others hardly ever answer, and distract a model."""
    return tuple(each for each in hits if each.score >= NEAR_BEST * hits[0].score)


def within_budget(hits: Sequence[Hit], max_tokens: int) -> tuple[Hit, ...]:
    """The best hits with at most `max_tokens` encoder tokens in total; one that does not fit is skipped."""
    chosen = []
    left = max_tokens
    for hit in hits:
        if hit.passage.tokens <= left:
            chosen.append(hit)
            left -= hit.passage.tokens
    return tuple(chosen)
