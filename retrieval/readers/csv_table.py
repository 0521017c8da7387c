"""Reads CSV as spreadsheets and scripts write it: any delimiter, `sep=`, ragged rows, huge cells, no header."""

import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from retrieval.errors import RetrievalError
from retrieval.notes import left_out_notes
from retrieval.readers.encoding import decode_file
from retrieval.readers.shapes.names import normal
from retrieval.readers.shapes.recognise import matches_shape
from retrieval.readers.tables import Table, check_columns

DELIMITERS = ",;\t|"
NONE = "\x1f"  # a character that no text has: the delimiter of a table of one column
END = "\ufdd0"  # another one; what is read behind the text shows whether a cell is still open there
SAMPLE = 50  # records by which the delimiter and the header are told
MOST_ABOVE = 5  # lines above a table, such as a title
LONG_NAME = 6  # words; a cell with as many is no column's name
QNA_MAKER = {"question", "answer", "source", "metadata"}  # columns of its exports
Record = list[str]
_SEP_LINE = re.compile(r'^"?sep=(.)"?[ \t]*;*,*\r?\n', re.IGNORECASE)
_NUMBER = re.compile(r"\s*[-+(€$£]{0,2}\d[\d\s.,:/%+-]*(?:[A-Za-z€]{1,5}\W?\d*\s*){0,3}$")
_BACKSLASHED = re.compile(r'\\"(?!["\s,;|]|$)')  # a quotation mark inside a cell, as MySQL and scripts write it
_YEAR = re.compile(r"(?:1[5-9]|20)\d\d")
_PROSE_END = re.compile(r"[.!?…。！？][\"'”’)]*$")


def read_csv(data: bytes, name: str) -> Table:
    """A table; its first record names the columns, unless it looks like the records below it.

    Raises:
        RetrievalError: not text, no rows, too many columns, or a quotation mark that is never closed.
    """
    decoded = decode_file(data, name)
    text = decoded.text.lstrip("\n\r")
    named = _SEP_LINE.match(text)
    delimiter = named[1] if named else _delimiter(text)
    records = _records(text[named.end() :] if named else text, delimiter, name)
    table = _with_line_breaks(table_of_records(records, name))
    return replace(table, notes=(*decoded.notes, *table.notes))


def _with_line_breaks(table: Table) -> Table:
    """The table of QnA Maker with real line breaks in its answers; other tables may mean a backslash and an n."""
    if not QNA_MAKER <= {normal(column) for column in table.columns}:
        return table
    rows = [{column: cell.replace("\\n", "\n") for column, cell in row.items()} for row in table.rows]
    return replace(table, rows=rows)


def table_of_records(records: list[Record], name: str) -> Table:
    """The table of records as a spreadsheet holds them; see `read_csv`.

    Raises:
        RetrievalError: no rows, or too many columns.
    """
    every = records
    records = without_preamble(every)
    above = left_out_notes({"Lines above the table": len(every) - len(records)})
    header = None if _is_data(records) else records[0]
    body = records if header is None else records[1:]
    if not body:
        raise RetrievalError(f"{name} has no rows below its header. Add rows, or save it as a text file.")
    width = _width(header, body)
    columns = tuple(_unique(header[:width] if header else [], width))
    check_columns(columns, name)
    rows = [dict(zip(columns, _fit(record, width), strict=True)) for record in body if _fits(record, width)]
    if not rows:
        raise RetrievalError(f"{name} has no row with {width} cells, as its header has. Check its delimiters.")
    return Table(columns, rows, len(body) - len(rows), notes=tuple(above))


def _records(text: str, delimiter: str, name: str) -> list[Record]:
    """All records that are not blank.

    Raises:
        RetrievalError: a quotation mark is never closed.
    """
    csv.field_size_limit(sys.maxsize)  # the limits on the file and on its text hold anyway
    records = [record for record in _parsed(text, delimiter, name) if any(map(str.strip, record))]
    if not records:
        raise RetrievalError(f"{name} has no rows. Add rows, or save it as a text file.")
    return records


def _parsed(text: str, delimiter: str, name: str) -> Iterator[Record]:
    """Every record; quotation marks within a cell that has none around it are letters."""
    if '"' in text:
        opened = _unclosed_line(text, delimiter)
        if opened:
            raise RetrievalError(
                f"{name} has a quotation mark in line {opened} that is never closed. Close it, or double it in a text."
            )
    options = _escaping(text)
    if delimiter == "\t" and '"' in text and not _is_quoted(text):
        options = {"quoting": csv.QUOTE_NONE}
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, **options)


def _is_quoted(text: str) -> bool:
    """Whether the quotation marks that begin cells between tabs also end them; else they are letters."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t", strict=True, **_escaping(text))
    try:
        for _ in reader:
            pass
    except csv.Error:
        return False
    return True


def _escaping(text: str) -> dict[str, Any]:
    """How the file writes a quotation mark inside a cell: with a backslash, or twice as usual."""
    return {"escapechar": "\\", "doublequote": False} if _BACKSLASHED.search(text) else {}


def _unclosed_line(text: str, delimiter: str) -> int:
    """The line of the record whose quoted cell runs to the end of the file; 0 where there is none."""
    lines = io.StringIO(f"{text}\n{END}", newline="")
    reader = csv.reader(lines, delimiter=delimiter, **_escaping(text))
    last: Record = []
    first, following = 0, 1
    for record in reader:
        last, first, following = record, following, reader.line_num + 1
    return 0 if last == [END] else first


def _delimiter(text: str) -> str:
    """The delimiter under which most of the first records have as many cells, above one, as the header.

    A table whose header has none has one column, and so has prose with a comma in every line.
    """
    head = "\n".join(text[:200_000].splitlines()[: 4 * SAMPLE])

    def evenness(delimiter: str) -> tuple[float, int]:
        csv.field_size_limit(sys.maxsize)
        records = [each for each in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if any(each)][
            :SAMPLE
        ]
        width = len(records[0]) if records else 0
        return (sum(len(record) == width for record in records) if width > 1 else 0, width)

    best = max(DELIMITERS, key=evenness)
    if evenness(best)[0] == 0 or (best == "," and _is_prose(head)):
        titled = max(DELIMITERS, key=lambda each: _common_width(head, each))
        return titled if _common_width(head, titled) > 1 and not _is_prose(head) and not _one_name(head) else NONE
    return best


def _common_width(head: str, delimiter: str) -> int:
    """The number of cells that most records have, but for lines of one cell above them."""
    widths = [len(record) for record in csv.reader(io.StringIO(head, newline=""), delimiter=delimiter) if record]
    lead = next((place for place, width in enumerate(widths) if width > 1), 0)
    counts = Counter(widths[lead:] if lead <= MOST_ABOVE else widths)
    width, count = counts.most_common(1)[0] if counts else (0, 0)
    return width if count >= 0.7 * counts.total() else 1


def _one_name(head: str) -> bool:
    """Whether the first line is one word, as the name of a single column is."""
    return bool(re.fullmatch(r'"?\w+"?', head.partition("\n")[0].strip()))


def _is_prose(head: str) -> bool:
    """Whether the lines are sentences: a blank follows every comma, and most lines end as sentences do."""
    lines = [line.strip() for line in head.splitlines() if line.strip()][:SAMPLE]
    if not lines or any('"' in line for line in lines):
        return False
    spaced = sum(line.count(", ") for line in lines), sum(line.count(",") for line in lines)
    ends = sum(bool(_PROSE_END.search(line)) for line in lines)
    return spaced[1] > 0 and spaced[0] >= 0.9 * spaced[1] and ends >= 0.7 * len(lines)


def without_preamble(records: list[Record]) -> list[Record]:
    """The records from the header on: above it reports have a title, and pairs of cells such as "Account, 12"."""
    widths = [sum(bool(cell.strip()) for cell in record) for record in records[:SAMPLE]]
    usual = Counter(widths).most_common(1)[0][0]
    lead = next((place for place, width in enumerate(widths) if width > max(1, usual / 2)), 0)
    return records[lead:] if usual > 1 and lead <= MOST_ABOVE else records


def _is_data(records: Sequence[Record]) -> bool:
    """Whether the first record looks like those below it and not like names of columns."""
    first, below = [cell.strip() for cell in records[0]], records[1 : SAMPLE + 1]
    filled = [cell for cell in first if cell]
    if matches_shape(dict.fromkeys(filled, "x")) or any(normal(cell) in ("text", "title") for cell in filled):
        return False
    if _names_numbers(first, below) or _names_years(first, below):
        return False
    if any(_PROSE_END.search(cell) or len(cell.split()) >= LONG_NAME for cell in filled):
        return True
    return any(
        _is_like(cell, [record[place].strip() for record in below if place < len(record)])
        for place, cell in enumerate(first)
        if cell
    )


def _names_numbers(first: Sequence[str], below: Sequence[Record]) -> bool:
    """Whether a cell without a digit stands above a column of numbers, dates or times."""
    for place, cell in enumerate(first):
        values = [record[place] for record in below if place < len(record) and record[place].strip()]
        if cell and not any(map(str.isdigit, cell)) and values and all(map(_NUMBER.match, values)):
            return True
    return False


def _names_years(first: Sequence[str], below: Sequence[Record]) -> bool:
    """Whether all numbers of the first record are years, and most of the cells below them are not."""
    places = [place for place, cell in enumerate(first) if any(map(str.isdigit, cell))]
    values = [record[place].strip() for record in below for place in places if place < len(record)]
    years = sum(bool(_YEAR.fullmatch(value)) for value in values)
    return all(_YEAR.fullmatch(first[place]) for place in places) and 2 * years < len(values)


def _is_like(cell: str, below: Sequence[str]) -> bool:
    """Whether a cell has digits in the places where nearly all cells below have them, or is often repeated there."""
    if len(below) < 3:
        return False
    if any(map(str.isdigit, cell)):
        return sum(_form(each) == _form(cell) for each in below) >= 0.9 * len(below)
    return below.count(cell) >= max(3, 0.2 * len(below))


def _form(cell: str) -> str:
    """The cell with runs of digits as 0 and runs of letters as a."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", cell))


def _width(header: Record | None, body: Sequence[Record]) -> int:
    """The number of columns: those with a name or a cell; without a header, the usual width."""
    if header is None:
        return Counter(len(record) for record in body).most_common(1)[0][0]
    filled = max((place + 1 for place, cell in enumerate(header) if cell.strip()), default=len(header))
    used = Counter(_filled(record) for record in body)
    # A column without a name counts where most rows have a cell in it.
    wide = max((width for width, count in used.items() if count > 0.5 * len(body)), default=0)
    return max(filled, min(wide, len(header)))


def _filled(record: Record) -> int:
    return max((place + 1 for place, cell in enumerate(record) if cell.strip()), default=0)


def _fits(record: Record, width: int) -> bool:
    """Whether a record has no cell beyond the columns; one that is too short lacks empty cells at its end."""
    return _filled(record) <= width


def _fit(record: Record, width: int) -> Record:
    return (record + [""] * width)[:width]


def _unique(header: Sequence[str], width: int) -> Iterator[str]:
    """Column names that are neither empty nor used twice."""
    seen: set[str] = set()
    for number in range(1, width + 1):
        cell = header[number - 1].strip() if number <= len(header) else ""
        column = cell or f"column {number}"
        column = f"{column} ({number})" if column in seen else column
        seen.add(column)
        yield column
