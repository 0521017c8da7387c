"""Reads XLSX into text: each sheet under its name, each row a line, numbers as the sheet shows them.

The stored results of formulas are read; nothing is calculated, no macro runs, no link is followed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from retrieval.document import Document, Limits
from retrieval.mapping import ColumnMapping
from retrieval.readers.number_formats import built_in_format, format_number
from retrieval.readers.packed_xml import PackedKind, PackedParts, below, first, local, open_packed, value
from retrieval.readers.raised import at_height
from retrieval.readers.sheets import Sheet, read_sheets

KIND = PackedKind("an Excel workbook", ".xlsx", "xl/")
HIDDEN_SHEETS, HIDDEN_ROWS, HIDDEN_COLUMNS = "Hidden sheets", "Hidden rows", "Cells of hidden columns"
MAX_SPAN = 10_000  # rows down which a merged cell's text is repeated
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # a character that XML cannot hold, such as the end of a line
_PLACE = re.compile(r"^([A-Z]{1,3})([0-9]{1,7})$")


@dataclass(frozen=True)
class _Book:
    """What the sheets of a workbook share: its strings, a number format per style, and the start of its dates."""

    parts: PackedParts
    strings: list[str]
    formats: list[str]
    from_1904: bool


def read_xlsx(data: bytes, name: str, limits: Limits, mapping: ColumnMapping | None = None) -> Document:
    """The text of a workbook; hidden sheets, rows and columns are left out and counted, and so are comments.

    Raises:
        RetrievalError: no workbook, password-protected, damaged, or larger than the limits.
        NeedsMapping: `mapping` does not fit its only table.
        TooLong: more text than the limits allow.
    """
    parts = open_packed(data, name, KIND, limits)
    main = next((path for kind, path in parts.targets("").values() if kind == "officeDocument"), "xl/workbook.xml")
    workbook = parts.require(main)
    targets = parts.targets(main)
    by_kind = dict(targets.values())
    book = _Book(
        parts,
        [_string(each) for each in below(parts.parse(by_kind.get("sharedStrings", "")), "si")],
        _formats(parts.parse(by_kind.get("styles", ""))),
        value(first(workbook, "workbookPr"), "date1904") in ("1", "true"),
    )
    sheets = []
    for each in below(first(workbook, "sheets"), "sheet"):
        key = next((text for name, text in each.items() if name.endswith("}id")), "")
        if key in targets:
            sheets.append(_sheet(book, each, targets[key][1]))
    return read_sheets(sheets, name, limits, mapping)


def _formats(styles: Element | None) -> list[str]:
    """The format code of every cell style."""
    own = {value(each, "numFmtId"): value(each, "formatCode") for each in below(first(styles, "numFmts"), "numFmt")}
    numbers = [value(each, "numFmtId", "0") for each in below(first(styles, "cellXfs"), "xf")]
    return [own.get(number) or built_in_format(int(number) if number.isdigit() else 0) for number in numbers]


def _string(item: Element) -> str:
    """A string without the pronunciation that stands above it."""
    pieces: list[str] = []
    for each in item:
        if local(each) == "t":
            pieces.append(each.text or "")
        elif local(each) == "r":
            height = value(first(each, "vertAlign"), "val").removesuffix("script")
            pieces += [at_height(text.text or "", height) for text in below(each, "t")]
    return _unescaped("".join(pieces))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def _sheet(book: _Book, listed: Element, path: str) -> Sheet:
    sheet = Sheet(value(listed, "name"))
    root = book.parts.parse(path)
    if root is None or local(root) != "worksheet":
        sheet.left_out.append(("Sheets of charts", sheet.name))
        return sheet
    _read_cells(book, root, sheet)
    if value(listed, "state", "visible") != "visible":
        lines = [" | ".join(filter(None, record)) for _, record in sheet.rows()]
        return Sheet(sheet.name, left_out=[(HIDDEN_SHEETS, f"{sheet.name}: " + "; ".join(lines))])
    _spread_merged(root, sheet)
    for kind, target in book.parts.targets(path).values():
        part = book.parts.parse(target) if kind in ("comments", "drawing") else None
        if kind == "comments":
            sheet.left_out += [("Comments", "".join(each.itertext())) for each in below(part, "comment")]
        elif kind == "drawing":
            _read_drawing(part, sheet)
    return sheet


def _read_cells(book: _Book, root: Element, sheet: Sheet) -> None:
    hidden = _hidden_columns(root)
    row = 0
    for each in below(first(root, "sheetData"), "row"):
        number = value(each, "r")
        row = int(number) if number.isdigit() else row + 1
        record = dict(_cells(book, each, sheet))
        if value(each, "hidden") in ("1", "true"):
            if any(record.values()):
                sheet.left_out.append((HIDDEN_ROWS, " | ".join(filter(None, record.values()))))
            continue
        for column, text in record.items():
            if any(low <= column <= high for low, high in hidden):
                sheet.left_out += [(HIDDEN_COLUMNS, text)] if text.strip() else []
            elif text.strip():
                sheet.cells[row, column] = text


def _hidden_columns(root: Element) -> list[tuple[int, int]]:
    columns = [each for each in below(first(root, "cols"), "col") if value(each, "hidden") in ("1", "true")]
    return [(int(value(each, "min", "0")), int(value(each, "max", "0"))) for each in columns]


def _cells(book: _Book, row: Element, sheet: Sheet) -> Iterator[tuple[int, str]]:
    column = 0
    for cell in row:
        if local(cell) == "c":
            place = _PLACE.match(value(cell, "r"))
            column = _column(place[1]) if place else column + 1
            yield column, _text(book, cell, sheet)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _text(book: _Book, cell: Element, sheet: Sheet) -> str:
    """What a cell shows."""
    kind, parts = value(cell, "t", "n"), {local(each): each for each in cell}
    if kind == "inlineStr" and "is" in parts:
        return _string(parts["is"])
    stored = (parts["v"].text or "") if "v" in parts else ""
    if "f" in parts and not stored and not (kind == "str" and "v" in parts):  # an empty text is a result
        sheet.left_out.append(("Formulas without a stored result", f"{value(cell, 'r')}: ={parts['f'].text or ''}"))
        return ""
    if kind == "s":
        return book.strings[int(stored)] if stored.isdigit() and int(stored) < len(book.strings) else ""
    if kind == "b":
        return "TRUE" if stored == "1" else "FALSE"
    if kind != "n":
        return _unescaped(stored)
    style = value(cell, "s", "0")
    code = book.formats[int(style)] if style.isdigit() and int(style) < len(book.formats) else ""
    return format_number(stored, code, book.from_1904)


def _spread_merged(root: Element, sheet: Sheet) -> None:
    """Repeat the text of a merged cell in each row that it spans, as a reader sees it beside each."""
    used = {row for row, _ in sheet.cells}
    for merged in below(root, "mergeCell"):
        ends = [_PLACE.match(each) for each in value(merged, "ref").split(":")]
        if len(ends) == 2 and ends[0] and ends[1]:
            top, column = int(ends[0][2]), _column(ends[0][1])
            below_it = range(top + 1, min(int(ends[1][2]), top + MAX_SPAN) + 1)
            if text := sheet.cells.get((top, column)):
                sheet.cells.update({(row, column): text for row in below_it if row in used})


def _read_drawing(drawing: Element | None, sheet: Sheet) -> None:
    """The texts of the shapes above the cells; pictures and charts are counted."""
    for shape in below(drawing, "sp"):
        lines = ["".join(text.text or "" for text in below(each, "t")) for each in below(shape, "p")]
        sheet.texts += ["\n".join(lines)] if any(map(str.strip, lines)) else []
    sheet.left_out += [("Pictures", value(first(each, "cNvPr"), "descr")) for each in below(drawing, "pic")]
    sheet.left_out += [("Charts", value(first(each, "cNvPr"), "name")) for each in below(drawing, "graphicFrame")]
