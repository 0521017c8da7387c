"""The index of a text: passages, their vectors in FAISS, their terms. The only module that uses FAISS.

Immutable, and always built from numbers and text: a foreign index file can run code when FAISS reads it
(facebookresearch/faiss#5400).
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePath
from typing import Any, Protocol

import faiss
import numpy as np

from retrieval.chunks import Passage
from retrieval.errors import RetrievalError
from retrieval.language import UNKNOWN, MixedTerms, language_of_part, languages_of
from retrieval.lexical import Lexical
from retrieval.toneless import MarkedWords
from retrieval.words import Word

ENGLISH = "en"  # text too short for detection is taken for English
EXACT_LIMIT = 100_000  # vectors; an exact search takes about 20 ms there, and ten times as long at a million
PER_CELL = 1_000  # vectors per cell: larger cells take longer to read, more cells take longer to build
TRAIN_PER_CELL = 50
OVERSAMPLE = 4  # candidates by 8-bit numbers per result; float32 vectors rank them
FIRST_PROBES = 8  # cells read per search in the first trial
LOOKED_AT = 500  # passages at most that tell the languages of the text
RECALL = 0.95  # least share of the exact ten nearest vectors that must be found
SAMPLE = 200  # queries that measure recall


class Encoder(Protocol):
    """What an index needs from an embedder."""

    name: str
    hash: str
    dimension: int
    window: int
    multilingual: bool
    prompted: bool

    def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Unit vectors of passages (n, dimension), float32."""
        ...

    def encode_query(self, question: str) -> np.ndarray:
        """The unit vector of a question (dimension,), float32."""
        ...

    def count_tokens(self, texts: list[str]) -> list[int]:
        """The number of tokens of each text."""
        ...


class Nearest:
    """Search by inner product: exact up to `EXACT_LIMIT` vectors, approximate beyond.

    Approximate search uses k-means cells with 8-bit numbers, and reads as many cells as a recall of `RECALL` needs.
    `kind` is FAISS's name of the index; `recall` is the share of the exact ten nearest vectors that it finds.
    """

    def __init__(self, vectors: np.ndarray, exact_limit: int = EXACT_LIMIT) -> None:
        self._vectors = vectors
        self.kind, self.recall = "Flat", 1.0
        if len(vectors) > exact_limit:
            self._index: faiss.Index = self._cells()
        else:
            self._index = faiss.IndexFlatIP(vectors.shape[1])
            self._index.add(vectors)

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        """Positions (count,) of the vectors nearest to the query (dimension,), best first."""
        with _one_thread():
            if self.kind == "Flat":
                return self._index.search(query[None], count)[1][0]
            return self._rerank(self._index, query, count)

    def _cells(self) -> faiss.Index:
        """Train and fill the cells, then double the cells read until recall suffices or all are read."""
        count, dimension = self._vectors.shape
        cells = max(1, count // PER_CELL)
        self.kind = f"IVF{cells},SQ8"
        product = faiss.METRIC_INNER_PRODUCT
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dimension), dimension, cells, faiss.ScalarQuantizer.QT_8bit, product
        )
        generator = np.random.default_rng(0)
        index.train(self._vectors[generator.permutation(count)[: TRAIN_PER_CELL * cells]])
        index.add(self._vectors)
        queries = _simulated_queries(self._vectors, generator)
        exact = faiss.knn(queries, self._vectors, 10, metric=product)[1]
        index.nprobe = min(FIRST_PROBES, cells)
        while (recall := self._recall(index, queries, exact)) < RECALL and index.nprobe < cells:
            index.nprobe = min(2 * index.nprobe, cells)
        self.recall = recall
        return index

    def _rerank(self, index: faiss.Index, query: np.ndarray, count: int) -> np.ndarray:
        """The nearest by 8-bit numbers, ranked again by the float32 vectors."""
        places = index.search(query[None], OVERSAMPLE * count)[1][0]
        places = places[places >= 0]
        return places[np.argsort(-(self._vectors[places] @ query), kind="stable")[:count]]

    def _recall(self, index: faiss.Index, queries: np.ndarray, exact: np.ndarray) -> float:
        """The share of the exact nearest vectors that is found."""
        width = exact.shape[1]
        pairs = zip(queries, exact, strict=True)
        return (
            float(np.mean([len(np.intersect1d(self._rerank(index, query, width), true)) for query, true in pairs]))
            / width
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """One OpenMP thread: several took three times as long for one query. OpenMP keeps the number per calling thread."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _simulated_queries(vectors: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Simulated queries: vectors plus noise of the same length, with a cosine of about 0.7 to their passage."""
    chosen = vectors[generator.permutation(len(vectors))[:SAMPLE]]
    noise = generator.standard_normal(chosen.shape, dtype=np.float32)
    mixed = chosen + noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


class Index:
    """Passages with vectors (n, dimension) and BM25 weights; immutable, so any number of threads may search it.

    `language` is that of most of the text, `languages` has also the others that parts of it are in. `duplicates` is
    the number of repeated passages that were left out.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: np.ndarray,
        embedder: str,
        embedder_hash: str,
        language: str,
        duplicates: int = 0,
    ) -> None:
        """Build the indexes of vectors and of terms.

        Raises:
            RetrievalError: there is not one finite float32 vector per passage.
        """
        if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(passages):
            raise RetrievalError(
                f"The index has {len(passages)} passages and vectors of {vectors.shape}. Build the index again."
            )
        if not np.isfinite(vectors).all():
            raise RetrievalError("The index holds vectors that are not numbers. Build the index again.")
        self.passages = tuple(passages)
        self.vectors = vectors
        self.embedder = embedder
        self.embedder_hash = embedder_hash
        self.language = language
        self.duplicates = duplicates
        self.languages = _languages(passages, language)
        self.terms = MixedTerms(self.languages)
        self._titles = _titles(passages)
        self._nearest = Nearest(vectors)
        self._lexical = Lexical([self._searched(passage) for passage in passages], self.terms)

    @cached_property
    def hash(self) -> str:
        """16 hex digits that identify the passages, their positions and the encoder."""
        digest = hashlib.sha256(f"{self.embedder_hash}\0{self.language}".encode())
        for passage in self.passages:
            digest.update(f"{passage!r}{passage.context}".encode())
        return digest.hexdigest()[:16]

    @property
    def kind(self) -> str:
        """FAISS's name for how vectors are searched; "Flat" is exact."""
        return self._nearest.kind

    @property
    def recall(self) -> float:
        """The share of the exact ten nearest vectors that is found, measured on a sample; 1 for exact search."""
        return self._nearest.recall

    def restrict_to(self, sources: Collection[str]) -> "Index":
        """The index without passages of other documents; itself if it has no such passages."""
        chosen = [place for place, passage in enumerate(self.passages) if passage.source in sources]
        if len(chosen) == len(self.passages):
            return self
        passages = [self.passages[place] for place in chosen]
        return Index(passages, self.vectors[chosen], self.embedder, self.embedder_hash, self.language, self.duplicates)

    def nearest(self, query: np.ndarray, count: int) -> np.ndarray:
        """Positions (count,) of the passages with the greatest inner product with a query (dimension,), in order."""
        return self._nearest.search(query, min(count, len(self.passages)))

    def language_at(self, place: int) -> str:
        """The language of the passage at a position."""
        return language_of_part(self.passages[place].text, self.languages[0])

    def terms_of(self, place: int) -> set[str]:
        """The distinct terms of the passage at a position."""
        return set(self.terms(self.passages[place].text))

    def words(self, text: str) -> list[Word]:
        """The words of a question with their forms as terms."""
        return self.terms.words(text)

    def with_marks(self, question: str) -> str:
        """A Vietnamese question that is typed without marks, in the words of a Vietnamese text; else as it is."""
        return self._marked_words.with_marks(question) if "vi" in self.languages and question.isascii() else question

    @cached_property
    def _marked_words(self) -> MarkedWords:
        return MarkedWords(passage.text for passage in self.passages)

    def identifiers(self, words: Sequence[Word]) -> set[str]:
        """The terms of the exact identifiers among the words that stand in a passage."""
        names = {word.whole or word.parts[0] for word in words if word.exact}
        return {name for name in names if self._lexical.frequency[name]}

    def lexical(self, terms: Sequence[str], sentence_weight: float = 0.0) -> np.ndarray:
        """BM25 of every passage (n,) and the weighted best sentence; zeros if there are no terms."""
        return self._lexical.scores(terms, sentence_weight)

    def holding(self, term: str) -> np.ndarray:
        """Whether each passage has the term (n,)."""
        return self._lexical.holding(term)

    def coverage(
        self, words: Sequence[Word], passage: Passage, more: Sequence[Word] = (), factor: float = 1.0
    ) -> float:
        """The share (0…1) of a question's words in the passage, weighted by BM25's inverse document frequency.

        A compound counts as one word where the text has it whole, else as its parts. `more` words count `factor` times
        as much as the question's own.
        """
        terms = set(self.terms(self._searched(passage)))
        weights: dict[Word, float] = {}
        for each, scale in [*((word, factor) for word in more), *((word, 1.0) for word in words)]:
            for word in self._counted(each):
                weights[word] = scale * self._lexical.idf(word.whole or word.parts[0])
        total = sum(weights.values())
        return sum(weight * _held(word, terms) for word, weight in weights.items()) / total if total else 0.0

    def _counted(self, word: Word) -> list[Word]:
        """The word if the index has it whole or it is a single term, else its parts as words.

        A further form of words that are counted themselves counts only where the index has it. An address of e-mail is
        one word everywhere.
        """
        if word.further and not self._lexical.frequency[word.whole]:
            return []
        if "@" in word.whole:
            return [Word((), word.whole)]
        if self._lexical.frequency[word.whole] or not word.parts:
            return [Word(word.parts, word.whole)]
        return [Word((part,)) for part in word.parts]

    def _searched(self, passage: Passage) -> str:
        """What the terms of a passage are taken from: its document's title where there are several, and `found_by`."""
        return f"{self._titles[passage.source]}{passage.found_by}"


def _held(word: Word, terms: Collection[str]) -> float:
    """1 if the terms hold the whole word, else the share of its parts that they hold."""
    if word.whole in terms:
        return 1.0
    return sum(part in terms for part in word.parts) / len(word.parts) if word.parts else 0.0


def _languages(passages: Sequence[Passage], language: str) -> tuple[str, ...]:
    """The language of the text, English where none can be told, and others that parts of it are in."""
    some = passages[:: max(1, len(passages) // LOOKED_AT)]
    found = languages_of([each.text for each in some], language)
    return tuple(dict.fromkeys(ENGLISH if each == UNKNOWN else each for each in found))


def _titles(passages: Sequence[Passage]) -> dict[str, str]:
    """A line with each document's name, without its ending; empty where there is one document, or for a number."""
    names = {passage.source: PurePath(passage.source).stem for passage in passages}
    several = len(names) > 1
    return {source: f"{name}\n" if several and any(map(str.isalpha, name)) else "" for source, name in names.items()}
