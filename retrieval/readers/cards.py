"""Reads the study cards that Anki exports: the lines above them say what their cells are."""

import csv
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping
from retrieval.readers.encoding import decode_file
from retrieval.readers.html import read_html
from retrieval.readers.qa_records import read_records
from retrieval.readers.tables import Table

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "pipe": "|", "colon": ":"}
SIDES = ("Front", "Back")
_LINE = re.compile(
    r"#(separator|html|columns|tags|notetype|deck|guid|if matches|tags column|notetype column|deck column|guid column)"
    r":(.*)",
    re.IGNORECASE,
)
_SOUND = re.compile(r"\[(?:sound|anki):[^\]]*\]")
_MARKED = re.compile(r"[<&]")
_GAP = re.compile(r"\{\{c(?P<number>\d+)::(?P<text>.*?)(?:::(?P<hint>.*?))?\}\}", re.DOTALL)


@dataclass(frozen=True)
class _Export:
    """The settings at the top of an export, and the rest of its text."""

    settings: Mapping[str, str]
    body: str


def read_cards(data: bytes, name: str, limits: Limits, mapping: ColumnMapping | None) -> Document | None:
    """The cards of an Anki export as pairs, a pair for each gap of a text with gaps; None for any other text.

    Raises:
        RetrievalError: the bytes are not text, or the mapping names what is not there.
        TooLong: more text than the limits allow.
    """
    if not data.lstrip(b"\xef\xbb\xbf\xff\xfe").startswith((b"#", b"#\x00")):
        return None
    decoded = decode_file(data, name)
    export = _export(decoded.text)
    rows = [row for row in _rows(export, limits) if any(row.values())] if export.settings else []
    if not rows:
        return None
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    if len(columns) < len(SIDES):
        return None
    table = Table(columns, [{column: row.get(column, "") for column in columns} for row in rows], 0)
    sides = {"question": columns[0], "answer": columns[1]}
    return read_records(replace(table, notes=decoded.notes), name, mapping or sides, limits)


def _export(text: str) -> _Export:
    """The text of a file apart from the settings above it, of which there are none in any other text."""
    settings: dict[str, str] = {}
    lines = text.splitlines(keepends=True)
    while lines and (found := _LINE.match(lines[0])):
        settings[found[1].lower()] = found[2].strip()
        lines.pop(0)
    return _Export(settings, "".join(lines))


def _rows(export: _Export, limits: Limits) -> Iterator[dict[str, str]]:
    said = export.settings.get("separator", "tab")
    delimiter = SEPARATORS.get(said.lower(), said if len(said) == 1 else "\t")
    names = export.settings.get("columns", "").split(delimiter)
    aside = {int(place) for key, place in export.settings.items() if key.endswith(" column") and place.isdigit()}
    for record in csv.reader(io.StringIO(export.body, newline=""), delimiter=delimiter):
        if record and not record[0].startswith("#"):
            cells = [_plain(cell, export.settings.get("html") == "true", limits) for cell in record]
            yield from _cards([cell for place, cell in enumerate(cells, 1) if place not in aside], names)


def _cards(cells: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, str]]:
    """The card of a note by the names of its fields, else by their order; of a text with gaps one for each number."""
    gaps = list(dict.fromkeys(found["number"] for found in _GAP.finditer(cells[0]))) if cells else []
    for number in gaps:
        hidden = [found["text"] for found in _GAP.finditer(cells[0]) if found["number"] == number]
        yield dict(zip(SIDES, (_with_gap(cells[0], number), ", ".join(dict.fromkeys(hidden))), strict=True))
    if not gaps:
        named = names if len(names) >= len(cells) else ()
        yield {name: cell for name, cell in zip(_columns(named, len(cells)), cells, strict=True) if name != "Tags"}


def _columns(names: Sequence[str], width: int) -> list[str]:
    """The names of the fields; the first two are the sides of a card where they have none."""
    return [*names[:width]] or [*SIDES, *(f"Field {place}" for place in range(3, width + 1))][:width]


def _with_gap(text: str, number: str) -> str:
    """A text whose gaps are filled but for those of a number, which show their hint."""
    return _GAP.sub(lambda gap: gap["text"] if gap["number"] != number else f"[{gap['hint'] or '…'}]", text)


def _plain(cell: str, is_html: bool, limits: Limits) -> str:
    cell = _SOUND.sub("", cell)
    if not is_html or not _MARKED.search(cell):
        return cell.strip()
    try:
        return read_html(cell.encode(), "cell", limits).text
    except RetrievalError:  # a picture alone, or nested too deeply
        return html.unescape(re.sub(r"<[^>]*>", " ", cell)).strip()
