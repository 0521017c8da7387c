"""The search indexes of all visitors' texts: built on request, watched, cancelled, kept on disk and in memory."""

import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from playground.errors import USER_FACING, UserError
from playground.services.embedders import Embedders
from playground.services.keyed_locks import KeyedLocks
from playground.services.library import Library, read_document, text_hash
from playground.services.stop_signals import StopSignals
from playground.storage.store import DocumentRow, Store
from retrieval.build import Progress, ShouldStop, build
from retrieval.embed import Embedder
from retrieval.errors import IndexingStopped, RetrievalError
from retrieval.index import Index
from retrieval.persistence import load, save, vectors_by_hash

IN_MEMORY = 4  # indexes, of all visitors; one that several share counts once


@dataclass(frozen=True)
class Building:
    """How far an index is: passages embedded, all that have to be (0 until it is known), `time.monotonic` of its start.

    `stopping` once it was cancelled.
    """

    began: float
    done: int = 0
    total: int = 0
    stopping: bool = False


class SearchIndexes:
    """One index per visitor: of the text as it is now, made with the visitor's embedder as it is now."""

    def __init__(self, store: Store, library: Library, embedders: Embedders) -> None:
        self._store = store
        self._library = library
        self._embedders = embedders
        self._builders = KeyedLocks()
        self._loading = KeyedLocks()
        # By folder and embedder, as long as somebody uses it: visitors of an example share its index.
        self._loaded: WeakValueDictionary[str, Index] = WeakValueDictionary()
        self._stops = StopSignals()
        self._lock = threading.Lock()  # of the three below
        self._cache: OrderedDict[str, tuple[str, Index]] = OrderedDict()
        self._unfinished: dict[str, tuple[str, dict[str, np.ndarray]]] = {}
        self._progress: dict[str, Building] = {}

    def ready(self, visitor: str) -> Index | None:
        """The index of the text as it is now, if it was built before; never builds one."""
        return self._ready(visitor, self._library.text_hash(visitor))

    def index(self, visitor: str, progress: Progress | None = None, should_stop: ShouldStop | None = None) -> Index:
        """The index of the text as it is now; built if need be, once however many ask for it.

        `progress` gets the passages embedded so far and all that have to be.

        Raises:
            UserError: there is no text.
            IndexingStopped: it was cancelled; the old index stays in use, and what was embedded is kept for the next
                time.
        """
        with self._stops.open(visitor) as cancel, self._builders.hold(visitor):
            rows = self._library.rows(visitor)
            if not rows:
                raise UserError("There is no text to search. Add a file, paste a text or choose an example first.")
            with self._lock:
                self._progress[visitor] = Building(time.monotonic())
            try:
                ready = self._ready(visitor, text_hash(rows))
                stop = lambda: cancel.is_set() or bool(should_stop and should_stop())  # noqa: E731
                return ready or self._build(visitor, rows, progress, stop)
            finally:
                with self._lock:
                    self._progress.pop(visitor, None)

    def build_soon(self, visitor: str) -> None:
        """Have the index of the text as it is now in memory soon; built or loaded on a thread."""

        def build_index() -> None:
            with suppress(*USER_FACING):  # cancelled, or the text is gone: whoever asks is told
                self.index(visitor)

        threading.Thread(target=build_index, daemon=True, name="index").start()

    def usable(self, visitor: str) -> Index:
        """The index to search at once: while a new one is being built, the old one without deleted documents.

        Built when there is none. Raises as `index` does.
        """
        ready = self.ready(visitor)
        if ready is None and self._builders.is_held(visitor):
            ready = self._before(visitor)
        return ready or self.index(visitor)

    def cancel(self, visitor: str) -> None:
        """Stop building this visitor's index, for all who wait for it; the old one stays in use."""
        self._stops.stop(visitor)
        self._report(visitor, stopping=True)

    def building(self, visitor: str) -> Building | None:
        """How far the index is that is being built for this visitor, if one is."""
        with self._lock:
            return self._progress.get(visitor)

    def choose_embedder(self, visitor: str, name: str) -> None:
        """Index this visitor's text with another embedder, once that one is ready.

        Raises:
            UserError: it is not on offer.
        """

        def rebuild() -> None:
            self.cancel(visitor)
            self.index(visitor)

        self._embedders.choose(visitor, name, rebuild)

    def forget(self, visitor: str) -> None:
        """Drop what is in memory of a visitor, and stop what is being built."""
        self.cancel(visitor)
        with self._lock:
            self._cache.pop(visitor, None)
            self._unfinished.pop(visitor, None)

    def _ready(self, visitor: str, text: str) -> Index | None:
        """The index of the text with this hash, from memory or disk; one that does not load is as good as none."""
        held = self._in_memory(visitor)
        if held and held[0] == text:
            return held[1]
        folder = self._store.saved_index(visitor, text)
        index = self._load(folder, self._embedders.of(visitor)) if folder.exists() else None
        if index:
            self._remember(visitor, text, index)
        return index

    def _load(self, folder: Path, embedder: Embedder) -> Index | None:
        """A saved index, loaded once however many ask for it; None for a damaged one or another embedder's."""
        key = f"{folder} {embedder.hash}"
        with self._loading.hold(key):
            index = self._loaded.get(key)
            if index is None and (index := _load_index(folder, embedder)):
                self._loaded[key] = index
            return index

    def _in_memory(self, visitor: str) -> tuple[str, Index] | None:
        """The index that is held and its text's hash, unless the visitor changed to another embedder since."""
        with self._lock:
            held = self._cache.get(visitor)
            if held:
                self._cache.move_to_end(visitor)
        return held if held and held[1].embedder_hash == self._embedders.of(visitor).hash else None

    def _before(self, visitor: str) -> Index | None:
        """The index of the text as it was, without documents that are gone; None where nothing is left."""
        held, folder = self._in_memory(visitor), _newest_folder(self._store.index_folder(visitor))
        index = held[1] if held else self._load(folder, self._embedders.of(visitor)) if folder else None
        index = index.restrict_to({row.name for row in self._library.rows(visitor)}) if index else None
        return index if index and index.passages else None

    def _build(self, visitor: str, rows: Sequence[DocumentRow], progress: Progress | None, stop: ShouldStop) -> Index:
        """Build with the vectors that exist already; the index is kept unless the text changed meanwhile."""
        text, folder, embedder = text_hash(rows), self._store.index_folder(visitor), self._embedders.of(visitor)
        with self._lock:
            made_with, unfinished = self._unfinished.pop(visitor, ("", {}))
        known = (unfinished if made_with == embedder.hash else {}) | _known_vectors(folder, embedder)

        def report(done: int, total: int) -> None:
            self._report(visitor, done=done, total=total)
            if progress:
                progress(done, total)

        try:
            index = build([read_document(row) for row in rows], embedder, report, known, stop)
        except IndexingStopped:
            if self._library.has_text(visitor):
                with self._lock:
                    self._unfinished[visitor] = (embedder.hash, known)
            raise
        if self._library.text_hash(visitor) == text:
            save(index, folder / text)
            for other in folder.iterdir():
                if other.name != text:
                    shutil.rmtree(other, ignore_errors=True)
            self._remember(visitor, text, index)
        return index

    def _report(self, visitor: str, **changes: Any) -> None:
        with self._lock:
            if visitor in self._progress:
                self._progress[visitor] = replace(self._progress[visitor], **changes)

    def _remember(self, visitor: str, text: str, index: Index) -> None:
        with self._lock:
            self._cache[visitor] = (text, index)
            self._cache.move_to_end(visitor)
            while len({id(held) for _, held in self._cache.values()}) > IN_MEMORY:
                self._cache.popitem(last=False)


def _newest_folder(folder: Path) -> Path | None:
    """The one index that is kept in a visitor's folder."""
    return next(folder.glob("[!.]*"), None)


def _load_index(folder: Path, embedder: Embedder) -> Index | None:
    try:
        return load(folder, embedder)
    except RetrievalError:
        return None


def _known_vectors(folder: Path, embedder: Embedder) -> dict[str, np.ndarray]:
    """The vectors of the saved index by their passages' hash; none of a damaged one or another embedder's."""
    before = _newest_folder(folder)
    try:
        return vectors_by_hash(before, embedder) if before else {}
    except RetrievalError:
        return {}
