"""A question to ranked passages, or to "not in your text". Knows the index, not how it is stored.

Scores of both retrievers are scaled to 0…1 within the question's candidates and mixed (convex combination: Bruch, Gai
and Ingber 2023, arXiv 2210.11934).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.chunks import Passage
from retrieval.errors import RetrievalError
from retrieval.index import Encoder, Index
from retrieval.language import UNKNOWN

CANDIDATES = 200  # best passages of either retriever that are mixed
DENSE_WEIGHT = 0.5
FOREIGN_DENSE_WEIGHT = 0.2  # an English encoder on another language: in Vietnamese hit@1 is .42, BM25's .93
ENGLISH = ("en", UNKNOWN)  # text too short to tell is taken for English
COVERAGE_WEIGHT = 0.3
GATE = 0.501  # on XQuAD 2 % of answerable questions fall below, and 95 % of those whose article was removed
FOREIGN_GATE = 0.4  # of coverage alone: in Vietnamese the cosine says nothing (AUROC .65; coverage .97)
DUPLICATE = 0.95  # cosine of passages that say the same


@dataclass(frozen=True)
class Hit:
    """A passage with its mixed score (0…1 within the question), cosine, BM25 and coverage of the question's terms."""

    passage: Passage
    score: float
    dense: float
    lexical: float
    coverage: float


@dataclass(frozen=True)
class Result:
    """Passages, best first; `found` where `gate`, the evidence that the text holds an answer, reaches `threshold`."""

    question: str
    found: bool
    hits: tuple[Hit, ...]
    gate: float
    threshold: float = GATE


def search(index: Index, embedder: Encoder, question: str, k: int = 5) -> Result:
    """The k best passages for a question, near duplicates left out.

    Raises:
        RetrievalError: the question is blank, the index is empty or of another embedding model.
    """
    question = _checked(index, embedder, question)
    terms = index.terms(question)
    query = embedder.encode([question])[0]
    lexical = index.bm25(terms)
    places = _candidates(index, query, lexical)
    dense, lexical = index.vectors[places] @ query, lexical[places]
    foreign = index.language not in ENGLISH and not embedder.multilingual
    weight = FOREIGN_DENSE_WEIGHT if foreign else DENSE_WEIGHT
    mixed = weight * _scaled(dense) + (1 - weight) * _scaled(lexical)
    hits = []
    for row in _without_duplicates(index.vectors[places], np.argsort(-mixed, kind="stable"), k):
        passage = index.passages[places[row]]
        coverage = index.coverage(terms, passage)
        hits.append(Hit(passage, float(mixed[row]), float(dense[row]), float(lexical[row]), coverage))
    gate = hits[0].coverage if foreign else float(dense.max()) + COVERAGE_WEIGHT * hits[0].coverage
    threshold = FOREIGN_GATE if foreign else GATE
    return Result(question, gate >= threshold, tuple(hits), gate, threshold)


def _checked(index: Index, embedder: Encoder, question: str) -> str:
    if not question.strip():
        raise RetrievalError("The question is blank. Type a question.")
    if not index.passages:
        raise RetrievalError("The index is empty. Add a file with text first.")
    if index.embedder_hash != embedder.hash:
        raise RetrievalError(f"The index was built with {index.embedder}, not {embedder.name}. Build the index again.")
    return question.strip()


def _candidates(index: Index, query: np.ndarray, lexical: np.ndarray) -> np.ndarray:
    """Places of the best passages of either retriever, ascending."""
    by_terms = np.argsort(-lexical, kind="stable")[:CANDIDATES]
    return np.union1d(index.nearest(query, CANDIDATES), by_terms)


def _scaled(scores: np.ndarray) -> np.ndarray:
    """Least to 0, greatest to 1; zeros where all are equal."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)


def _without_duplicates(vectors: np.ndarray, order: np.ndarray, k: int) -> list[int]:
    """The first k rows in order of which none is nearly the same as an earlier one."""
    kept: list[int] = []
    for row in order:
        if len(kept) == k:
            break
        if not kept or (vectors[kept] @ vectors[row]).max() <= DUPLICATE:
            kept.append(int(row))
    return kept


def within_budget(hits: Sequence[Hit], max_tokens: int) -> tuple[Hit, ...]:
    """The best hits whose passages together stay within the encoder's tokens; one that does not fit is passed over."""
    chosen = []
    left = max_tokens
    for hit in hits:
        if hit.passage.tokens <= left:
            chosen.append(hit)
            left -= hit.passage.tokens
    return tuple(chosen)
