"""A visitor's text: files added and removed within the limits, and what was read from them."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from playground.data.examples import Example, examples
from playground.errors import UserError
from playground.services.keyed_locks import KeyedLocks
from playground.services.summary import Summary, summarise
from playground.settings import MEGABYTE, NO_OCR, Settings
from playground.storage.store import NAME_CHARS, DocumentRow, Store, clean_name, digest
from retrieval.document import Document, Limits, NeedsMapping
from retrieval.errors import NeedsEncoding, RetrievalError
from retrieval.language import UNKNOWN, detect_language
from retrieval.mapping import ColumnMapping
from retrieval.readers.ocr import known_languages
from retrieval.readers.sandbox import read_in_sandbox
from retrieval.table_reading import TableReading
from retrieval.taken_back import with_taken_back


@dataclass(frozen=True)
class Unmapped:
    """A table whose columns a person must choose; add it again with a mapping."""

    path: Path
    name: str
    reason: NeedsMapping


@dataclass(frozen=True)
class Undecided:
    """A text file whose encoding a person must choose; add it again with one."""

    path: Path
    name: str
    reason: NeedsEncoding


@dataclass(frozen=True)
class ReadTable:
    """A table that was read, with its file, so that its columns can be chosen otherwise; `document` is its id."""

    path: Path
    name: str
    document: str
    columns: tuple[str, ...]
    reading: TableReading


@dataclass(frozen=True)
class Added:
    """What became of some files: kept, refused (a sentence each), or waiting for a choice of columns or encoding.

    `tables` are those of the documents that were read of tables.
    """

    documents: tuple[DocumentRow, ...] = ()
    refusals: tuple[str, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()
    tables: tuple[ReadTable, ...] = ()
    undecided: tuple[Undecided, ...] = ()


class Library:
    """All visitors' texts. Every method takes the visitor's id and sees nothing of another's."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._adding = KeyedLocks()

    @cached_property
    def ocr_languages(self) -> tuple[str, ...]:
        """The languages in which scanned pages are read here; none where `tesseract` is not installed."""
        return tuple(known_languages(reading_limits(self._settings).ocr_languages))

    def add(
        self,
        visitor: str,
        files: Sequence[tuple[Path, str]],
        mapping: ColumnMapping | None = None,
        instead_of: str = "",
        encoding: str | None = None,
    ) -> Added:
        """Read and keep files, given as path and the visitor's own name for it. A bad one does not stop the others.

        A file that was read takes the place of the document `instead_of`. `encoding` is that of text files, where a
        person chose it.
        """
        kept, refusals, unmapped, tables, undecided = [], [], [], [], []
        for path, name in files:
            try:
                row, document = self._add(visitor, path, name, mapping, instead_of, encoding)
            except NeedsMapping as reason:
                unmapped.append(Unmapped(path, name, reason))
            except NeedsEncoding as unsure:
                undecided.append(Undecided(path, name, unsure))
            except (UserError, RetrievalError) as refusal:
                refusals.append(str(refusal))
            else:
                kept.append(row)
                if document.table:
                    tables.append(ReadTable(path, name, row.id, document.columns, document.table))
        return Added(tuple(kept), tuple(refusals), tuple(unmapped), tuple(tables), tuple(undecided))

    def add_text(self, visitor: str, text: str, name: str = "Pasted text") -> Added:
        """Keep a text that was typed or pasted."""
        with self._store.scratch_folder() as folder:
            path = folder / "text.txt"
            path.write_text(text, encoding="utf-8", errors="replace")
            return self.add(visitor, [(path, f"{clean_name(name, 'Pasted text')}.txt")])

    def add_example(self, visitor: str, example: str) -> Added:
        """Keep one of the texts that come with the playground."""
        path = self.example(example).path
        return self.add(visitor, [(path, path.name)])

    def example(self, name: str) -> Example:
        """One of the texts that come with the playground.

        Raises:
            UserError: there is none of this name.
        """
        if name not in examples():
            raise UserError(f"There is no example {name!r}. Choose one of {', '.join(examples())}.")
        return examples()[name]

    def add_copy(self, visitor: str, row: DocumentRow) -> DocumentRow:
        """Keep a document that was read before, such as one that the host prepared; nothing is read anew.

        Raises:
            UserError: it is there already, or it would pass a limit.
        """
        with self._adding.hold(visitor):
            rows, document = self._store.documents(visitor), _stored_document(row)
            self._check_size(row.name, row.bytes, rows)
            self._check_text(row.name, row.chars, row.digest, rows)
            return self._store.add_document(visitor, row.name, document.to_dict(), row.bytes, row.chars)

    def remove(self, visitor: str, document: str) -> None:
        """Delete one document."""
        self._store.remove_document(visitor, document)

    def take_part(self, visitor: str, document: str, part: int, take: bool) -> None:
        """Take a part that was left out back into the text, or leave it out again; `part` is its place in `left_out`.

        Raises:
            UserError: there is no such part or only its name is known, or the text would be too long.
        """
        with self._adding.hold(visitor):
            row = self._row(visitor, document)
            stored = _stored_document(row)
            if not (0 <= part < len(stored.left_out) and stored.left_out[part].can_be_taken):
                raise UserError(f"{row.name} has no part number {part + 1} that can be taken back. Reload the page.")
            changed = replace(stored.left_out[part], taken=take)
            stored = replace(stored, left_out=(*stored.left_out[:part], changed, *stored.left_out[part + 1 :]))
            chars, content = len(with_taken_back(stored).text), stored.to_dict()
            others = [each for each in self.rows(visitor) if each.id != document]
            self._check_text(row.name, chars, digest(content), others)
            self._store.change_document(visitor, document, content, chars)

    def document(self, visitor: str, document: str) -> Document:
        """One document as it was read, with what the visitor took back."""
        return read_document(self._row(visitor, document))

    def _row(self, visitor: str, document: str) -> DocumentRow:
        for row in self._store.documents(visitor):
            if row.id == document:
                return row
        raise UserError("This document was not found among yours; it may have been deleted. Reload the page.")

    def documents(self, visitor: str) -> list[Document]:
        """The visitor's documents as they were read, oldest first."""
        return [read_document(row) for row in self._store.documents(visitor)]

    def summary(self, visitor: str) -> list[Summary]:
        """What was read from each document, oldest first."""
        return [summarise(row, read_document(row)) for row in self._store.documents(visitor)]

    def text_hash(self, visitor: str) -> str:
        """16 hex digits that change whenever the visitor's text does."""
        return text_hash(self._store.documents(visitor))

    def rows(self, visitor: str) -> list[DocumentRow]:
        """The visitor's documents as the store lists them, oldest first."""
        return self._store.documents(visitor)

    def has_text(self, visitor: str) -> bool:
        """Whether the visitor has any document."""
        return bool(self.rows(visitor))

    def cited_document(self, visitor: str, place: Mapping[str, Any]) -> tuple[str, Document]:
        """The id and the document that a stored passage was taken from.

        Raises:
            UserError: it is not among the visitor's documents as it was.
        """
        for row in self.rows(visitor):
            if row.name == place["source"]:
                document = read_document(row)
                if document.text[place["start"] : place["end"]] == place["text"]:
                    return row.id, document
        raise UserError(f"{place['source']} is no longer among your texts as it was when this was asked. Ask again.")

    def _add(
        self,
        visitor: str,
        path: Path,
        name: str,
        mapping: ColumnMapping | None,
        instead_of: str,
        encoding: str | None,
    ) -> tuple[DocumentRow, Document]:
        with self._adding.hold(visitor):  # what fits depends on what is there
            rows = [row for row in self._store.documents(visitor) if row.id != instead_of]
            shown = _display_name(name)
            size = path.stat().st_size
            self._check_size(shown, size, rows)
            # Pasted text too: a short one can cost minutes, in a pattern that meets its worst case.
            document = read_in_sandbox(path, shown, mapping, reading_limits(self._settings), encoding)
            content = document.to_dict()
            self._check_text(shown, len(document.text), digest(content), rows)
            if instead_of:
                self._store.remove_document(visitor, instead_of)
            kept = _free_name(shown, {row.name for row in rows})
            return self._store.add_document(visitor, kept, content, size, len(document.text)), document

    def _check_size(self, name: str, size: int, rows: Sequence[DocumentRow]) -> None:
        limits = self._settings
        total = size + sum(row.bytes for row in rows)
        if len(rows) >= limits.visitor_files:
            raise UserError(f"{name} was not added: you keep {len(rows)} files, the most allowed. Remove one first.")
        if size > limits.file_bytes:
            raise UserError(f"{name} has {_megabytes(size, limits.file_bytes)} a file. Add a part of it.")
        if total > limits.visitor_bytes:
            raise UserError(
                f"With {name} your files have {_megabytes(total, limits.visitor_bytes)} in all. Remove one first."
            )

    def _check_text(self, name: str, chars: int, content: str, rows: Sequence[DocumentRow]) -> None:
        same = [row.name for row in rows if row.digest == content]
        if same:
            raise UserError(f"{name} was not added: {same[0]}, which you have already, says exactly the same.")
        total, limit = chars + sum(row.chars for row in rows), self._settings.text_chars
        if total > limit:
            raise UserError(
                f"With {name} your text has {total:,} characters; the limit is {limit:,}. Remove a file or add a part."
            )


def text_hash(rows: Sequence[DocumentRow]) -> str:
    """16 hex digits that change whenever a document's name or content does."""
    named = "\0".join(f"{row.name}\0{row.digest}" for row in rows)
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def read_document(row: DocumentRow) -> Document:
    """A document of the store as it was read from its file, with what the visitor took back."""
    return with_taken_back(_stored_document(row))


def main_language(rows: Sequence[DocumentRow]) -> str:
    """The language of most of the text, as `detect_language` gives it; unknown without text."""
    chars: Counter[str] = Counter()
    for row in rows:
        chars[_language_of_file(row.path, row.digest)] += row.chars
    return max(chars, key=chars.__getitem__, default=UNKNOWN)


@lru_cache(maxsize=1024)
def _language_of_file(path: Path, digest: str) -> str:
    """A stored document's language; its digest tells one content from another."""
    try:
        return detect_language(json.loads(path.read_text(encoding="utf-8"))["text"])
    except OSError:  # deleted meanwhile
        return UNKNOWN


def _stored_document(row: DocumentRow) -> Document:
    document = Document.from_dict(json.loads(row.path.read_text(encoding="utf-8")))
    return replace(document, name=row.name)


def reading_limits(settings: Settings) -> Limits:
    """What one file may hold and what reading it may take."""
    return Limits(
        max_chars=settings.text_chars,
        max_pages=settings.pdf_pages,
        memory_bytes=settings.read_bytes,
        seconds=settings.read_seconds,
        ocr_languages="" if settings.ocr == NO_OCR else settings.ocr,
        ocr_seconds=settings.ocr_seconds,
    )


def _display_name(name: str) -> str:
    """A file's name for display, short enough for the store with its ending kept."""
    path = Path(name)
    suffix = clean_name(path.suffix, "")[:10]
    return clean_name(path.stem, "text")[: NAME_CHARS - len(suffix)] + suffix


def _free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken: by its name alone a passage says where it is from."""
    if name not in taken:
        return name
    path = Path(name)
    endings = (f" ({number}){path.suffix}" for number in count(2))
    numbered = (path.stem[: NAME_CHARS - len(ending)] + ending for ending in endings)
    return next(each for each in numbered if each not in taken)


def _megabytes(size: int, limit: int) -> str:
    return f"{size / MEGABYTE:.1f} MB; the limit is {limit / MEGABYTE:g} MB"
