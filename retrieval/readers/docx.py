"""DOCX to text with headings, in the order of the page: paragraphs, list entries and tables; nothing hidden."""

import io
import zipfile
from collections.abc import Iterator, Sequence

import docx
from docx.document import Document as Word
from docx.table import Table
from docx.text.paragraph import Paragraph

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.encoding import clean, refuse_disguised, repair_note


def read_docx(data: bytes, name: str, limits: Limits) -> Document:
    """Text of a Word file; table cells are parted by " | ".

    Raises:
        RetrievalError: not a DOCX, password-protected, damaged, or larger than the limits when unpacked.
    """
    _check_archive(data, name, limits)
    try:
        word = docx.Document(io.BytesIO(data))
    except MemoryError:
        raise
    except Exception as error:  # python-docx passes on whatever zipfile, lxml or a missing part raises
        # lxml calls a lack of memory an "unknown error".
        raise RetrievalError(
            f"{name} is damaged, or holds too much to be read. Save it again as DOCX and add it again."
        ) from error
    draft = DocumentBuilder(limits.max_chars)
    mended = 0
    for raw, level, joint in _blocks(word):
        text, lines = clean(raw)
        mended += lines
        if level:
            draft.heading(text, level)
        else:
            draft.add(text.strip(), joint)
    return draft.document(name, repair_note(mended))


def _check_archive(data: bytes, name: str, limits: Limits) -> None:
    """Refuse what is no DOCX, what unpacks to too much, and XML that declares entities (Word never does)."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise RetrievalError(f"{name} is password-protected or an old Word file. Save it as an open DOCX.")
    refuse_disguised(data, name, "a Word file", magic=b"PK\x03\x04")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            holds_word = any(entry.startswith("word/") for entry in archive.namelist())
            parts = [entry for entry in archive.infolist() if entry.filename.endswith((".xml", ".rels"))]
            excess = _excess(archive.infolist(), parts, limits)
            declares = not excess and any(b"<!DOCTYPE" in archive.read(part) for part in parts)
    except Exception as error:  # zipfile passes on whatever zlib, struct or a seek raises
        raise RetrievalError(f"{name} is not a readable DOCX file. Save it again as DOCX.") from error
    if not holds_word:
        raise RetrievalError(f"{name} is a ZIP archive without a Word text. Save it under its own file ending.")
    if excess:
        raise RetrievalError(f"{name} unpacks to {excess}. Add a part of it.")
    if declares:
        raise RetrievalError(f"{name} declares XML entities, which no Word file needs. Save it again as DOCX.")


def _excess(entries: Sequence[zipfile.ZipInfo], parts: Sequence[zipfile.ZipInfo], limits: Limits) -> str:
    """What is more than the limits allow, with the limit; nothing where all is within them."""
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
    """Text, heading level (0 = none) and the joint before it, for every paragraph and table row that says something."""
    styles = {style.style_id: style.name or "" for style in word.styles}  # once: each look-up searches them all
    listed = False
    for item in word.iter_inner_content():
        if isinstance(item, Table):
            listed = False
            for number, row in enumerate(_rows(item)):
                yield row, 0, "\n" if number else "\n\n"
        elif any(map(str.isalnum, item.text)):
            style = styles.get(item._p.style or "", "")
            is_list = _is_list(item, style)
            text = f"- {item.text.strip()}" if is_list else item.text
            yield text, _level(style), "\n" if is_list and listed else "\n\n"
            listed = is_list


def _level(style: str) -> int:
    """Word's built-in styles are named in English in every language: "Title", "Heading 1" … "Heading 9"."""
    if style == "Title":
        return 1
    return int(style[8:]) if style.startswith("Heading ") and style[8:].isdigit() else 0


def _is_list(paragraph: Paragraph, style: str) -> bool:
    properties = paragraph._p.pPr
    numbered = properties is not None and properties.numPr is not None
    return style.startswith("List ") or (numbered and not _level(style))


def _rows(table: Table) -> Iterator[str]:
    """Each row's distinct cells; a merged cell is read once."""
    for row in table.rows:
        cells = {id(cell._tc): " ".join(cell.text.split()) for cell in row.cells}
        text = " | ".join(cells.values())
        if any(map(str.isalnum, text)):
            yield text
