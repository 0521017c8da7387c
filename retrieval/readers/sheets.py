"""The cells of a spreadsheet as lines of text: one line per row, " | " between cells, nothing for empty columns."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.mapping import ColumnMapping
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.csv_table import table_of_records
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
    """The document of a workbook; a lone table of questions and answers is read as one, as a CSV file is.

    Raises:
        NeedsMapping: `mapping` was given and does not fit the table.
        TooLong: more text than the limits allow.
    """
    filled = [sheet for sheet in sheets if sheet.cells]
    cleaner, builder = Cleaner(), DocumentBuilder(limits.max_chars)
    records = [record for _, record in filled[0].rows()] if len(filled) == 1 and not filled[0].texts else []
    if len(records) > 1 and (mapping or matches_shape(dict.fromkeys(filter(None, records[0]), "x"))):
        return _questions(records, sheets, name, limits, mapping)
    for sheet in sheets:
        if sheet.cells or sheet.texts:
            builder.heading(cleaner.clean(sheet.name) or "Sheet", 1)
        _add_rows(sheet, builder, cleaner)
        for text in sheet.texts:
            builder.add(cleaner.clean(text))
        for kind, text in sheet.left_out:
            builder.leave_out(kind, text, sheet.name)
    return builder.document(name, cleaner.notes())


def _questions(
    records: list[list[str]], sheets: list[Sheet], name: str, limits: Limits, mapping: ColumnMapping | None
) -> Document:
    from retrieval.readers.qa_records import read_records

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
