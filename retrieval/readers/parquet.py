"""Reads Parquet files with pyarrow into rows of values; data only, one batch at a time, up to the limit on text."""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow
import pyarrow.parquet

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.notes import Note
from retrieval.readers.tables import Row, Table, check_columns, table_of_objects

BATCH_ROWS = 200
# Text, markup and headings come on top of the cells, so the rows end before the limit on characters is reached.
CELL_SHARE = 0.8


def read_parquet(data: bytes, name: str, limits: Limits) -> tuple[Table, list[Note]]:
    """The first rows up to the limit on characters, and sentences on the columns and rows that were not read.

    Raises:
        RetrievalError: it is damaged, or has no row or too many columns.
    """
    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        schema = file.schema_arrow
        check_columns(schema.names, name)
        unread = [field.name for field in schema if _is_binary(field.type)]
        rows, total = _rows(file, [each for each in schema.names if each not in unread], limits), file.metadata.num_rows
    except (pyarrow.ArrowException, OSError, ValueError) as fault:
        if isinstance(fault, RetrievalError | MemoryError):
            raise
        reason = (str(fault).splitlines() or ["damaged"])[0].rstrip(".")
        raise RetrievalError(f"{name} is not a readable Parquet file: {reason}. Save it again, or as CSV.") from fault
    notes = [Note("no_text_columns", words=", ".join(unread))] if unread else []
    if len(rows) < total:
        notes.append(Note("first_of_rows", len(rows), f"{total:,}"))
    return table_of_objects(rows, 0, name), notes


def _rows(file: pyarrow.parquet.ParquetFile, columns: list[str], limits: Limits) -> list[Row]:
    rows: list[Row] = []
    chars = 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=columns, use_threads=False):
        for row in batch.to_pylist():
            plain = plain_row(row)
            chars += text_chars(plain)
            if rows and chars > CELL_SHARE * limits.max_chars:
                return rows
            rows.append(plain)
    return rows


def plain_row(row: Mapping[str, Any]) -> Row:
    """The row in values that JSON has; a date becomes its text, NaN becomes nothing."""
    values: Row = json.loads(json.dumps(row, default=str), parse_constant=lambda _: None)
    return values


def text_chars(value: Any) -> int:
    """The characters of all texts and numbers in a value, without the names of its keys."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return len(str(value)) if inner is None else sum(text_chars(each) for each in inner if each is not None)


def _is_binary(kind: pyarrow.DataType) -> bool:
    """Whether a column holds bytes, also inside structures, as pictures and sounds do."""
    if pyarrow.types.is_struct(kind):
        return any(_is_binary(field.type) for field in kind)
    if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
        return _is_binary(kind.value_type)
    return bool(
        pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind) or pyarrow.types.is_fixed_size_binary(kind)
    )
