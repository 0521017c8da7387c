"""Adapters in memory, within a budget of bytes: loaded in the background, the least recently used leave first."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from playground.inference.served_adapter import ServedAdapter

BUDGET = 1_500_000_000  # bytes; the most recently used adapter stays in any case


class AdapterCache:
    """Adapters by key. Whoever needs one waits for that one alone, and none is loaded twice."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._entries: dict[Hashable, Future[ServedAdapter]] = {}
        self._lock = threading.RLock()
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="adapters")

    def prepare(self, key: Hashable, load: Callable[[], ServedAdapter]) -> "Future[ServedAdapter]":
        """Start to load an adapter, unless it is loaded or being loaded; it counts as the most recently used."""
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is None or (entry.done() and entry.exception() is not None):
                entry = self._loader.submit(load)
            self._entries[key] = entry
        entry.add_done_callback(lambda _: self._make_room())
        return entry

    def get(self, key: Hashable, load: Callable[[], ServedAdapter]) -> ServedAdapter:
        """The adapter, once it is loaded. Raises what `load` raises."""
        return self.prepare(key, load).result()

    def items(self) -> list[tuple[Any, ServedAdapter]]:
        """The adapters in memory with their keys, the most recently used at the end."""
        with self._lock:
            done = [(key, entry) for key, entry in self._entries.items() if entry.done() and entry.exception() is None]
            return [(key, entry.result()) for key, entry in done]

    def drop(self, unwanted: Callable[[Hashable], bool]) -> None:
        """Remove the adapters whose keys are unwanted."""
        with self._lock:
            for key in [key for key in self._entries if unwanted(key)]:
                del self._entries[key]

    def _make_room(self) -> None:
        with self._lock:
            loaded = [key for key, entry in self._entries.items() if entry.done() and entry.exception() is None]
            sizes = {key: self._entries[key].result().nbytes for key in loaded}
            for key in loaded[:-1]:
                if sum(sizes.values()) <= self._budget:
                    return
                del self._entries[key], sizes[key]
