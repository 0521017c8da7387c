"""Embedders made in code: near means sharing words, or sharing letters. And the real one, which remembers."""

import string
from collections.abc import Callable, Sequence
from functools import cached_property
from zlib import crc32

import numpy as np

from retrieval.embed import Embedder

DIMENSION = 64


class RememberingEmbedder(Embedder):
    """The real encoder, which embeds the same texts once for all tests."""

    @cached_property
    def known(self) -> dict[tuple[str, ...], np.ndarray]:
        """The vectors of what was embedded."""
        return {}

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """See Embedder."""
        if (key := tuple(texts)) not in self.known:
            self.known[key] = super().encode(texts, progress)
        elif progress:
            progress(len(texts), len(texts))
        return self.known[key].copy()


class CountingEmbedder:
    """Vectors that count something of each text; `encoded` holds every text that was embedded."""

    name, hash, dimension, window, multilingual, prompted = "counts", "0" * 16, 0, 256, False, False

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def counts(self, text: str) -> np.ndarray:
        """What is counted (dimension,), never all zeros."""
        raise NotImplementedError

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Unit vectors (n, dimension)."""
        self.encoded += texts
        vectors = np.array([self.counts(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)
        if progress:
            progress(len(texts), len(texts))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_query(self, question: str) -> np.ndarray:
        """The unit vector of a question (dimension,)."""
        return self.encode([question])[0]

    def count_tokens(self, texts: list[str]) -> list[int]:
        """A token is a word."""
        return [len(text.split()) for text in texts]


class WordEmbedder(CountingEmbedder):
    """Counts hashed words, so that texts that share words are near."""

    name, hash, dimension = "words", "0123456789abcdef", DIMENSION

    def counts(self, text: str) -> np.ndarray:
        """How many words fall into each of 64 classes."""
        found = np.full(DIMENSION, 1e-3)
        for word in text.lower().split():
            found[crc32(word.strip(".,?“”").encode()) % DIMENSION] += 1
        return found


class LetterEmbedder(CountingEmbedder):
    """Counts the letters a to z."""

    name, hash, dimension = "letters", "1" * 16, len(string.ascii_lowercase)

    def counts(self, text: str) -> np.ndarray:
        """How often each letter occurs."""
        return np.array([text.lower().count(letter) + 1e-6 for letter in string.ascii_lowercase])
