"""The search indexes of all visitors' texts: built when asked for, watched, cancelled, kept on disk and in memory."""

import hashlib
import shutil
import threading
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from playground.errors import UserError
from playground.storage.store import DocumentRow, Store
from retrieval.build import Progress, ShouldStop, build
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.errors import IndexingStopped, RetrievalError
from retrieval.index import Index
from retrieval.persistence import load, save, vectors_by_hash

IN_MEMORY = 4


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
    """One index a visitor, of the text as it is now and of the visitor's `embedder` as it is now.

    `read` gives a document of the store as it was read.
    """

    def __init__(
        self, store: Store, embedder: Callable[[str], Embedder], read: Callable[[DocumentRow], Document]
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._read = read
        self._held: OrderedDict[str, tuple[str, Index]] = OrderedDict()
        self._lock = threading.Lock()
        self._building: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._cancels: Counter[str] = Counter()
        self._unfinished: dict[str, tuple[str, dict[str, np.ndarray]]] = {}
        self._at_work: dict[str, Building] = {}

    def ready(self, visitor: str) -> Index | None:
        """The index of the text as it is now, if it was built before."""
        return self._ready(visitor, text_hash(self._store.documents(visitor)))

    def index(self, visitor: str, progress: Progress | None, should_stop: ShouldStop | None) -> Index:
        """The index of the text as it is now; built if need be, once however many ask for it.

        Raises:
            UserError: there is no text.
            Stopped: it was cancelled; what was embedded is kept for the next time.
        """
        asked = self._cancels[visitor]

        def stop() -> bool:
            return self._cancels[visitor] != asked or bool(should_stop and should_stop())

        with self._building[visitor]:
            rows = self._store.documents(visitor)
            if not rows:
                raise UserError("There is no text to search. Add a file, paste a text or choose an example first.")
            self._at_work[visitor] = Building(time.monotonic())
            try:
                return self._ready(visitor, text_hash(rows)) or self._build(visitor, rows, progress, stop)
            finally:
                del self._at_work[visitor]

    def usable(self, visitor: str) -> Index:
        """The index to search at once: while a new one is built, the one before, of documents that are still there.

        Built when there is none. Raises as `index` does.
        """
        ready = self.ready(visitor)
        if ready is None and self._building[visitor].locked():
            ready = self._before(visitor)
        return ready or self.index(visitor, None, None)

    def cancel(self, visitor: str) -> None:
        """Stop building this visitor's index, and whoever waits to build it too."""
        self._cancels[visitor] += 1
        self._work(visitor, stopping=True)

    def building(self, visitor: str) -> Building | None:
        """How far the index is that is being built for this visitor, if one is."""
        return self._at_work.get(visitor)

    def forget(self, visitor: str) -> None:
        """Drop what is in memory of a visitor, and what is being built."""
        self.cancel(visitor)
        with self._lock:
            self._held.pop(visitor, None)
            self._unfinished.pop(visitor, None)

    def _ready(self, visitor: str, text: str) -> Index | None:
        """The index of the text with this hash, from memory or disk; one that does not load is as good as none."""
        held = self._in_memory(visitor)
        if held and held[0] == text:
            return held[1]
        folder = self._store.index_folder(visitor) / text
        index = _saved(folder, self._embedder(visitor)) if folder.exists() else None
        if index:
            self._remember(visitor, text, index)
        return index

    def _in_memory(self, visitor: str) -> tuple[str, Index] | None:
        """The index that is held and its text's hash, unless the visitor changed to another embedder since."""
        with self._lock:
            held = self._held.get(visitor)
            if held:
                self._held.move_to_end(visitor)
        return held if held and held[1].embedder_hash == self._embedder(visitor).hash else None

    def _before(self, visitor: str) -> Index | None:
        """The index of the text as it was, without documents that are gone; None where nothing is left."""
        held, folder = self._in_memory(visitor), _newest(self._store.index_folder(visitor))
        index = held[1] if held else _saved(folder, self._embedder(visitor)) if folder else None
        index = index.restrict_to({row.name for row in self._store.documents(visitor)}) if index else None
        return index if index and index.passages else None

    def _build(self, visitor: str, rows: Sequence[DocumentRow], progress: Progress | None, stop: ShouldStop) -> Index:
        """Build with the vectors there are; kept unless the text changed meanwhile."""
        text, folder, embedder = text_hash(rows), self._store.index_folder(visitor), self._embedder(visitor)
        made_with, unfinished = self._unfinished.pop(visitor, ("", {}))
        known = (unfinished if made_with == embedder.hash else {}) | _known(folder, embedder)

        def report(done: int, total: int) -> None:
            self._work(visitor, done=done, total=total)
            if progress:
                progress(done, total)

        try:
            index = build([self._read(row) for row in rows], embedder, report, known, stop)
        except IndexingStopped:
            if self._store.documents(visitor):
                self._unfinished[visitor] = (embedder.hash, known)
            raise
        if text_hash(self._store.documents(visitor)) == text:
            save(index, folder / text)
            for other in folder.iterdir():
                if other.name != text:
                    shutil.rmtree(other, ignore_errors=True)
            self._remember(visitor, text, index)
        return index

    def _work(self, visitor: str, **news: Any) -> None:
        with self._lock:
            if visitor in self._at_work:
                self._at_work[visitor] = replace(self._at_work[visitor], **news)

    def _remember(self, visitor: str, text: str, index: Index) -> None:
        with self._lock:
            self._held[visitor] = (text, index)
            self._held.move_to_end(visitor)
            while len(self._held) > IN_MEMORY:
                self._held.popitem(last=False)


def text_hash(rows: Sequence[DocumentRow]) -> str:
    """16 hex digits that change whenever a document's name or content does."""
    named = "\0".join(f"{row.name}\0{row.digest}" for row in rows)
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _newest(folder: Path) -> Path | None:
    """The one index that is kept in a visitor's folder."""
    return next(folder.glob("[!.]*"), None)


def _saved(folder: Path, embedder: Embedder) -> Index | None:
    """A saved index; None for a damaged one or another embedder's."""
    try:
        return load(folder, embedder)
    except RetrievalError:
        return None


def _known(folder: Path, embedder: Embedder) -> dict[str, np.ndarray]:
    """The vectors of the saved index by their passages' hash; none of a damaged one or another embedder's."""
    before = _newest(folder)
    try:
        return vectors_by_hash(before, embedder) if before else {}
    except RetrievalError:
        return {}
