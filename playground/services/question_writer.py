"""The chat model writes questions about a visitor's text for training, if its first drafts show that it can.

The pairs are stored beside the documents, so a run trains on them as on the text itself.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from playground.data.qa.synthetic import QuestionDraft, sections_worth_asking, write_drafts
from playground.errors import UserError
from playground.prompts import Messages
from playground.services.library import Library
from playground.services.stop_signals import StopSignal, StopSignals
from playground.storage.store import DocumentRow, Store
from retrieval.document import Document, Pair
from retrieval.pairs import stored_pair

__all__ = ["LEAST_SHARE", "TRIED", "Messages", "QuestionWriter", "WritingProgress"]

TRIED = 12  # sections after which a model is judged
LEAST_SHARE = 0.5  # of its drafts must pass; docs/log.md has what SmolLM2-135M reaches, and what that is worth
MOST_SECONDS = 600.0  # of one request; the next one continues from there


@dataclass(frozen=True)
class WritingProgress:
    """Sections that were asked about, all that are to be asked about, and pairs kept since the request began."""

    done: int
    total: int
    kept: int


@dataclass(frozen=True)
class _Work:
    """A document, the sections still to be asked about, and the sections and pairs it has already."""

    row: DocumentRow
    document: Document
    places: list[int]
    asked: list[int]
    pairs: list[Pair]


Complete = Callable[[str, Sequence[Messages], Callable[[], bool]], Sequence[str]]


class QuestionWriter:
    """All visitors' written questions. Every method takes the visitor's id and sees nothing of another's.

    `complete` gives the answer of a visitor's model to each request; it may end early once its last argument
    returns True.
    """

    def __init__(self, library: Library, store: Store, complete: Complete) -> None:
        self._library = library
        self._store = store
        self._complete = complete
        self._stops = StopSignals()
        self._starting = threading.Lock()

    def pairs(self, visitor: str) -> list[Pair]:
        """All that were kept, in the order of the documents."""
        return [pair for row in self._library.rows(visitor) for pair in self._record(row)[1]]

    def working(self, visitor: str) -> bool:
        """Whether a request of this visitor is running."""
        return self._stops.working(visitor)

    def stop(self, visitor: str) -> None:
        """End this visitor's request; the pairs kept so far stay."""
        self._stops.stop(visitor)

    def forget(self, visitor: str) -> None:
        """End this visitor's request, whose text is deleted."""
        self.stop(visitor)

    def remove(self, visitor: str, question: str) -> None:
        """Delete the pairs with this question."""
        for row in self._library.rows(visitor):
            asked, pairs = self._record(row)
            if any(each.question == question for each in pairs):
                self._save(row, asked, [each for each in pairs if each.question != question])

    def write(self, visitor: str) -> Iterator[WritingProgress]:
        """Write questions about the sections that have none, and keep the good ones as they come.

        Raises:
            UserError: nothing to ask about, a request at work already, or a model whose questions are mostly bad.
        """
        with ExitStack() as request:
            with self._starting:
                if self._stops.working(visitor):
                    raise UserError("Questions about your text are being written already. Wait for them, or stop them.")
                stop = request.enter_context(self._stops.open(visitor))
            yield from self._write(visitor, stop)

    def _write(self, visitor: str, stop: StopSignal) -> Iterator[WritingProgress]:
        work, began = self._work(visitor), time.monotonic()
        total, done, good, kept = sum(len(each.places) for each in work), 0, 0, 0
        proved = any(each.asked for each in work)
        held: list[tuple[_Work, list[QuestionDraft]]] = []
        yield WritingProgress(done, total, kept)
        for part, some in self._drafts(work, stop):
            if stop.is_set():
                return  # these drafts may have been broken off
            done, good = done + len(some), good + sum(each.pair is not None for each in some)
            kept += sum(len(each.pairs) for each in some)
            held.append((part, some))
            if not proved and done >= min(TRIED, total):
                _check(good, done)
                proved = True
            while proved and held:
                self._take(*held.pop(0))
            yield WritingProgress(done, total, kept)
            if time.monotonic() - began > MOST_SECONDS:
                return

    def _work(self, visitor: str) -> list[_Work]:
        rows = self._library.rows(visitor)
        work = []
        for row, document in zip(rows, self._library.documents(visitor), strict=True):
            asked, pairs = self._record(row)
            places = [place for place in sections_worth_asking(document) if place not in asked]
            work.append(_Work(row, document, places, asked, pairs))
        if not any(each.places for each in work):
            raise UserError(
                "Every part of your text that is long enough has been asked about. Add more text first."
                if any(each.asked for each in work)
                else "Your text has no part that is long enough to ask about. Add a text of some paragraphs first."
            )
        return work

    def _drafts(self, work: Sequence[_Work], stop: StopSignal) -> Iterator[tuple[_Work, list[QuestionDraft]]]:
        for each in work:
            kept = list(each.pairs)
            for some in write_drafts(each.document, each.places, partial(self._ask, each.row.visitor, stop), kept):
                yield each, some

    def _ask(self, visitor: str, stop: StopSignal, asked: Sequence[Messages]) -> Sequence[str]:
        return self._complete(visitor, asked, stop.is_set)

    def _take(self, work: _Work, some: Sequence[QuestionDraft]) -> None:
        """Keep some drafts' pairs beside those that are there by now: one may have been deleted meanwhile."""
        asked, pairs = self._record(work.row)
        new = [pair for each in some for pair in each.pairs]
        self._save(work.row, [*asked, *(each.section for each in some)], [*pairs, *new])

    def _record(self, row: DocumentRow) -> tuple[list[int], list[Pair]]:
        """The sections that were asked about, and the pairs."""
        kept = self._store.synthetic_questions(row.visitor, row.id)
        return list(kept.get("asked", ())), [Pair(*each) for each in kept.get("pairs", ())]

    def _save(self, row: DocumentRow, asked: Sequence[int], pairs: Sequence[Pair]) -> None:
        content = {"asked": list(asked), "pairs": [stored_pair(each) for each in pairs]}
        self._store.save_synthetic_questions(row.visitor, row.id, content)


def _check(good: int, tried: int) -> None:
    """Refuse a model whose drafts mostly fail."""
    if good < LEAST_SHARE * tried:
        raise UserError(
            f"This model cannot write good questions: of {tried} about parts of your text, {good} passed the checks, "
            f"and {LEAST_SHARE:.0%} must. Train with those made by rules, or add your own as a CSV or JSONL file."
        )
