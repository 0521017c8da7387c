"""Reads the first rows of a Hub data set through `datasets`: streamed, data files only, no code of the data set.

Knows nothing of processes: `sandbox` runs it in a child, which gives the cache a temporary folder and sets the limits.
"""

from dataclasses import replace
from typing import Any

import datasets
import pyarrow
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
from huggingface_hub.errors import HfHubHTTPError

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping
from retrieval.notes import Note
from retrieval.readers.hub_address import HubDataset
from retrieval.readers.parquet import CELL_SHARE, plain_row, text_chars
from retrieval.readers.qa_records import read_records
from retrieval.readers.tables import table_of_objects

FORMATS = ("parquet", "csv", "json")
MAX_ROWS = 20_000


def read_hub_dataset(source: HubDataset, mapping: ColumnMapping | None, limits: Limits) -> Document:
    """The pairs or the text of the first rows; a note in the document says where rows or columns were left out.

    Raises:
        NeedsMapping: its columns are not recognised.
        RetrievalError: the Hub, the data set, the configuration or the split is not there, its files are of another
            format, or it needs code of its author.
    """
    try:
        rows, unread, more = _rows(source, limits)
    except ConnectionError as fault:
        raise RetrievalError(
            f"The Hub cannot be reached for {source.id}: {_reason(fault)}. Try again later."
        ) from fault
    except (DatasetNotFoundError, HfHubHTTPError, OSError) as fault:
        raise RetrievalError(f"{source.id} cannot be loaded from the Hub: {_reason(fault)}. Check its name.") from fault
    except (ValueError, RuntimeError, DatasetGenerationError, pyarrow.ArrowException) as fault:
        raise RetrievalError(f"The data set {source.name} cannot be read: {_reason(fault)}.") from fault
    document = read_records(table_of_objects(rows, 0, source.name), source.name, mapping, limits)
    notes = [
        *([Note("first_rows", words=f"{len(rows):,}")] if more else []),
        *([Note("no_text_columns", words=", ".join(unread))] if unread else []),
    ]
    return replace(document, notes=(*document.notes, *notes))


def _rows(source: HubDataset, limits: Limits) -> tuple[list[dict[str, Any]], list[str], bool]:
    """The first rows, the names of the columns that hold no text, and whether there are more rows."""
    builder = datasets.load_dataset_builder(source.address, name=source.config or None)
    form = builder.info.builder_name
    if form not in FORMATS:
        raise RetrievalError(f"{source.id} holds {form} files; only {', '.join(FORMATS)} files are read.")
    stream = builder.as_streaming_dataset(split=source.split)
    unread = [name for name, feature in (stream.features or {}).items() if _is_binary(feature)]
    rows: list[dict[str, Any]] = []
    chars = 0
    for row in stream.remove_columns(unread) if unread else stream:
        chars += text_chars(plain_row(row))
        if len(rows) == MAX_ROWS or (rows and chars > CELL_SHARE * limits.max_chars):
            return rows, unread, True
        rows.append(plain_row(row))
    return rows, unread, False


def _is_binary(feature: Any) -> bool:
    """Whether a column holds pictures, sound, films or bytes, which are not decoded."""
    media = isinstance(feature, datasets.Image | datasets.Audio | datasets.Video)
    return media or (isinstance(feature, datasets.Value) and "binary" in feature.dtype)


def _reason(fault: BaseException) -> str:
    """The first line of a fault's own words."""
    return (str(fault).splitlines() or [type(fault).__name__])[0].rstrip(".")
