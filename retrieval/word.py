"""DOCX to text with headings, in the order of the page: paragraphs, list entries and tables; nothing hidden."""

import io
import zipfile
from collections.abc import Iterator

import docx
from docx.document import Document as Word
from docx.table import Table
from docx.text.paragraph import Paragraph

from retrieval.decode import clean, mended_note
from retrieval.errors import RetrievalError
from retrieval.parts import Document, Draft, Limits


def read_docx(data: bytes, name: str, limits: Limits) -> Document:
    """Text of a Word file; table cells are parted by " | ".

    Raises:
        RetrievalError: not a DOCX, password-protected, damaged, or larger than the limits when unpacked.
    """
    _check_archive(data, name, limits)
    try:
        word = docx.Document(io.BytesIO(data))
    except Exception as error:  # python-docx passes on whatever zipfile, lxml or a missing part raises
        raise RetrievalError(
            f"{name} is damaged and cannot be read. Save it again as DOCX and add it again."
        ) from error
    draft = Draft(limits.max_chars)
    mended = 0
    for raw, level, joint in _blocks(word):
        text, lines = clean(raw)
        mended += lines
        if level:
            draft.heading(text, level)
        else:
            draft.add(text.strip(), joint)
    return draft.document(name, mended_note(mended))


def _check_archive(data: bytes, name: str, limits: Limits) -> None:
    """Refuse what is no DOCX, what unpacks to too much, and XML that declares entities (Word never does)."""
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise RetrievalError(f"{name} is password-protected or an old Word file. Save it as an open DOCX.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            parts = [each for each in archive.namelist() if each.endswith((".xml", ".rels"))]
            fits = size <= limits.max_uncompressed_bytes
            declares = fits and any(b"<!DOCTYPE" in archive.read(part) for part in parts)
    except Exception as error:  # zipfile passes on whatever zlib, struct or a seek raises
        raise RetrievalError(f"{name} is not a readable DOCX file. Save it again as DOCX.") from error
    if not fits:
        allowed = limits.max_uncompressed_bytes // 1_000_000
        raise RetrievalError(f"{name} unpacks to {size // 1_000_000} MB; the limit is {allowed} MB. Shorten it.")
    if declares:
        raise RetrievalError(f"{name} declares XML entities, which no Word file needs. Save it again as DOCX.")


def _blocks(word: Word) -> Iterator[tuple[str, int, str]]:
    """Text, heading level (0 = none) and the joint before it, for every paragraph and table row that says something."""
    listed = False
    for item in word.iter_inner_content():
        if isinstance(item, Table):
            listed = False
            for number, row in enumerate(_rows(item)):
                yield row, 0, "\n" if number else "\n\n"
        elif any(map(str.isalnum, item.text)):
            is_list = _is_list(item)
            text = f"- {item.text.strip()}" if is_list else item.text
            yield text, _level(item), "\n" if is_list and listed else "\n\n"
            listed = is_list


def _level(paragraph: Paragraph) -> int:
    """Word's built-in styles are named in English in every language: "Title", "Heading 1" … "Heading 9"."""
    name = (paragraph.style.name or "") if paragraph.style else ""
    if name == "Title":
        return 1
    return int(name[8:]) if name.startswith("Heading ") and name[8:].isdigit() else 0


def _is_list(paragraph: Paragraph) -> bool:
    properties = paragraph._p.pPr
    styled = paragraph.style is not None and (paragraph.style.name or "").startswith("List ")
    return styled or (properties is not None and properties.numPr is not None and not _level(paragraph))


def _rows(table: Table) -> Iterator[str]:
    """Each row's distinct cells; a merged cell is read once."""
    for row in table.rows:
        cells = {id(cell._tc): " ".join(cell.text.split()) for cell in row.cells}
        text = " | ".join(cells.values())
        if any(map(str.isalnum, text)):
            yield text
