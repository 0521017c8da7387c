"""Reads DOCX into text with headings, in document order: paragraphs, list entries and tables; nothing hidden."""

import io
import zipfile
from collections.abc import Iterator, Sequence

import docx
from docx.document import Document as Word
from docx.table import Table
from docx.text.paragraph import Paragraph

from retrieval.compat import cell_key, check_docx, is_numbered, paragraph_style_id
from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.encoding import clean, refuse_disguised, repair_note


def read_docx(data: bytes, name: str, limits: Limits) -> Document:
    """The text of a Word file; " | " separates table cells.

    Raises:
        RetrievalError: not a DOCX, password-protected, damaged, or larger than the limits when unpacked.
    """
    check_docx()
    _check_archive(data, name, limits)
    try:
        word = docx.Document(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # python-docx passes on any error of zipfile and lxml
        # lxml reports a lack of memory as an "unknown error".
        raise RetrievalError(
            f"{name} is damaged, or holds too much to be read. Save it again as DOCX and add it again."
        ) from error
    builder = DocumentBuilder(limits.max_chars)
    repaired = 0
    for raw, level, joint in _blocks(word):
        text, lines = clean(raw)
        repaired += lines
        if level:
            builder.heading(text, level)
        else:
            builder.add(text.strip(), joint)
    return builder.document(name, repair_note(repaired))


def _check_archive(data: bytes, name: str, limits: Limits) -> None:
    """Refuse a file that is no DOCX, unpacks to too much, or declares XML entities (Word never does)."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise RetrievalError(f"{name} is password-protected or an old Word file. Save it as an open DOCX.")
    refuse_disguised(data, name, "a Word file", magic=b"PK\x03\x04")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            holds_word = any(entry.startswith("word/") for entry in archive.namelist())
            parts = [entry for entry in archive.infolist() if entry.filename.endswith((".xml", ".rels"))]
            excess = _excess(archive.infolist(), parts, limits)
            declares = not excess and any(b"<!DOCTYPE" in archive.read(part) for part in parts)
    except Exception as error:  # zipfile passes on any error of zlib, struct or seeking
        raise RetrievalError(f"{name} is not a readable DOCX file. Save it again as DOCX.") from error
    if not holds_word:
        raise RetrievalError(f"{name} is a ZIP archive without a Word text. Save it under its own file ending.")
    if excess:
        raise RetrievalError(f"{name} unpacks to {excess}. Add a part of it.")
    if declares:
        raise RetrievalError(f"{name} declares XML entities, which no Word file needs. Save it again as DOCX.")


def _excess(entries: Sequence[zipfile.ZipInfo], parts: Sequence[zipfile.ZipInfo], limits: Limits) -> str:
    """The size that exceeds a limit, with the limit; an empty string where none does."""
    found = {
        "MB": (sum(entry.file_size for entry in entries), limits.max_uncompressed_bytes),
        "MB of XML": (sum(entry.file_size for entry in parts), limits.max_xml_bytes),
    }
    over = [
        f"{size // 1_000_000} {unit}; the limit is {allowed // 1_000_000} MB"
        for unit, (size, allowed) in found.items()
        if size > allowed
    ]
    return over[0] if over else ""


def _blocks(word: Word) -> Iterator[tuple[str, int, str]]:
    """Text, heading level (0 = none) and the joint before it, for every paragraph and table row with text."""
    styles = {style.style_id: style.name or "" for style in word.styles}  # once: each look-up searches all styles
    listed = False
    for item in word.iter_inner_content():
        if isinstance(item, Table):
            listed = False
            for number, row in enumerate(_rows(item)):
                yield row, 0, "\n" if number else "\n\n"
        elif any(map(str.isalnum, item.text)):
            style = styles.get(paragraph_style_id(item), "")
            is_list = _is_list(item, style)
            text = f"- {item.text.strip()}" if is_list else item.text
            yield text, _level(style), "\n" if is_list and listed else "\n\n"
            listed = is_list


def _level(style: str) -> int:
    """The level of a built-in heading style; Word stores their names in English: "Title", "Heading 1" … "Heading 9"."""
    if style == "Title":
        return 1
    return int(style[8:]) if style.startswith("Heading ") and style[8:].isdigit() else 0


def _is_list(paragraph: Paragraph, style: str) -> bool:
    return style.startswith("List ") or (is_numbered(paragraph) and not _level(style))


def _rows(table: Table) -> Iterator[str]:
    """The text of each row; a merged cell is read once."""
    for row in table.rows:
        cells = {cell_key(cell): " ".join(cell.text.split()) for cell in row.cells}
        text = " | ".join(cells.values())
        if any(map(str.isalnum, text)):
            yield text
