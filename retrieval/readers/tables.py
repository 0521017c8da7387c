"""Reads CSV, JSON and JSONL into rows of text cells; knows nothing of what the columns mean."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from retrieval.errors import RetrievalError
from retrieval.readers.encoding import decode

DELIMITERS = ",;\t|"
MAX_COLUMNS = 100
_JSON = json.JSONDecoder(parse_constant=lambda _: None)  # NaN and Infinity are no JSON, and no text
_NOT_BLANK = re.compile(r"\S")
Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """Rows that all have these columns; nested JSON stays JSON text; `malformed` counts the rows left out."""

    columns: tuple[str, ...]
    rows: list[Row]
    malformed: int


def read_csv(data: bytes, name: str) -> Table:
    """A table whose first row names the columns; the delimiter is the one that splits the first rows most evenly.

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
    """JSON objects, one per line (JSONL) or one after another, or one list of objects; NaN is an empty cell.

    Raises:
        RetrievalError: not text, or no JSON object in it.
    """
    text = decode(data, name).strip()
    values = _parse(text) if text.startswith("[") else None
    if not isinstance(values, list):
        values = [_parse(line) for line in text.split("\n") if line.strip()]
        if not any(isinstance(value, dict) for value in values):
            successive = list(_successive(text))
            values = successive if any(isinstance(value, dict) for value in successive) else values
    objects = [value for value in values if isinstance(value, dict)]
    return table_of_objects(objects, len(values) - len(objects), name)


def table_of_objects(objects: Sequence[dict[str, Any]], malformed: int, name: str) -> Table:
    """A table of JSON objects; its columns are all keys in the order of their first use.

    Raises:
        RetrievalError: no object has a key, or there are too many columns.
    """
    flat = [row for value in objects for row in _instances(value) if row]
    columns = tuple(dict.fromkeys(column for row in flat for column in row))
    _check_columns(columns, name)
    rows = [{column: _cell(row.get(column)) for column in columns} for row in flat]
    return _table(columns, rows, malformed, name)


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
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        return None


def _successive(text: str) -> Iterator[Any]:
    """JSON values that follow one another, over any number of lines; None stands for all from the first fault on."""
    place = 0
    while place < len(text):
        try:
            value, place = _JSON.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield None
            return
        yield value
        place = next((match.start() for match in [_NOT_BLANK.search(text, place)] if match), len(text))


def _instances(row: dict[str, Any]) -> list[dict[str, Any]]:
    """An instruction with several `instances` (the form of Self-Instruct) as one row per instance."""
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
