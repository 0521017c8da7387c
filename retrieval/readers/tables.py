"""Reads JSON, JSONL and Parquet into rows of values; knows nothing of what the columns mean."""

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrieval.errors import RetrievalError
from retrieval.notes import Note
from retrieval.readers.encoding import decode_file
from retrieval.readers.shapes.names import ANSWERS, normal
from retrieval.readers.shapes.nesting import rows_in
from retrieval.readers.shapes.values import MAX_NESTING, is_deep

MAX_COLUMNS = 100
_JSON = json.JSONDecoder(parse_constant=lambda _: None, strict=False)  # NaN and Infinity are no JSON, and no text
_NOT_BLANK = re.compile(r"[^\s,\x1e]")
# A string, which is kept, or a comment or a comma before a closing bracket, which JSON does not have.
_LENIENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[\]}])', re.DOTALL)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_COMMENTS = ("#", "//")  # what begins a line between values, and no value
Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Rows that all have these columns; `malformed` counts those left out, `fault` says where the first one is.

    `notes` say how the file was decoded, and what stands above the table.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    malformed: int
    fault: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class _Parsed:
    """JSON values, the number of lines or values that are none, and where the first of those is."""

    values: list[Any]
    malformed: int = 0
    fault: str = ""


def read_json(data: bytes, name: str) -> Table:
    """JSON values of any nesting: one in the file, one per line, or one after another; NaN is an empty cell.

    Raises:
        RetrievalError: not text, or no row in it.
    """
    decoded = decode_file(data, name)
    parsed = _parse(decoded.text.strip())
    if is_deep(parsed.values):
        raise RetrievalError(f"{name} is nested more than {MAX_NESTING - 1} deep. Save its rows as a list of objects.")
    rows = [row for value in parsed.values for row in rows_in(value)]
    if not any(rows) and parsed.fault:
        raise RetrievalError(f"{name} is no readable JSON: {parsed.fault}. Mend that line and add it again.")
    objects = [row for row in rows if row]
    table = table_of_objects(objects, parsed.malformed + len(rows) - len(objects), name, parsed.fault)
    return replace(table, notes=decoded.notes)


def table_of_objects(objects: Sequence[Row], malformed: int, name: str, fault: str = "") -> Table:
    """A table of JSON objects; its columns are all keys in the order of their first use.

    Raises:
        RetrievalError: there is no object, or there are too many columns.
    """
    flat = [row for value in objects for row in _instances(value) if row]
    columns = tuple(dict.fromkeys(str(column) for row in flat for column in row))
    check_columns(columns, name)
    if not flat:
        raise RetrievalError(f"{name} has no well-formed row ({malformed} malformed). Check the file and add it again.")
    return Table(columns, [{column: row.get(column) for column in columns} for row in flat], malformed, fault)


def check_columns(columns: Sequence[str], name: str) -> None:
    """Refuse a table with too many columns.

    Raises:
        RetrievalError: it has.
    """
    if len(columns) > MAX_COLUMNS:
        raise RetrievalError(f"{name} has {len(columns)} columns; the limit is {MAX_COLUMNS}. Keep those that matter.")


def _parse(text: str) -> _Parsed:
    """The values of a text as one JSON value, as JSON lines, or as values one after another, whichever holds most."""
    whole, fault = _value(text, lenient=True)
    if not fault:
        return _Parsed([whole])
    lines = _parse_lines(text)
    if not lines.malformed:
        return lines
    successive = _parse_successive(text)
    best = max(lines, successive, key=lambda parsed: sum(isinstance(each, dict | list) for each in parsed.values))
    return best if any(isinstance(each, dict | list) for each in best.values) else _Parsed([], best.malformed, fault)


def _parse_lines(text: str) -> _Parsed:
    values: list[Any] = []
    faults = []
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip().strip("\x1e").rstrip(",")
        if stripped in ("", "[", "]") or stripped.startswith(_COMMENTS):
            continue
        value, fault = _value(stripped, lenient=True)
        if fault:
            faults.append(f"line {number}: {fault.partition(': ')[2]}")
        else:
            values.append(value)
    return _Parsed(values, len(faults), faults[0] if faults else "")


def _parse_successive(text: str) -> _Parsed:
    """Values that follow one another, also inside a list that is not closed, up to the first fault."""
    values: list[Any] = []
    start = 1 if text.startswith("[") else 0
    while match := _NOT_BLANK.search(text, start):
        try:
            value, start = _JSON.raw_decode(text, match.start())
        except json.JSONDecodeError as error:
            return _Parsed(values, 1, f"line {error.lineno}: {error.msg}")
        except RecursionError:
            return _Parsed(values, 1, "line 1: it is nested too deeply")
        values.append(value)
    return _Parsed(values)


def _value(text: str, lenient: bool = False) -> tuple[Any, str]:
    """The value of a JSON text and an empty string, or nothing and where its fault is.

    A lenient reading allows comments and a comma after the last value, and dictionaries as Python prints them.
    """
    try:
        return _JSON.decode(text), ""
    except RecursionError:
        return None, "line 1: it is nested too deeply"
    except json.JSONDecodeError as error:
        fault = f"line {error.lineno}: {error.msg}"
    if not lenient:
        return None, fault
    mended = _LENIENT.sub(lambda match: match[1] or "", text)
    if mended != text:
        value, still = _value(mended)
        if not still:
            return value, ""
    if text.startswith("{'"):
        try:
            return ast.literal_eval(text), ""
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            pass
    return None, fault


def _instances(row: Row) -> Iterator[Row]:
    """One row per instance of an instruction (Self-Instruct), pattern of an intent, or wording of a question."""
    told = _told_by_language(row)
    if told:
        yield from told
        return
    nested = row.get("instances")
    for column in ("patterns", "questions"):
        wordings = row.get(column)
        if isinstance(wordings, list) and wordings and all(isinstance(each, str) for each in wordings):
            if column == "patterns" or _has_answer(row):
                nested = [{column: each} for each in wordings]
    if not isinstance(nested, list) or not all(isinstance(each, dict) for each in nested):
        yield row
        return
    rest = {column: value for column, value in row.items() if column != "instances"}
    for each in nested:
        yield {**rest, **each}


def _told_by_language(row: Row) -> list[Row]:
    """One row per wording of a question that Botpress keeps by languages; empty for any other row."""
    asked, answers = row.get("questions"), row.get("answers")
    if not isinstance(asked, dict) or not isinstance(answers, dict) or not asked.keys() & answers.keys():
        return []
    listed = [(asked[code], answers[code]) for code in asked if code in answers and _LANGUAGE.fullmatch(str(code))]
    return [
        {"question": each, "answer": answer}
        for wordings, answer in listed
        if isinstance(wordings, list) and answer
        for each in wordings
    ]


def _has_answer(row: Row) -> bool:
    """Whether one text answers all that is asked."""
    return any(isinstance(value, str) and normal(str(column)) in ANSWERS for column, value in row.items())
