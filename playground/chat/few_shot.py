"""Worked examples for one question: the visitor's pairs whose questions are most similar to it. Knows no model.

Examples in the prompt, not in the weights: "few-shot" as in GPT-3 (arXiv 2005.14165, section 2), chosen by the
similarity of their questions (Liu et al. 2022, arXiv 2101.06804).
"""

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from playground.data.qa import pairs
from playground.errors import UserError
from playground.prompts import Turn
from retrieval.document import Document
from retrieval.pairs import standalone_pairs

EXAMPLES = 3
SHORTLIST = 400  # pairs that are embedded per question: about two seconds the first time, from memory afterwards
CACHED_VECTORS = 20_000  # of all visitors


class QuestionEncoder(Protocol):
    """What the selection needs of an embedder."""

    hash: str

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors (n, dimension), float32."""
        ...


@dataclass(frozen=True)
class WorkedExample:
    """A pair of the text, its `place` as source:start-end, and the cosine of its question with the user's."""

    turn: Turn
    place: str
    similarity: float


@dataclass(frozen=True)
class Examples:
    """Pairs for one question, the most similar first; `same` says that a pair with this very question was left out.

    Such a pair would give the answer away, and the arm would then measure retrieval.
    """

    chosen: tuple[WorkedExample, ...]
    same: bool

    def within(self, count_tokens: Callable[[str], int], max_tokens: int) -> "Examples":
        """The examples that fit into the budget, the best first; a smaller one may take the place of a larger."""
        kept, left = [], max_tokens
        for each in self.chosen:
            tokens = count_tokens(f"{each.turn.question}\n{each.turn.answer}")
            if tokens <= left:
                kept.append(each)
                left -= tokens
        return Examples(tuple(kept), self.same)


class ExampleSelector:
    """Chooses examples; caches the vectors of questions, by encoder and text."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[tuple[str, str], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def choose(
        self,
        encoder: QuestionEncoder,
        question: str,
        placed: Sequence[tuple[str, Turn]],
        count: int = EXAMPLES,
        left_out: Sequence[str] = (),
    ) -> Examples:
        """The `count` pairs, given with their places, whose questions are most similar to this one.

        `left_out` are words that it leaves out as a follow-up; they count like its own.

        Raises:
            UserError: there is no pair, or none but the question itself.
        """
        asked = _words(question)
        others = [(place, turn) for place, turn in placed if _words(turn.question) != asked]
        if not others:
            raise UserError(
                "Few-shot needs question–answer pairs of your text to show as examples, and there are none beside this "
                "question. Add a file of pairs (CSV or JSONL) or a text with questions, or choose another arm."
            )
        query_text = " ".join([question, *left_out])
        listed = _shortlist(_words(query_text), others)
        query, *vectors = self._encode(encoder, [query_text, *(turn.question for _, turn in listed)])
        near = np.array(vectors) @ query
        best = np.argsort(-near, kind="stable")[:count]
        chosen = tuple(WorkedExample(listed[n][1], listed[n][0], float(near[n])) for n in best)
        return Examples(chosen, same=len(others) < len(placed))

    def forget(self, questions: Sequence[str]) -> None:
        """Drop the cached vectors of these questions."""
        gone = set(questions)
        with self._lock:
            for key in [key for key in self._vectors if key[1] in gone]:
                del self._vectors[key]

    def _encode(self, encoder: QuestionEncoder, texts: Sequence[str]) -> list[np.ndarray]:
        keys = [(encoder.hash, text) for text in texts]
        with self._lock:
            new = [key for key in dict.fromkeys(keys) if key not in self._vectors]
            if new:
                self._vectors.update(zip(new, encoder.encode([text for _, text in new]), strict=True))
            vectors = [self._vectors[key] for key in keys]
            while len(self._vectors) > CACHED_VECTORS:
                self._vectors.popitem(last=False)
        return vectors


def located_pairs(documents: Sequence[Document]) -> list[tuple[str, Turn]]:
    """The question–answer pairs of these documents with their places: their own, else those that rules make of them.

    Sentences with a gap are not questions, so they are used only where rules made nothing else.
    """
    found = []
    for document in documents:
        made = [] if document.pairs else pairs.generate_pairs(document)
        asked = [each for each in made if each.kind != "cloze"] or made
        found += [
            (f"{document.name}:{pair.start}-{pair.end}", Turn(pair.question, pair.answer))
            for pair in (standalone_pairs(document.pairs) or asked)
        ]
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _shortlist(asked: tuple[str, ...], placed: Sequence[tuple[str, Turn]]) -> list[tuple[str, Turn]]:
    """All pairs where they are few, else those that share most words with the question; rare words count more."""
    if len(placed) <= SHORTLIST:
        return list(placed)
    words = [set(_words(turn.question)) for _, turn in placed]
    common = Counter(word for each in words for word in each)
    shared = [sum(1 / common[word] for word in each.intersection(asked)) for each in words]
    return [placed[n] for n in np.argsort(-np.array(shared), kind="stable")[:SHORTLIST]]
