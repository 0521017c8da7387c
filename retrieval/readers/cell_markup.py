"""Cells of HTML, as forums and help pages are exported -> their text. A column whose texts ask for HTML stays."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.notes import Note
from retrieval.readers.html import read_html

SAMPLE = 100  # rows by which a column is judged
MOST = 0.6  # share of a column's cells that must be such
SEVERAL = 0.25  # share that is enough where all such cells are blocks
_TAG = re.compile(r"</(?:p|a|b|i|em|strong|u|ul|ol|li|code|pre|span|div|blockquote|h[1-6]|td)>|<br ?/?>", re.IGNORECASE)
_PAGE = re.compile(r"<(?:!doctype|html|head|body|script|style|form|input|svg|button)\b|```", re.IGNORECASE)
_BLOCK = re.compile(
    r"\s*<(?:p|div|ul|ol|h[1-6]|blockquote)\b[^>]*>.*</(?:p|div|ul|ol|h[1-6]|blockquote)>\s*", re.IGNORECASE | re.DOTALL
)
_ASKED = re.compile(r"\bhtml\b", re.IGNORECASE)


def without_html(
    columns: Sequence[str], rows: list[dict[str, Any]], limits: Limits
) -> tuple[list[dict[str, Any]], list[Note]]:
    """The rows, and a note that counts the cells that were HTML."""
    sample = rows[:SAMPLE]
    marked = [column for column in columns if _is_marked([row.get(column) for row in sample])]
    asking = sum(any(_asks(row[column]) for column in columns if column not in marked) for row in sample)
    if not marked or asking > 0.5 * len(sample):
        return rows, []
    count = sum(bool(_TAG.search(text)) for row in rows for column in marked for text in _texts(row.get(column)))
    plain = [{**row, **{column: _plain(row.get(column), limits) for column in marked}} for row in rows]
    return plain, [Note("html_cells", count)]


def _is_marked(cells: Sequence[Any]) -> bool:
    """Whether texts of a column have the tags of running text, most or several that are blocks; none is a page."""
    texts = [text for cell in cells for text in _texts(cell) if " " in text.strip() or "<" in text]
    tagged = [text for text in texts if _TAG.search(text)]
    least = SEVERAL if all(map(_BLOCK.fullmatch, tagged)) else MOST
    return bool(tagged) and not any(map(_PAGE.search, texts)) and len(tagged) >= least * len(texts)


def _asks(cell: Any) -> bool:
    return any(map(_ASKED.search, _texts(cell)))


def _texts(cell: Any) -> list[str]:
    """All texts in a cell, also inside lists and objects."""
    if isinstance(cell, str):
        return [cell]
    inner = cell.values() if isinstance(cell, Mapping) else cell if isinstance(cell, list) else ()
    return [text for each in inner for text in _texts(each)]


def _plain(cell: Any, limits: Limits) -> Any:
    if isinstance(cell, list):
        return [_plain(each, limits) for each in cell]
    if isinstance(cell, Mapping):
        return {key: _plain(each, limits) for key, each in cell.items()}
    if not isinstance(cell, str) or not _TAG.search(cell):
        return cell
    try:
        return read_html(cell.encode(), "cell", limits).text
    except RetrievalError:  # nested too deeply
        return cell
