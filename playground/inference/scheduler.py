"""Questions answered together: their rows step as one batch, and whoever waits for a token computes it for all.

First come, first served, as far as memory goes; a request that does not fit yet has a place in the queue.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from types import TracebackType

from playground.inference.kv_cache import KVCache, PrefixCache
from playground.inference.sequence import SequenceState, Token

PREFILL_CHUNK = 256  # prompt tokens per pass: between two passes each row can be stopped, and the others get a token
MAX_DRAFT = 3  # drafted tokens of a row that steps alone: beside others a draft costs as much as it gains
MAX_UNREAD = 8  # tokens that a row may be ahead of its reader, who may be gone
BATCH_BYTES = 1_000_000_000  # of keys and values of the rows that step together
PREFIX_CACHE_BYTES = 400_000_000  # of keys and values of what was read before
POLL_SECONDS = 0.2  # between two looks at a place in the queue


class Scheduler:
    """All requests to one resident model. Any number of threads may take part."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: list[Request] = []
        self._stepping = False
        self._prefixes = PrefixCache(PREFIX_CACHE_BYTES)

    def forget(self, scope: str) -> None:
        """Drop all cached prefixes of one visitor."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            self._prefixes.forget(scope)

    def cached_prefix(self, scope: str, reader: object, ids: Sequence[int], capacity: int) -> KVCache:
        """A copy of what is cached of a prompt's prefix, to be read on from outside the batch."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            return self._prefixes.find(scope, reader, ids, capacity)

    def join(self, request: "Request") -> None:
        """Take a place at the end of the queue."""
        with self._changed:
            self._queue.append(request)

    def leave(self, request: "Request") -> None:
        """Free the rows; what they have read is cached."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            self._queue.remove(request)
            for row in request.rows:
                row.cache_prefix(self._prefixes)
            self._changed.notify_all()

    def requests_ahead(self, request: "Request") -> int:
        """How many requests came before one that cannot begin yet; 0 once it can."""
        with self._changed:
            place = self._queue.index(request)
            return 0 if place < len(self._admitted()) else place

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Within, the batch computes nothing, so whoever looks at the model itself meets no unfinished pass."""
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
        """Wait until the queue has moved, or for a moment."""
        with self._changed:
            self._changed.wait(POLL_SECONDS)

    def step(self, request: "Request") -> None:
        """Compute until this request has tokens to fetch, or has read one more chunk, or has ended."""
        with self._changed:
            self._changed.wait_for(lambda: request.has_output or not self._stepping)
            if request.has_output:
                return
            self._stepping = True
            admitted = self._admitted()
        try:
            self._run_pass(admitted)
        finally:
            with self._changed:
                self._stepping = False
                self._changed.notify_all()
        request.raise_fault()

    def _admitted(self) -> list["Request"]:
        """The requests whose rows step: from the first on, while there is memory; the first in any case."""
        admitted: list[Request] = []
        free = BATCH_BYTES
        for each in self._queue:
            free -= each.nbytes
            if free < 0 and admitted:
                break
            admitted.append(each)
        return admitted

    def _run_pass(self, requests: Sequence["Request"]) -> None:
        """One pass for all; where it fails, one per request, so that an error reaches only the request it belongs to.

        The error is raised in the thread that waits for that request.
        """
        try:
            self._advance([row for each in requests for row in each.rows])
        except Exception as fault:
            if len(requests) == 1:
                requests[0].fault = fault
                return
            for each in requests:
                self._run_pass([each])

    def _advance(self, rows: Sequence[SequenceState]) -> None:
        """Read a chunk of the prompts, and generate the next token of all rows whose prompt has been read."""
        live = [row for row in rows if not row.is_finished and len(row.unread) < MAX_UNREAD]
        for _, group in groupby(sorted(live, key=lambda row: id(row.model)), key=lambda row: id(row.model)):
            self._advance_model(list(group))

    def _advance_model(self, rows: Sequence[SequenceState]) -> None:
        generating = [row for row in rows if row.generated]
        draft = MAX_DRAFT if len(generating) == 1 else 0
        turns = [(row, row.next_segment(0, draft)) for row in generating]
        room = PREFILL_CHUNK
        for row in rows:
            if row.generated or not room:
                continue
            fits = row.tokens_to_prefill(self._prefixes) <= room
            if fits or room == PREFILL_CHUNK:
                turns.append((row, row.next_segment(room, 0)))
                room -= len(turns[-1][1].ids)
            else:
                break
        forward = rows[0].forward
        for (row, segment), logits in zip(turns, forward([each for _, each in turns]), strict=True):
            row.accept(segment, logits)
            if len(row.generated) == 1:  # another row of this reader may have the same prefix
                row.cache_prefix(self._prefixes)


class Request:
    """The rows of one question; within `with`, they are part of the batch."""

    def __init__(self, scheduler: Scheduler, rows: Sequence[SequenceState], should_stop: Callable[[], bool]) -> None:
        self.rows = sorted(rows, key=lambda row: len(row.prompt.ids))
        self.nbytes = sum(row.capacity * row.forward.bytes_per_token for row in rows)
        self.fault: Exception | None = None
        self._scheduler, self._should_stop = scheduler, should_stop

    def __enter__(self) -> "Request":
        self._scheduler.join(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._scheduler.leave(self)

    @property
    def has_output(self) -> bool:
        """Whether there are tokens to fetch, or an error to raise."""
        return self.fault is not None or any(row.unread for row in self.rows)

    def queue_positions(self) -> Iterator[int]:
        """How many requests are ahead, again and again, until this one may begin or is to stop."""
        while (ahead := self._scheduler.requests_ahead(self)) and not self._should_stop():
            yield ahead
            self._scheduler.wait_for_change()

    def tokens(self) -> Iterator[Token]:
        """Tokens of all rows as they are chosen, until all rows have ended or are to stop."""
        while not self._should_stop():
            fetched = [row.unread.popleft() for row in self.rows if row.unread]
            if not fetched and all(row.is_finished for row in self.rows):
                return
            for token in fetched:
                yield token
                if self._should_stop():
                    return
            if not fetched:
                self._scheduler.step(self)

    def raise_fault(self) -> None:
        """Raise the error that a pass over these rows met, if any."""
        if self.fault is not None:
            raise self.fault
