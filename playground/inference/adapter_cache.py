"""Adapters in memory, within a budget of bytes: fetched in the background, and those not asked for longest leave."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from playground.inference.served_adapter import ServedAdapter

BUDGET = 1_500_000_000  # bytes; the adapter just asked for stays in any case


class AdapterCache:
    """Adapters by key. Whoever needs one waits for that one alone, and nobody fetches it twice."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._held: dict[Hashable, Future[ServedAdapter]] = {}
        self._lock = threading.RLock()
        self._fetching = ThreadPoolExecutor(1, thread_name_prefix="adapters")

    def prepare(self, key: Hashable, load: Callable[[], ServedAdapter]) -> "Future[ServedAdapter]":
        """Begin to fetch an adapter, unless it is here or on its way; it counts as the one asked for last."""
        with self._lock:
            held = self._held.pop(key, None)
            if held is None or (held.done() and held.exception() is not None):
                held = self._fetching.submit(load)
            self._held[key] = held
        held.add_done_callback(lambda _: self._make_room())
        return held

    def get(self, key: Hashable, load: Callable[[], ServedAdapter]) -> ServedAdapter:
        """The adapter, once it is here. Raises what `load` raises."""
        return self.prepare(key, load).result()

    def here(self) -> list[tuple[Any, ServedAdapter]]:
        """The adapters in memory with their keys, the one asked for last at the end."""
        with self._lock:
            done = [(key, held) for key, held in self._held.items() if held.done() and held.exception() is None]
            return [(key, held.result()) for key, held in done]

    def drop(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Let go of the adapters whose keys are unwanted."""
        with self._lock:
            for key in [key for key in self._held if unwanted(key)]:
                del self._held[key]

    def _make_room(self) -> None:
        with self._lock:
            here = [key for key, held in self._held.items() if held.done() and held.exception() is None]
            sizes = {key: self._held[key].result().nbytes for key in here}
            for key in here[:-1]:
                if sum(sizes.values()) <= self._budget:
                    return
                del self._held[key], sizes[key]
