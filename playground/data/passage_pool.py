"""The passages that training prompts show beside a question, as retrieval would: the right one and others near it."""

import random
from bisect import bisect_right
from collections.abc import Sequence

import bm25s
import numpy as np
from transformers import PreTrainedTokenizerBase

from playground.data.sections import Section
from playground.data.tokenize import TrainingPair
from playground.prompts import READ_PASSAGES, list_passage
from retrieval.chunks import Passage, split
from retrieval.document import Document
from retrieval.language import Terms, detect_language

DISTRACTORS = READ_PASSAGES - 1  # as many as retrieval brings beside the right one
RIGHT_FIRST = 0.7  # how often the right one has the best rank; else its rank is drawn


class PassagePool:
    """The passages of one side of the split, from which a pair gets its own and distractors, by rank as retrieval does.

    Distractors are the passages that word search ranks highest for the question, and where it finds too few, others at
    random. The prompt is the one that retrieval uses, so that the adapter learns to read it and to tell which passage
    helps (RAFT, arXiv 2403.10131; without its chains of thought, which no rule can write).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._passages: list[Passage] = []
        self._costs: list[int] = []  # tokens in a prompt
        self._starts: dict[int, list[tuple[int, int]]] = {}  # of a document: where its passages start, and their places
        self._ranker: _Ranker | None = None

    def add(self, number: int, document: Document, elsewhere: Sequence[Section]) -> None:
        """Put in a document's passages but those that touch a section of the other side, which are in order."""
        starts = self._starts.setdefault(number, [])
        for passage in split(document, self._count):
            place = bisect_right(elsewhere, passage.start, key=lambda each: each.end)
            if place == len(elsewhere) or elsewhere[place].start >= passage.end:
                starts.append((passage.start, len(self._passages)))
                self._passages.append(passage)
        listed = [list_passage(1, each) for each in self._passages[len(self._costs) :]]
        self._costs += [count + 2 for count in self._count(listed)]  # and a blank line

    def with_distractors(self, number: int, pairs: Sequence[TrainingPair], room: int, seed: int) -> list[Passage]:
        """The passage where the pairs' answers begin among as many others as `room` tokens hold; none without it."""
        own = self.place(number, pairs[0].start)
        if own is None or self._costs[own] > room:
            return []
        return self._fill([own], own, pairs, room - self._costs[own], seed)

    def distractors(self, number: int, pair: TrainingPair, room: int, seed: int) -> list[Passage]:
        """Passages like those of `with_distractors`, without the one where the answer begins."""
        own = self.place(number, pair.start)
        return [] if own is None else self._fill([], own, [pair], room, seed)

    def place(self, number: int, offset: int) -> int | None:
        """The place in the pool of the passage of a document that holds this offset."""
        starts = self._starts.get(number, [])
        found = bisect_right(starts, (offset, len(self._passages))) - 1
        place = starts[found][1] if found >= 0 else -1
        return place if place >= 0 and offset < self._passages[place].end else None

    def _fill(self, chosen: list[int], own: int, pairs: Sequence[TrainingPair], room: int, seed: int) -> list[Passage]:
        questions = " ".join(each.question for each in pairs)
        draw = random.Random(f"{seed} {pairs[0].start} {questions}")
        if self._ranker is None or self._ranker.size != len(self._passages):
            self._ranker = _Ranker(self._passages)
        near = self._ranker.best(questions, DISTRACTORS + 1)
        others = draw.sample(range(len(self._passages)), min(len(self._passages), 3 * DISTRACTORS))
        most = len(chosen) + DISTRACTORS
        for place in dict.fromkeys([*near, *others]):
            if place != own and len(chosen) < most and self._costs[place] <= room:
                chosen.append(place)
                room -= self._costs[place]
        draw.shuffle(chosen)
        if own in chosen and draw.random() < RIGHT_FIRST:
            chosen.sort(key=lambda place: place != own)
        return [self._passages[place] for place in chosen]

    def _count(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []


class _Ranker:
    """Word search (BM25) over the passages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.size = len(passages)
        self._terms = Terms(detect_language("\n".join(each.text for each in passages[:200])))
        self._bm25 = bm25s.BM25()
        self._bm25.index([self._terms(each.text) or [""] for each in passages], show_progress=False)

    def best(self, question: str, count: int) -> list[int]:
        """Places of the passages that share most with the question, best first; none that shares nothing."""
        terms = [each for each in self._terms(question) if each in self._bm25.vocab_dict]
        if not terms:
            return []
        scores = self._bm25.get_scores(terms)
        return [int(place) for place in np.argsort(-scores)[:count] if scores[place] > 0]
