"""The index of a text: passages, their vectors in FAISS, their terms in BM25. The only module that knows FAISS.

On disk are text, numbers and a manifest only; FAISS and BM25 are built anew at loading, because reading an index
that somebody else wrote can run their code (facebookresearch/faiss#5400).
"""

import hashlib
import io
import json
import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import bm25s
import faiss
import numpy as np

from retrieval.chunks import Passage, split
from retrieval.errors import RetrievalError
from retrieval.language import Terms, detect
from retrieval.parts import Document

FORMAT = 1
MANIFEST, PASSAGES, VECTORS = "manifest.json", "passages.json", "vectors.npy"
SPECIAL_TOKENS = 2
MAX_PASSAGE_TOKENS = 126
BM25_K1, BM25_B = 1.5, 0.75


class Encoder(Protocol):
    """What an index needs of an embedder."""

    name: str
    hash: str
    dimension: int
    window: int
    multilingual: bool

    def encode(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Unit vectors (n, dimension), float32."""
        ...

    def count_tokens(self, texts: list[str]) -> list[int]:
        """Tokens of each text."""
        ...


@dataclass(frozen=True)
class Manifest:
    """What an index was built from and with; `files` are the SHA-256 of its two data files."""

    embedder: str
    embedder_hash: str
    dimension: int
    language: str
    documents: tuple[str, ...]
    chunk_hashes: tuple[str, ...]
    versions: dict[str, str]
    files: dict[str, str]
    format: int = FORMAT


class Index:
    """Passages with vectors (n, dimension) and BM25 weights; immutable, so any number of threads may search it."""

    def __init__(
        self, passages: Sequence[Passage], vectors: np.ndarray, embedder: str, embedder_hash: str, language: str
    ) -> None:
        """Build FAISS and BM25.

        Raises:
            RetrievalError: not one finite float32 vector for every passage.
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
        self.terms = Terms(language)
        corpus = [self.terms(passage.text) for passage in passages]
        self._frequency = Counter(term for terms in corpus for term in set(terms))
        self._flat = faiss.IndexFlatIP(vectors.shape[1])
        self._flat.add(vectors)
        self._bm25 = _bm25(corpus)

    def nearest(self, query: np.ndarray, count: int) -> np.ndarray:
        """Places of the passages whose vectors have the greatest product with the query (dimension,), best first."""
        _, places = self._flat.search(query[None], min(count, len(self.passages)))
        return places[0]

    def bm25(self, terms: Sequence[str]) -> np.ndarray:
        """BM25 of every passage (n,) for the terms of a question; zeros where there are none."""
        if self._bm25 is None or not terms:
            return np.zeros(len(self.passages), dtype=np.float32)
        return self._bm25.get_scores(list(terms))

    def coverage(self, terms: Sequence[str], passage: Passage) -> float:
        """How much of a question the passage names, 0…1: rare terms count more, by BM25's inverse frequency."""
        count = len(self.passages)
        weights = {
            term: math.log(1 + (count - self._frequency[term] + 0.5) / (self._frequency[term] + 0.5)) for term in terms
        }
        total = sum(weights.values())
        return sum(weights[term] for term in weights.keys() & set(self.terms(passage.text))) / total if total else 0.0

    def save(self, folder: Path) -> None:
        """Write the folder whole or not at all; an older one of this name is replaced."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            files = {PASSAGES: _json([asdict(passage) for passage in self.passages]), VECTORS: _npy(self.vectors)}
            for name, data in files.items():
                (new / name).write_bytes(data)
            (new / MANIFEST).write_bytes(_json(asdict(self._manifest(files))))
            if folder.exists():
                os.replace(folder, new / "replaced")
            os.replace(new, folder)
            shutil.rmtree(folder / "replaced", ignore_errors=True)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _manifest(self, files: dict[str, bytes]) -> Manifest:
        return Manifest(
            embedder=self.embedder,
            embedder_hash=self.embedder_hash,
            dimension=self.vectors.shape[1],
            language=self.language,
            documents=tuple(dict.fromkeys(passage.source for passage in self.passages)),
            chunk_hashes=tuple(chunk_hash(passage.text) for passage in self.passages),
            versions={name: version(name) for name in ("faiss-cpu", "bm25s", "sentence-transformers")},
            files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        )


def chunk_hash(text: str) -> str:
    """16 hex digits that name a passage's text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def build(
    documents: Sequence[Document], embedder: Encoder, progress: Any = None, previous: Index | None = None
) -> Index:
    """Cut, embed and index; passages that `previous` already holds keep their vectors. `progress` gets done and total.

    Raises:
        RetrievalError: no text.
    """
    max_tokens = min(MAX_PASSAGE_TOKENS, embedder.window - SPECIAL_TOKENS)
    passages = [passage for document in documents for passage in split(document, embedder.count_tokens, max_tokens)]
    if not passages:
        raise RetrievalError("There is no text to index. Add a file with text first.")
    known = _known(previous, embedder)
    hashes = [chunk_hash(passage.text) for passage in passages]
    fresh = {name: passage.text for name, passage in zip(hashes, passages, strict=True) if name not in known}
    encoded = embedder.encode(list(fresh.values()), progress)
    known.update(zip(fresh, encoded, strict=True))
    vectors = np.stack([known[name] for name in hashes])
    return Index(passages, vectors, embedder.name, embedder.hash, _language(documents))


def _language(documents: Sequence[Document]) -> str:
    """The language of most of the text."""
    chars: Counter[str] = Counter()
    for document in documents:
        chars[detect(document.text)] += len(document.text)
    return chars.most_common(1)[0][0]


def _known(previous: Index | None, embedder: Encoder) -> dict[str, np.ndarray]:
    if previous is None or previous.embedder_hash != embedder.hash:
        return {}
    hashes = (chunk_hash(passage.text) for passage in previous.passages)
    return dict(zip(hashes, previous.vectors, strict=True))


def load(folder: Path, embedder: Encoder) -> Index:
    """Read a saved index back.

    Raises:
        RetrievalError: it is missing, damaged, or was built with another embedding model.
    """
    try:
        return _load(folder, embedder)
    except RetrievalError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise RetrievalError(f"The index cannot be read ({type(error).__name__}). Build the index again.") from error


def _load(folder: Path, embedder: Encoder) -> Index:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    if manifest["format"] != FORMAT:
        raise RetrievalError(f"The index has format {manifest['format']}, not {FORMAT}. Build the index again.")
    if manifest["embedder_hash"] != embedder.hash or manifest["dimension"] != embedder.dimension:
        raise RetrievalError(
            f"The index was built with {manifest['embedder']} ({manifest['embedder_hash']}), not with "
            f"{embedder.name} ({embedder.hash}). Build the index again."
        )
    data = {name: _checked(folder / name, manifest["files"][name]) for name in (PASSAGES, VECTORS)}
    passages = [Passage(**each) for each in json.loads(data[PASSAGES])]
    vectors = np.load(io.BytesIO(data[VECTORS]), allow_pickle=False)
    if [chunk_hash(passage.text) for passage in passages] != manifest["chunk_hashes"]:
        raise RetrievalError("The passages of the index are not those of its manifest. Build the index again.")
    return Index(passages, vectors, manifest["embedder"], manifest["embedder_hash"], manifest["language"])


def _checked(file: Path, digest: str) -> bytes:
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise RetrievalError(f"The index is damaged: {file.name} has changed. Build the index again.")
    return data


def _bm25(corpus: list[list[str]]) -> bm25s.BM25 | None:
    """Lucene's BM25 of the terms of every passage; None where no passage has a term."""
    if not any(corpus):
        return None
    bm25 = bm25s.BM25(method="lucene", k1=BM25_K1, b=BM25_B)
    bm25.index(corpus, show_progress=False)
    return bm25


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
