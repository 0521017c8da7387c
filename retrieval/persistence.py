"""Saves and loads an index: text, numbers and a manifest; loading builds FAISS and BM25 again."""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.chunks import Passage
from retrieval.errors import RetrievalError
from retrieval.index import Encoder, Index

FORMAT = 2
MANIFEST, PASSAGES, VECTORS = "manifest.json", "passages.json", "vectors.npy"


@dataclass(frozen=True)
class Manifest:
    """What an index was built from and with.

    `files` has the SHA-256 of its two data files, `folded` is the number of repeated passages left out, `kind` and
    `recall` describe the vector search. The versions are a record only: nothing stored depends on them.
    """

    embedder: str
    embedder_hash: str
    dimension: int
    language: str
    passages: int
    vectors: int
    folded: int
    kind: str
    recall: float
    documents: tuple[str, ...]
    chunk_hashes: tuple[str, ...]
    versions: dict[str, str]
    files: dict[str, str]
    format: int = FORMAT


def chunk_hash(text: str) -> str:
    """The key of a passage: the first 16 hex digits of the SHA-256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save(index: Index, folder: Path) -> None:
    """Write the folder completely or not at all; an older one of this name is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        files = {
            PASSAGES: _json([_stored_passage(passage) for passage in index.passages]),
            VECTORS: _npy(index.vectors),
        }
        for name, data in files.items():
            (new / name).write_bytes(data)
        (new / MANIFEST).write_bytes(_json(asdict(_manifest_of(index, files))))
        if folder.exists():
            os.replace(folder, new / "replaced")
        os.replace(new, folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _manifest_of(index: Index, files: dict[str, bytes]) -> Manifest:
    return Manifest(
        embedder=index.embedder,
        embedder_hash=index.embedder_hash,
        dimension=index.vectors.shape[1],
        language=index.language,
        passages=len(index.passages),
        vectors=len(index.vectors),
        folded=index.duplicates,
        kind=index.kind,
        recall=round(index.recall, 4),
        documents=tuple(dict.fromkeys(passage.source for passage in index.passages)),
        chunk_hashes=_hashes(index.passages),
        versions={name: version(name) for name in ("faiss-cpu", "bm25s", "sentence-transformers")},
        files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    )


def load(folder: Path, embedder: Encoder) -> Index:
    """Load a saved index.

    Raises:
        RetrievalError: it is missing, damaged, or was built with another embedding model.
    """
    manifest, passages, vectors = _load_parts(folder, embedder)
    return Index(passages, vectors, embedder.name, embedder.hash, manifest.language, manifest.folded)


def saved_encoder(folder: Path) -> tuple[str, str]:
    """The name and the weights' hash of the embedder with which a saved index was built.

    Raises:
        RetrievalError: it is missing or damaged.
    """
    try:
        values = json.loads((folder / MANIFEST).read_bytes())
        return str(values["embedder"]), str(values["embedder_hash"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(error) from error


def vectors_by_hash(folder: Path, embedder: Encoder) -> dict[str, np.ndarray]:
    """The vectors (dimension,) of a saved index by the `chunk_hash` of what they embed, without building the index.

    Raises:
        RetrievalError: as `load`.
    """
    _, passages, vectors = _load_parts(folder, embedder)
    return {chunk_hash(passage.found_by): vector for passage, vector in zip(passages, vectors, strict=True)}


def _stored_passage(passage: Passage) -> dict[str, Any]:
    """The fields of a passage; an empty context is left out, as in an index of an earlier version."""
    values = asdict(passage)
    return values if passage.context else {key: value for key, value in values.items() if key != "context"}


def _load_parts(folder: Path, embedder: Encoder) -> tuple[Manifest, list[Passage], np.ndarray]:
    try:
        return _load_checked(folder, embedder)
    except RetrievalError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> RetrievalError:
    return RetrievalError(f"The index cannot be read ({type(error).__name__}). Build the index again.")


def _load_checked(folder: Path, embedder: Encoder) -> tuple[Manifest, list[Passage], np.ndarray]:
    values = json.loads((folder / MANIFEST).read_bytes())
    if values["format"] != FORMAT:
        raise RetrievalError(f"The index has format {values['format']}, not {FORMAT}. Build the index again.")
    manifest = Manifest(**{**values, "chunk_hashes": tuple(values["chunk_hashes"])})
    if (manifest.embedder_hash, manifest.dimension) != (embedder.hash, embedder.dimension):
        raise RetrievalError(
            f"The index was built with {manifest.embedder} ({manifest.embedder_hash}, {manifest.dimension} numbers a "
            f"vector), not with {embedder.name} ({embedder.hash}, {embedder.dimension}). Build the index again."
        )
    data = {name: _read_verified(folder / name, manifest.files[name]) for name in (PASSAGES, VECTORS)}
    passages = [Passage(**each) for each in json.loads(data[PASSAGES])]
    vectors = np.load(io.BytesIO(data[VECTORS]), allow_pickle=False)
    _check_counts(manifest, passages, vectors)
    return manifest, passages, vectors


def _check_counts(manifest: Manifest, passages: list[Passage], vectors: np.ndarray) -> None:
    promised, got = (manifest.passages, manifest.vectors), (len(passages), len(vectors))
    if promised != got or promised[0] != promised[1] or vectors.shape[1:] != (manifest.dimension,):
        raise RetrievalError(
            f"The manifest promises {promised[0]} passages and {promised[1]} vectors of {manifest.dimension} numbers; "
            f"there are {got[0]} and vectors of {vectors.shape}. Build the index again."
        )
    if _hashes(passages) != manifest.chunk_hashes:
        raise RetrievalError("The passages of the index are not those of its manifest. Build the index again.")


def _hashes(passages: Iterable[Passage]) -> tuple[str, ...]:
    return tuple(chunk_hash(passage.text) for passage in passages)


def _read_verified(file: Path, digest: str) -> bytes:
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise RetrievalError(f"The index is damaged: {file.name} has changed. Build the index again.")
    return data


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
