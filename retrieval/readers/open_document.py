"""Reads OpenDocument files: texts (ODT), spreadsheets (ODS) and presentations (ODP)."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.open_document_styles import read_styles
from retrieval.readers.open_document_text import Block, BlockWalk
from retrieval.readers.packed_xml import PackedKind, PackedParts, below, children, first, local, open_packed, value
from retrieval.readers.sheets import SEPARATOR, Sheet, read_sheets

MAX_REPEATS = 1_000  # of a cell or row with text, which a file may write once
_KIND = "an OpenDocument file"
_BODIES = {".odt": "text", ".ods": "spreadsheet", ".odp": "presentation"}
_NOT_SHOWN = ("collapse", "filter")


def read_open_document(
    data: bytes, name: str, ending: str, limits: Limits, mapping: ColumnMapping | None = None
) -> Document:
    """The text of an OpenDocument file with this ending; comments, deletions and what is hidden are counted.

    Raises:
        RetrievalError: another kind of file, password-protected, damaged, or larger than the limits.
        NeedsMapping: `mapping` does not fit the only table of a spreadsheet.
        TooLong: more text than the limits allow.
    """
    parts = open_packed(data, name, PackedKind(_KIND, ending, "content.xml"), limits)
    if b"encryption-data" in parts.contents.get("META-INF/manifest.xml", b""):
        raise RetrievalError(f"{name} is password-protected. Save it without a password and add it again.")
    content = parts.require("content.xml")
    bodies = [local(each) for each in children(first(content, "body"))]
    found = next((suffix for suffix, body in _BODIES.items() if body in bodies), "")
    if not found:
        raise RetrievalError(f"{name} is a drawing or database of OpenDocument. Save its text as ODT and add that.")
    walk = BlockWalk(read_styles(parts))
    if found == ".ods":
        return read_sheets([_sheet(each, walk) for each in _tables(content)], name, limits, mapping)
    body = first(content, _BODIES[found])
    return _document(parts, body, walk, name, limits) if found == ".odt" else _slides(body, walk, name, limits)


def _document(parts: PackedParts, body: Element | None, walk: BlockWalk, name: str, limits: Limits) -> Document:
    builder, cleaner = DocumentBuilder(limits.max_chars), Cleaner()
    masters = list(below(parts.parse("styles.xml"), "master-page"))
    _add_margins(masters, "header", walk, builder, cleaner)
    _add(walk.blocks(children(body)), walk, builder, cleaner)
    _add_margins(masters, "footer", walk, builder, cleaner)
    return builder.document(name, cleaner.notes())


def _add_margins(
    masters: list[Element], kind: str, walk: BlockWalk, builder: DocumentBuilder, cleaner: Cleaner
) -> None:
    """Add the headers or footers of all kinds of pages, each text once; a lone number of the page is left out."""
    seen: set[str] = set()
    for master in masters:
        for margin in master:
            if not local(margin).startswith(kind) or value(margin, "display") == "false":
                continue
            text = "\n".join(block.text for block in walk.blocks(margin))
            if any(each.isalpha() for each in text) and text not in seen:
                builder.add(cleaner.clean(text))
            seen.add(text)


def _add(blocks: Iterator[Block], walk: BlockWalk, builder: DocumentBuilder, cleaner: Cleaner) -> list[int]:
    """Add blocks and note what was left out; returns the offsets of the blocks."""
    starts = []
    for block in blocks:
        text = cleaner.clean(block.text)
        if block.level and text.strip():
            starts.append(builder.heading(text, block.level))
        elif text.strip():
            starts.append(builder.add(text.rstrip(), "\n" if block.joins else "\n\n"))
        walk.leave_out(builder)
    walk.leave_out(builder)
    return starts


def _slides(body: Element | None, walk: BlockWalk, name: str, limits: Limits) -> Document:
    builder, cleaner = DocumentBuilder(limits.max_chars), Cleaner()
    for number, page in enumerate((each for each in children(body) if local(each) == "page"), start=1):
        if value(page, "style-name") in walk.styles.hidden:
            builder.leave_out("Hidden slides", "\n".join(block.text for block in walk.blocks(page)), str(number))
            continue
        frames = [each for each in page if local(each) != "notes"]
        titles = [each for each in frames if value(each, "class") == "title"]
        starts = _add(_titles(titles, walk), walk, builder, cleaner)
        starts += _add(walk.blocks([each for each in frames if each not in titles]), walk, builder, cleaner)
        for notes in (each for each in page if local(each) == "notes"):
            text = "\n".join(block.text for block in walk.blocks(notes))
            starts += [builder.add(cleaner.clean(f"Notes: {text}"))] if text.strip() else []
        if starts:
            builder.page(starts[0], str(number))
    return builder.document(name, cleaner.notes())


def _titles(frames: list[Element], walk: BlockWalk) -> Iterator[Block]:
    for block in walk.blocks(frames):
        yield Block(block.text, 1)


def _tables(content: Element) -> Iterator[Element]:
    return (each for each in children(first(content, "spreadsheet")) if local(each) == "table")


def _sheet(table: Element, walk: BlockWalk) -> Sheet:
    """A sheet of an ODS file; empty cells and rows that a file repeats up to the edge take no room."""
    sheet = Sheet(value(table, "name"))
    if value(table, "style-name") in walk.styles.hidden:
        lines = [line for line in walk.rows(table) if line]
        return Sheet(sheet.name, left_out=[("Hidden sheets", f"{sheet.name}: " + "; ".join(lines))])
    hidden = _hidden_columns(table)
    number = 0
    for row in walk.table_rows(table):
        cells = list(_cells(row, walk))
        repeats = _repeats(row, "number-rows-repeated")
        if value(row, "visibility") in _NOT_SHOWN:
            text = SEPARATOR.join(text for _, text, _ in cells if text)
            sheet.left_out += [("Hidden rows", text)] if text else []
        else:
            _place(cells, number, min(repeats, MAX_REPEATS), hidden, sheet)
        number += repeats
    sheet.left_out += walk.take_left_out()
    sheet.texts += [block.text for shapes in table if local(shapes) == "shapes" for block in walk.blocks(shapes)]
    return sheet


def _place(
    cells: list[tuple[int, str, int]], number: int, repeats: int, hidden: list[tuple[int, int]], sheet: Sheet
) -> None:
    """Put the cells of a row into a sheet, in each row that the row or the cell covers."""
    for column, text, span in cells:
        if not text:
            continue
        if any(low <= column < high for low, high in hidden):
            sheet.left_out.append(("Cells of hidden columns", text))
            continue
        for row in range(number, number + max(repeats, span)):
            sheet.cells[row, column] = text


def _hidden_columns(table: Element) -> list[tuple[int, int]]:
    found, start = [], 0
    for column in below(table, "table-column"):
        end = start + _repeats(column, "number-columns-repeated")
        if value(column, "visibility") in _NOT_SHOWN:
            found.append((start, end))
        start = end
    return found


def _cells(row: Element, walk: BlockWalk) -> Iterator[tuple[int, str, int]]:
    """The column of each cell with text, the text, and the number of rows that it spans."""
    column = 0
    for cell in row:
        if local(cell) not in ("table-cell", "covered-table-cell"):
            continue
        repeats = _repeats(cell, "number-columns-repeated")
        text = walk.line(cell) if local(cell) == "table-cell" else ""
        if text:
            span = min(_repeats(cell, "number-rows-spanned"), MAX_REPEATS)
            yield from ((column + place, text, span) for place in range(min(repeats, MAX_REPEATS)))
        column += repeats


def _repeats(element: Element, name: str) -> int:
    number = value(element, name, "1")
    return max(1, int(number)) if number.isdigit() and len(number) < 9 else 1
