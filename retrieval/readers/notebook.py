"""Reads IPYNB: the cells of a notebook in order, with the text that they printed; pictures are counted."""

import json
import re
from typing import Any

from retrieval.document import Document, DocumentBuilder, HeadingMark, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import decode
from retrieval.readers.headings import markdown_headings
from retrieval.readers.html import read_html
from retrieval.readers.markdown_text import shown_text

PICTURES, PROGRAMS = "Pictures", "Outputs that are no text"
_OBJECT = re.compile(r"<[\w.]+(?: object)?(?: at 0x[0-9a-f]+)?>")  # stands in for what only a page can show
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def read_notebook(data: bytes, name: str, limits: Limits) -> Document:
    """Markdown and code as they are, and below each code cell what it printed.

    Raises:
        RetrievalError: no notebook.
        TooLong: more text than the limits allow.
    """
    try:
        notebook = json.loads(decode(data, name), strict=False)
    except (json.JSONDecodeError, RecursionError) as error:
        raise RetrievalError(f"{name} is not a readable notebook: it is no JSON. Save it again as IPYNB.") from error
    cells = _cells(notebook)
    if not cells:
        raise RetrievalError(f"{name} has no cells, so it is no notebook. Save it again as IPYNB.")
    builder, cleaner = DocumentBuilder(limits.max_chars), Cleaner()
    for number, cell in enumerate(cells, start=1):
        _add_cell(cell, f"cell {number}", builder, cleaner, limits)
    return builder.document(name, cleaner.notes())


def _cells(notebook: Any) -> list[dict[str, Any]]:
    """The cells, also of the older form with worksheets."""
    if not isinstance(notebook, dict):
        return []
    holders = [notebook, *(each for each in _list(notebook.get("worksheets")) if isinstance(each, dict))]
    return [cell for holder in holders for cell in _list(holder.get("cells")) if isinstance(cell, dict)]


def _add_cell(cell: dict[str, Any], place: str, builder: DocumentBuilder, cleaner: Cleaner, limits: Limits) -> None:
    kind = cell.get("cell_type")
    source = _text(cell.get("source", cell.get("input")))
    if kind == "markdown":
        source, comments = shown_text(source)
        builder.counts.update({"Directives and comments": comments})
    text = cleaner.clean(source).strip("\n")
    if kind == "heading" and text.strip():
        level = cell.get("level")
        builder.heading(text, level if isinstance(level, int) and 0 < level < 10 else 1)
    elif text.strip():
        start = builder.add(text)
        if kind == "markdown":
            marks = markdown_headings(text)
            builder.marks += [HeadingMark(start + mark.start, mark.level, mark.title) for mark in marks]
    for attached in cell.get("attachments") or ():
        builder.leave_out(PICTURES, str(attached), place)
    for output in _list(cell.get("outputs")):
        if isinstance(output, dict):
            _add_output(output, place, builder, cleaner, limits)


def _add_output(output: dict[str, Any], place: str, builder: DocumentBuilder, cleaner: Cleaner, limits: Limits) -> None:
    """Add what a cell printed: its stream, its result as text or table, or its error."""
    found = output.get("data")
    data: dict[str, Any] = found if isinstance(found, dict) else output
    pictures = [kind for kind in data if kind.startswith("image/") or kind in ("png", "jpeg", "svg")]
    for kind in pictures:
        builder.leave_out(PICTURES, kind, place)
    plain = _text(data.get("text/plain", output.get("text", data.get("text"))))
    page = _text(data.get("text/html"))
    if data is found and len(data) > 1 and _OBJECT.fullmatch(plain.strip()):
        plain = ""
    if "<table" in page:
        plain = read_html(page.encode(), place, limits).text
    elif not plain and "ename" in output:
        plain = f"{output.get('ename')}: {output.get('evalue')}"
    plain = plain or _text(data.get("text/markdown")) or _text(data.get("text/latex"))
    if page and not plain:
        plain = read_html(page.encode(), place, limits).text
    text = cleaner.clean(_last_states(_COLOURS.sub("", plain))).strip("\n")
    if text.strip() and not pictures:
        builder.add(text)
    elif not text.strip() and not pictures:
        builder.leave_out(PROGRAMS, ", ".join(map(str, data)), place)


def _last_states(text: str) -> str:
    """Each line as it was at last: a bar of progress goes back to the start of its line and writes it again."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _text(value: Any) -> str:
    """Text that a notebook stores whole or as a list of lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
