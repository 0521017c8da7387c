"""Questions answered together: their rows step as one batch, and whoever waits for a token computes it for all.

As many as memory holds, the readers taking turns: whoever has no question in the queue comes before whoever has one.
A request that does not fit yet has a place in the queue.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from types import TracebackType
from typing import NamedTuple

from playground.inference.kv_cache import KVCache, PrefixCache
from playground.inference.sequence import SequenceState, Token

PREFILL_CHUNK = 256  # prompt tokens per pass: between two passes each row can be stopped, and the others get a token
MAX_DRAFT = 3  # drafted tokens of a row that steps alone: beside others a draft costs as much as it gains
MAX_UNREAD = 8  # tokens that a row may be ahead of its reader, who may be gone
BATCH_BYTES = 1_000_000_000  # of keys and values of the rows that step together
PREFIX_CACHE_BYTES = 400_000_000  # of keys and values of what was read before, out of what the batch leaves
LEAST_PREFIX_BYTES = 100_000_000  # beside a full batch: rows of one question share their prompt
POLL_SECONDS = 1.0  # between two looks at a place in the queue that has not moved
RECENT = 16  # requests that ended last, by which the time to wait is estimated


class Place(NamedTuple):
    """A place in the queue: how many requests are ahead, and in how many seconds this one may begin, if known."""

    ahead: int
    seconds: float | None


class Scheduler:
    """All requests to one resident model. Any number of threads may take part."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)  # a pass has ended
        self._moved = threading.Condition(self._lock)  # a request has left
        self._queue: list[Request] = []
        self._ends: deque[float] = deque(maxlen=RECENT)  # when requests left, since the queue was empty last
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
        """Take a place in the queue: behind all who came before, and before whoever has more questions in it."""
        with self._changed:
            if not self._queue:
                self._ends.clear()
                self._ends.append(time.monotonic())
            request.turn = sum(each.reader == request.reader for each in self._queue)
            begun = len(self._admitted())
            waiting = self._queue[begun:]
            behind = sum(each.turn > request.turn for each in waiting)
            self._queue.insert(len(self._queue) - behind, request)

    def leave(self, request: "Request") -> None:
        """Free the rows; what they have read is cached."""
        with self._changed:
            self._changed.wait_for(lambda: not self._stepping)
            self._queue.remove(request)
            for row in request.rows:
                row.cache_prefix(self._prefixes)
            self._ends.append(time.monotonic())
            self._changed.notify_all()
            self._moved.notify_all()

    def place(self, request: "Request") -> Place:
        """How many requests come before one that cannot begin yet, and about how long that takes; 0 once it can."""
        with self._changed:
            ahead, admitted = self._queue.index(request), len(self._admitted())
            if ahead < admitted:
                return Place(0, 0.0)
            known = len(self._ends) > 1
            pace = (self._ends[-1] - self._ends[0]) / (len(self._ends) - 1) if known else None
            return Place(ahead, pace * (ahead - admitted + 1) if pace else None)

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
        with self._moved:
            self._moved.wait(POLL_SECONDS)

    def __len__(self) -> int:
        """How many requests there are, those at work included."""
        return len(self._queue)

    @property
    def waiting(self) -> int:
        """How many requests cannot begin yet."""
        with self._lock:
            return len(self._queue) - len(self._admitted())

    def step(self, request: "Request") -> None:
        """Compute until this request has tokens to fetch, or has read one more chunk, or has ended."""
        with self._changed:
            self._changed.wait_for(lambda: request.has_output or not self._stepping)
            if request.has_output:
                return
            self._stepping = True
            admitted = self._admitted()
            left = BATCH_BYTES - sum(each.nbytes for each in admitted)
            self._prefixes.keep_within(max(LEAST_PREFIX_BYTES, min(PREFIX_CACHE_BYTES, left)))
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
            self._advance(_in_turns(requests))
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


def _in_turns(requests: Sequence["Request"]) -> list[SequenceState]:
    """All rows: everybody's first, which is the shortest of their prompts, then everybody's second, and so on."""
    seen: Counter[object] = Counter()
    numbered = []
    for each in requests:
        for row in each.rows:
            numbered.append((seen[each.reader], row))
            seen[each.reader] += 1
    return [row for _, row in sorted(numbered, key=lambda pair: pair[0])]


class Request:
    """The rows of one question; within `with`, they are part of the batch."""

    def __init__(self, scheduler: Scheduler, rows: Sequence[SequenceState], should_stop: Callable[[], bool]) -> None:
        self.rows = sorted(rows, key=lambda row: len(row.prompt.ids))
        self.nbytes = sum(row.capacity * row.forward.bytes_per_token for row in rows)
        self.reader: object = (rows[0].prompt.scope if rows else "") or self  # a visitor's name, or nobody else
        self.turn = 0  # how many of its reader's requests were in the queue when it came
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

    def queue_positions(self) -> Iterator[Place]:
        """The place in the queue, again and again, until this request may begin or is to stop."""
        while (place := self._scheduler.place(self)).ahead and not self._should_stop():
            yield place
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
