"""A plain text that is a training file by another ending: JSON lines, or cells with tabs between them."""

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping
from retrieval.readers.csv_table import read_csv
from retrieval.readers.qa_records import read_records
from retrieval.readers.shapes.recognise import matches_shape
from retrieval.readers.tables import Table, read_json


def read_text_rows(data: bytes, document: Document, limits: Limits, mapping: ColumnMapping | None) -> Document | None:
    """The pairs of a text whose rows have the names of a training file; None for any other text."""
    table = _table(data, document)
    if table is None:
        return None
    try:
        found = read_records(table, document.name, mapping, limits)
    except RetrievalError:
        return None
    return found if found.pairs or mapping else None


def _table(data: bytes, document: Document) -> Table | None:
    """The table of a text that begins as JSON or with a row of names; None where it is no such."""
    text = document.text.lstrip()
    first = text.partition("\n")[0]
    try:
        if text.startswith(("{", "[{", "[\n")):
            table = read_json(data, document.name)
            return None if table.malformed else table
        if "\t" in first and (
            matches_shape(dict.fromkeys(map(str.strip, first.split("\t")), "x")) or _are_two_columns(text)
        ):
            return read_csv(data, document.name)
    except RetrievalError:
        pass
    return None


def _are_two_columns(text: str) -> bool:
    """Whether every line has two cells."""
    return all(line.strip().count("\t") == 1 for line in text.splitlines() if line.strip())
