"""CSV, JSON and JSONL bytes to rows of text cells; knows nothing of what the columns mean."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from retrieval.errors import RetrievalError
from retrieval.readers.encoding import decode

DELIMITERS = ",;\t|"
MAX_COLUMNS = 100
Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """Rows that all have these columns; nested JSON stays JSON text; `malformed` rows were left out."""

    columns: tuple[str, ...]
    rows: list[Row]
    malformed: int


def read_csv(data: bytes, name: str) -> Table:
    """A table whose first row names the columns; the delimiter is the one that cuts the first rows most evenly.

    Raises:
        RetrievalError: not text, one row or none, or a quotation mark that is never closed.
    """
    text = decode(data, name)
    try:
        records = [
            record
            for record in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
            if any(map(str.strip, record))
        ]
    except csv.Error as error:
        raise RetrievalError(f"{name} is not a readable CSV file ({error}). Check its quotation marks.") from error
    if len(records) < 2:
        raise RetrievalError(f"{name} has no rows below its header. Add rows, or save it as a text file.")
    columns = tuple(_unique(records[0]))
    _check_columns(columns, name)
    whole = [dict(zip(columns, record, strict=True)) for record in records[1:] if len(record) == len(columns)]
    return _table(columns, whole, len(records) - 1 - len(whole), name)


def read_json(data: bytes, name: str) -> Table:
    """One JSON object a line (JSONL), or one list of objects.

    Raises:
        RetrievalError: not text, or no line is a JSON object.
    """
    text = decode(data, name).strip()
    values = _parse(text) if text.startswith("[") else None
    if not isinstance(values, list):
        values = [_parse(line) for line in text.split("\n") if line.strip()]
    objects = [value for value in values if isinstance(value, dict)]
    flat = [row for value in objects for row in _instances(value) if row]
    columns = tuple(dict.fromkeys(column for row in flat for column in row))
    _check_columns(columns, name)
    rows = [{column: _cell(row.get(column)) for column in columns} for row in flat]
    return _table(columns, rows, len(values) - len(objects), name)


def _table(columns: tuple[str, ...], rows: list[Row], malformed: int, name: str) -> Table:
    if not rows:
        raise RetrievalError(f"{name} has no well-formed row ({malformed} malformed). Check the file and add it again.")
    return Table(columns, rows, malformed)


def _delimiter(text: str) -> str:
    """The delimiter under which most of the first rows have as many cells, above one, as the header."""

    def evenness(delimiter: str) -> tuple[float, int]:
        records = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 50))
        width = len(records[0]) if records else 0
        return (sum(len(record) == width for record in records) if width > 1 else 0, width)

    return max(DELIMITERS, key=evenness)


def _unique(header: list[str]) -> Iterator[str]:
    """Column names that are neither empty nor used twice."""
    seen: set[str] = set()
    for number, cell in enumerate(header, start=1):
        column = cell.strip() or f"column {number}"
        column = f"{column} ({number})" if column in seen else column
        seen.add(column)
        yield column


def _check_columns(columns: tuple[str, ...], name: str) -> None:
    if len(columns) > MAX_COLUMNS:
        raise RetrievalError(f"{name} has {len(columns)} columns; the limit is {MAX_COLUMNS}. Keep those that matter.")


def _parse(text: str) -> Any:
    """The JSON value, or None where the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _instances(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Self-Instruct's form, an instruction with several `instances`, as one row an instance."""
    nested = row.get("instances")
    if not isinstance(nested, list) or not all(isinstance(each, dict) for each in nested):
        return [row]
    rest = {column: value for column, value in row.items() if column != "instances"}
    return [{**rest, **each} for each in nested]


def _cell(value: Any) -> str:
    """A cell as text: the first of several short answers (SQuAD's `{"text": [...]}`), else nested values as JSON."""
    if value is None:
        return ""
    if isinstance(value, dict) and "text" in value:
        return _cell(value["text"])
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return value[0]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
