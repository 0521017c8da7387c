"""A file to clean text with pages, headings and character offsets. `read` is a pure function of the file."""

from collections.abc import Callable, Mapping
from pathlib import Path

from retrieval.errors import RetrievalError
from retrieval.parts import Document, Limits, NeedsMapping, Pair, Span
from retrieval.pdf import read_pdf
from retrieval.plain import read_markdown, read_plain
from retrieval.records import read_records
from retrieval.tables import Table, read_csv, read_json
from retrieval.web import read_html
from retrieval.word import read_docx

__all__ = ["SUFFIXES", "Document", "Limits", "NeedsMapping", "Pair", "Span", "read"]

TABLES: dict[str, Callable[[bytes, str], Table]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".jsonl": read_json,
    ".json": read_json,
}
READERS: dict[str, Callable[[bytes, str, Limits], Document]] = {
    ".txt": lambda data, name, _: read_plain(data, name),
    ".rst": lambda data, name, _: read_plain(data, name),
    ".md": lambda data, name, _: read_markdown(data, name),
    ".markdown": lambda data, name, _: read_markdown(data, name),
    ".html": lambda data, name, _: read_html(data, name),
    ".htm": lambda data, name, _: read_html(data, name),
    ".pdf": read_pdf,
    ".docx": read_docx,
}
SUFFIXES = (*READERS, *TABLES)
LIMITS = Limits()


def read(
    path: Path, name: str | None = None, mapping: Mapping[str, str] | None = None, limits: Limits = LIMITS
) -> Document:
    """Read one file. `name` is what the visitor calls it; `mapping` names the columns of a table.

    Raises:
        NeedsMapping: a table whose columns are not recognised.
        RetrievalError: an unknown or wrong file type, nothing to read, or more than the limits allow.
    """
    name = name or path.name
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise RetrievalError(f"{name} is of an unknown type; known are {', '.join(SUFFIXES)}. Save it as one of these.")
    data = _bytes(path, name, limits)
    if suffix in TABLES:
        document = read_records(TABLES[suffix](data, name), name, mapping)
    else:
        document = READERS[suffix](data, name, limits)
    if not any(map(str.isalnum, document.text)):
        raise RetrievalError(f"{name} has no text in it. Add a file with text.")
    if len(document.text) > limits.max_chars:
        raise RetrievalError(
            f"{name} has {len(document.text):,} characters; the limit is {limits.max_chars:,}. Add a part of it."
        )
    return document


def _bytes(path: Path, name: str, limits: Limits) -> bytes:
    size = path.stat().st_size
    if size > limits.max_uncompressed_bytes:
        allowed = limits.max_uncompressed_bytes // 1_000_000
        raise RetrievalError(f"{name} has {size // 1_000_000} MB; the limit is {allowed} MB. Add a part of it.")
    data = path.read_bytes()
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise RetrievalError(f"{name} is empty. Add a file with text.")
    return data
