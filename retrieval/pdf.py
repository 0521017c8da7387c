"""PDF to text by PDFium: lines with their place and size, handed to `layout`, which makes paragraphs of them."""

import re
import threading
from dataclasses import replace

import pypdfium2 as pdfium
from pypdfium2.raw import FPDF_ERR_PASSWORD

from retrieval import layout
from retrieval.decode import clean, mended_note
from retrieval.errors import RetrievalError
from retrieval.layout import Line, Page
from retrieval.parts import Document, Draft, Limits

# PDFium may run in one thread of a process only.
_PDFIUM = threading.Lock()
# PDFium writes one of these where it joined a word that was broken at the end of a line.
_BROKEN = re.compile("(\\w+)[\x02\ufffe](\\w+)")
_HYPHENS = {0x02: "-", 0xFFFE: "-"}


def read_pdf(data: bytes, name: str, limits: Limits) -> Document:
    """Text of a PDF with its pages, counted from 1; page headers, footers and numbers are left out and counted.

    Raises:
        RetrievalError: not a PDF, password-protected, damaged, too many pages, or pictures of text only.
    """
    with _PDFIUM:
        raw = _pages(data, name, limits)
    pages, mended = _mend(raw)
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise RetrievalError(f"{name} holds pictures of pages, not text. Run text recognition (OCR) on it first.")
    pages, running = layout.without_running(pages)
    draft = Draft(limits.max_chars)
    for block in layout.blocks(pages):
        start = draft.heading(block.text, block.level) if block.level else draft.add(block.text, block.joint)
        draft.page(start, str(block.page))
    counted = {
        f"Page headers, footers and page numbers left out: {running}.": running,
        f"Pages without text: {empty} of {len(pages)}.": empty,
    }
    return draft.document(name, [*mended_note(mended), *(note for note, count in counted.items() if count)])


def _pages(data: bytes, name: str, limits: Limits) -> list[Page]:
    """The lines of every page, in the order of the file."""
    try:
        with pdfium.PdfDocument(data) as pdf:
            if len(pdf) > limits.max_pages:
                raise RetrievalError(f"{name} has {len(pdf)} pages; the limit is {limits.max_pages}. Add a part of it.")
            return [_lines(pdf[number].get_textpage()) for number in range(len(pdf))]
    except pdfium.PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            raise RetrievalError(f"{name} is password-protected. Save it without one and add it again.") from error
        raise RetrievalError(f"{name} is not a readable PDF. Save it as PDF again and add it again.") from error


def _lines(page: pdfium.PdfTextPage) -> Page:
    """PDFium's own lines; its character boxes are indexed in UTF-16 units."""
    lines = []
    position = 0
    last = page.count_chars() - 1
    for raw in page.get_text_range().split("\r\n"):
        text = raw.rstrip()
        if text:
            first = page.get_charbox(min(position + _units(raw[: len(raw) - len(raw.lstrip())]), last), loose=True)
            final = page.get_charbox(min(position + _units(text) - 1, last), loose=True)
            lines.append(Line(text.strip(), first[0], first[3], final[2], final[1], first[3] - first[1]))
        position += _units(raw) + 2
    return lines


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _mend(pages: list[Page]) -> tuple[list[Page], int]:
    """Lines cleaned and without end-of-line hyphens; a hyphen stays where the word has one elsewhere."""
    hyphenated = {word.casefold() for page in pages for line in page for word in re.findall(r"\w+-\w+", line.text)}

    def joined(match: re.Match[str]) -> str:
        whole = f"{match[1]}-{match[2]}"
        return whole if whole.casefold() in hyphenated else match[1] + match[2]

    mended = 0
    cleaned: list[Page] = []
    for page in pages:
        texts = [clean(_BROKEN.sub(joined, line.text).translate(_HYPHENS)) for line in page]
        mended += sum(count for _, count in texts)
        cleaned.append(
            [replace(line, text=text.strip()) for line, (text, _) in zip(page, texts, strict=True) if text.strip()]
        )
    return cleaned, mended
