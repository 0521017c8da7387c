"""The cost of indexing: seconds until an edit is found, and passages per second against the library's defaults."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from playground.services.library import Library
from playground.services.search_indexes import SearchIndexes
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from retrieval.embed import Embedder
from retrieval.search import search

FACT = "The ceremonial lighthouse of Marmalade Point shall be painted turquoise every seventh year."
QUESTION = "Which colour is the lighthouse of Marmalade Point painted?"
ROUNDS = 3


class Counting:
    """An embedder that counts the texts it is given."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.texts = 0
        self.name, self.hash = embedder.name, embedder.hash
        self.dimension, self.window = embedder.dimension, embedder.window
        self.multilingual, self.prompted = embedder.multilingual, embedder.prompted
        self.count_tokens = embedder.count_tokens

    def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Vectors (n, dimension)."""
        self.texts += len(texts)
        return self._embedder.encode(texts, progress)

    def encode_query(self, question: str) -> np.ndarray:
        """The vector of a question (dimension,)."""
        return self.encode([question])[0]


def edit(text: str, folder: Path) -> tuple[float, int, int]:
    """Seconds from the edited file until a search finds its new sentence; passages embedded, passages in all."""
    embedder = Counting(Embedder(folder))
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(data=Path(data))
        store = Store(settings)
        library = Library(store, settings)
        indexes = SearchIndexes(store, library, SimpleNamespace(of=lambda _: embedder))  # type: ignore[arg-type]
        visitor = store.visitor(new_secret())
        document = library.add_text(visitor, text, "law").documents[0].id
        search(indexes.index(visitor), embedder, QUESTION)
        embedder.texts = 0
        middle = text.index(". ", len(text) // 2) + 2
        edited = f"{text[:middle]}{FACT}{text[text.index('. ', middle) + 1 :]}"
        began = time.perf_counter()
        library.remove(visitor, document)
        library.add_text(visitor, edited, "law")
        index = indexes.index(visitor)
        embedded = embedder.texts
        best = search(index, embedder, QUESTION).hits[0]
        seconds = time.perf_counter() - began
    if "turquoise" not in best.passage.text:
        raise RuntimeError(f"The new sentence was not found first, but {best.passage.text[:80]!r}.")
    return seconds, embedded, len(index.passages)


def speeds(texts: Sequence[str], folder: Path) -> tuple[float, float]:
    """Passages per second of our embedder and of the library's: the medians of some alternating rounds."""
    ours, plain = Embedder(folder), SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    ways: list[Callable[[], Any]] = [lambda: ours.encode(texts), lambda: plain.encode(list(texts))]
    ours.encode(texts[:16])
    plain.encode(list(texts[:16]))
    seconds = [[_seconds(way) for way in ways] for _ in range(ROUNDS)]
    first, second = (len(texts) / median(column) for column in zip(*seconds, strict=True))
    return first, second


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
