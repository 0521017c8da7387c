"""Questions answered together: their rows step as one batch, and whoever waits for a token computes it for all.

First come, first served, as far as memory goes; who does not get in yet has a place in the line.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from types import TracebackType

from playground.inference.kv_cache import KVCache, PrefixCache
from playground.inference.sequence import SequenceState, Token

PREFILL_CHUNK = (
    256  # prompt tokens read in one pass: between two passes each row can be stopped, and the others get a token
)
MAX_DRAFT = 3  # of a row that steps alone, at most: beside others a guess costs as much as it gains
MAX_UNREAD = 8  # tokens that a row may be ahead of its reader: nobody may be there any more
BATCH_BYTES = 1_000_000_000  # of keys and values of the rows that step together
PREFIX_CACHE_BYTES = 400_000_000  # of keys and values of what was read before
POLL_SECONDS = 0.2  # seconds between two looks at a place in the line


class Scheduler:
    """All questions to one resident model. Any number of threads may take part."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._line: list[Request] = []
        self._stepping = False
        self._remembered = PrefixCache(PREFIX_CACHE_BYTES)

    def forget(self, scope: str) -> None:
        """Drop all that was kept for one person."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            self._remembered.forget(scope)

    def cached_prefix(self, scope: str, reader: object, ids: Sequence[int], capacity: int) -> KVCache:
        """A copy of what is kept of a prompt's beginning, to be read on from outside the batch."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            return self._remembered.find(scope, reader, ids, capacity)

    def join(self, question: "Request") -> None:
        """Take a place at the end of the line."""
        with self._changed:
            self._line.append(question)

    def leave(self, question: "Request") -> None:
        """Free the rows; what they have read is kept."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            self._line.remove(question)
            for row in question.rows:
                row.remember(self._remembered)
            self._changed.notify_all()

    def requests_ahead(self, question: "Request") -> int:
        """How many questions came before one that cannot begin yet; 0 once it can."""
        with self._changed:
            place = self._line.index(question)
            return 0 if place < len(self._inside()) else place

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Within, the batch computes nothing: whoever looks at the model itself meets no pass half done."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            self._stepping = True
        try:
            yield
        finally:
            with self._changed:
                self._stepping = False
                self._changed.notify_all()

    def wait_for_change(self) -> None:
        """Wait until the line has moved, or for a moment."""
        with self._changed:
            self._changed.wait(POLL_SECONDS)

    def step(self, question: "Request") -> None:
        """Compute until this question has tokens that it has not fetched, or has read a piece more, or has ended."""
        with self._changed:
            self._changed.wait_for(lambda: question.unread or not self._stepping)
            if question.unread:
                return
            self._stepping = True
            inside = self._inside()
        try:
            self._pass(inside)
        finally:
            with self._changed:
                self._stepping = False
                self._changed.notify_all()
        question.check()

    def _inside(self) -> list["Request"]:
        """The questions whose rows step: from the first on, while there is memory; the first in any case."""
        inside: list[Request] = []
        free = BATCH_BYTES
        for each in self._line:
            free -= each.nbytes
            if free < 0 and inside:
                break
            inside.append(each)
        return inside

    def _pass(self, questions: Sequence["Request"]) -> None:
        """One pass for all; where it fails, one for each question, so that a fault meets only whom it belongs to."""
        try:
            self._advance([row for each in questions for row in each.rows])
        except Exception as fault:
            if len(questions) == 1:
                questions[0].fault = fault
                return
            for each in questions:
                self._pass([each])

    def _advance(self, rows: Sequence[SequenceState]) -> None:
        """Read a piece of the prompts, and the next token of all rows whose prompt has been read."""
        live = [row for row in rows if not row.ended and len(row.unread) < MAX_UNREAD]
        for _, group in groupby(sorted(live, key=lambda row: id(row.model)), key=lambda row: id(row.model)):
            self._advance_model(list(group))

    def _advance_model(self, rows: Sequence[SequenceState]) -> None:
        stepping = [row for row in rows if row.said]
        turns = [(row, row.segment(0, MAX_DRAFT if len(stepping) == 1 else 0)) for row in stepping]
        room = PREFILL_CHUNK
        for row in rows:
            if row.said or not room:
                continue
            whole = row.to_read(self._remembered) <= room
            if whole or room == PREFILL_CHUNK:
                turns.append((row, row.segment(room, 0)))
                room -= len(turns[-1][1].ids)
            else:
                break
        forward = rows[0].forward
        for (row, segment), logits in zip(turns, forward([each for _, each in turns]), strict=True):
            row.take(segment, logits)
            if len(row.said) == 1:  # another row of this reader may begin alike
                row.remember(self._remembered)


class Request:
    """The rows of one question; `with` it, they are part of the batch."""

    def __init__(self, batch: Scheduler, rows: Sequence[SequenceState], should_stop: Callable[[], bool]) -> None:
        self.rows = sorted(rows, key=lambda row: len(row.prompt.ids))
        self.nbytes = sum(row.capacity * row.forward.bytes_per_token for row in rows)
        self.fault: Exception | None = None
        self._batch, self._should_stop = batch, should_stop

    def __enter__(self) -> "Request":
        self._batch.join(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._batch.leave(self)

    @property
    def unread(self) -> bool:
        """Whether there are tokens to be fetched, or a fault to be told."""
        return self.fault is not None or any(row.unread for row in self.rows)

    def queue_positions(self) -> Iterator[int]:
        """How many questions are ahead, again and again, until this one may begin or shall stop."""
        while (ahead := self._batch.requests_ahead(self)) and not self._should_stop():
            yield ahead
            self._batch.wait_for_change()

    def tokens(self) -> Iterator[Token]:
        """Tokens of all rows as they are chosen, until all have ended or they shall stop."""
        while not self._should_stop():
            fetched = [row.unread.popleft() for row in self.rows if row.unread]
            if not fetched and all(row.ended for row in self.rows):
                return
            for token in fetched:
                yield token
                if self._should_stop():
                    return
            if not fetched:
                self._batch.step(self)

    def check(self) -> None:
        """Raise what went wrong with these rows."""
        if self.fault is not None:
            raise self.fault
