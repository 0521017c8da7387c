"""What was read from one document, as the page lists it."""

from dataclasses import dataclass

from playground.storage.store import DocumentRow
from retrieval.document import Document
from retrieval.language import detect_language
from retrieval.notes import Note
from retrieval.table_reading import TableReading


@dataclass(frozen=True)
class Summary:
    """What was read from one document; `language` is ISO 639-1, `notes` say what was left out or repaired."""

    id: str
    name: str
    bytes: int
    chars: int
    pages: int
    headings: int
    pairs: int
    language: str
    notes: tuple[Note, ...]
    table: TableReading | None = None


def summarise(row: DocumentRow, document: Document) -> Summary:
    """What was read from a document of the store."""
    return Summary(
        id=row.id,
        name=row.name,
        bytes=row.bytes,
        chars=row.chars,
        pages=len(document.pages),
        headings=len(document.headings),
        pairs=len(document.pairs),
        language=detect_language(document.text),
        notes=document.notes,
        table=document.table,
    )
