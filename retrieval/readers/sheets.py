"""The cells of a spreadsheet as lines of text: one line per row, " | " between cells, nothing for empty columns."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping, columns_of
from retrieval.notes import sum_notes
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.csv_table import table_of_records, without_preamble
from retrieval.readers.merge import add_document
from retrieval.readers.qa_records import read_records
from retrieval.readers.shapes.recognise import matches_shape

SEPARATOR = " | "


@dataclass
class Sheet:
    """One sheet: its cells by row and column, texts that float above them, and what is left out as (kind, text)."""

    name: str
    cells: dict[tuple[int, int], str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The number of each row that has a cell, and its cells in all columns that the sheet uses."""
        columns = {column: place for place, column in enumerate(sorted({column for _, column in self.cells}))}
        rows: dict[int, list[str]] = {}
        for (row, column), text in self.cells.items():
            rows.setdefault(row, [""] * len(columns))[columns[column]] = text
        yield from sorted(rows.items())


def read_sheets(sheets: list[Sheet], name: str, limits: Limits, mapping: ColumnMapping | None) -> Document:
    """The document of a workbook; a table of questions and answers is read as one, as a CSV file is.

    Where it is the only sheet, the document is that of the table. Where one of several is, its columns can be chosen.

    Raises:
        NeedsMapping: `mapping` was given and does not fit the only table.
        TooLong: more text than the limits allow.
    """
    filled = [sheet for sheet in sheets if sheet.cells]
    if len(filled) == 1 and not filled[0].texts and _may_teach(filled[0], mapping, alone=True):
        return _questions(_records(filled[0]), sheets, name, limits, mapping)
    cleaner, builder, taught = Cleaner(), DocumentBuilder(limits.max_chars), list[Document]()
    for sheet in sheets:
        title = cleaner.clean(sheet.name) or "Sheet"
        pairs = _pairs(sheet, name, limits, mapping)
        if pairs:
            add_document(builder, pairs, title, 1)
            taught.append(pairs)
        elif sheet.cells or sheet.texts:
            builder.heading(title, 1)
            _add_rows(sheet, builder, cleaner)
        for text in sheet.texts:
            builder.add(cleaner.clean(text))
        for kind, text in sheet.left_out:
            builder.leave_out(kind, text, sheet.name)
    notes = sum_notes([*cleaner.notes(), *(note for document in taught for note in document.notes)])
    document = builder.document(name, notes)
    return replace(document, table=taught[0].table, columns=taught[0].columns) if len(taught) == 1 else document


def _records(sheet: Sheet) -> list[list[str]]:
    return [record for _, record in sheet.rows()]


def _may_teach(sheet: Sheet, mapping: ColumnMapping | None, alone: bool = False) -> bool:
    """Whether a sheet is a table of questions and answers by its header, or is meant by a chosen mapping."""
    records = _records(sheet)
    if len(records) < 2:
        return False
    records = without_preamble(records)
    if mapping:
        chosen = {column for columns in columns_of(mapping).values() for column in columns}
        return alone or chosen <= set(records[0])
    return matches_shape(dict.fromkeys(filter(None, records[0]), "x"))


def _pairs(sheet: Sheet, name: str, limits: Limits, mapping: ColumnMapping | None) -> Document | None:
    """The questions and answers of one of several sheets; None where it is a text."""
    if not _may_teach(sheet, mapping):
        return None
    try:
        document = read_records(table_of_records(_records(sheet), name), name, mapping, limits)
    except RetrievalError:  # its header promised more than its rows hold
        return None
    return document if document.pairs else None


def _questions(
    records: list[list[str]], sheets: list[Sheet], name: str, limits: Limits, mapping: ColumnMapping | None
) -> Document:
    document = read_records(table_of_records(records, name), name, mapping, limits)
    apart = DocumentBuilder(limits.max_chars)
    for sheet in sheets:
        for kind, text in sheet.left_out:
            apart.leave_out(kind, text, sheet.name)
    rest = apart.document(name)
    return replace(document, notes=(*document.notes, *rest.notes), left_out=(*document.left_out, *rest.left_out))


def _add_rows(sheet: Sheet, builder: DocumentBuilder, cleaner: Cleaner) -> None:
    """Add the rows; an empty row ends a table."""
    last = -1
    for number, record in sheet.rows():
        cells = [" ".join(cleaner.clean(cell).split()) for cell in record]
        if any(cells):
            line = SEPARATOR.join(cells).rstrip()
            builder.add(line, "\n" if number == last + 1 and last >= 0 else "\n\n")
            last = number
