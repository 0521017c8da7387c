"""PDF to text by PDFium: lines with their place and size, handed to `layout`, which makes paragraphs of them."""

import ctypes
import re
import threading
from dataclasses import replace
from math import hypot

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers import pdf_layout
from retrieval.readers.encoding import clean, refuse_disguised, repair_note
from retrieval.readers.pdf_layout import Line, Page

# PDFium may run in one thread of a process only.
_PDFIUM = threading.Lock()
# PDFium writes one of these where it joined a word that was broken at the end of a line.
_BROKEN = re.compile("(\\w+)[\x02\ufffe](\\w+)")
_MARK_BEFORE = re.compile(r"\d{1,2}\s?(?=[^\W\d_])")
_MARK_AFTER = re.compile(r"(?<=[^\W\d_])\d{1,2}(?!\w)")
_GLUED_NUMBER = re.compile(r"^(\d{1,2}(?:\.\d{1,2})+)(?=[^\W\d_]{2})")
RAISED_SIZE = 0.85  # times its neighbour's size, at most, for a footnote's mark
_HYPHENS = {0x02: "-", 0xFFFE: "-"}


def read_pdf(data: bytes, name: str, limits: Limits) -> Document:
    """Text of a PDF with its pages, counted from 1; page headers, footers and numbers are left out and counted.

    Raises:
        RetrievalError: not a PDF, password-protected, damaged, too many pages, or pictures of text only.
    """
    refuse_disguised(data, name, "a PDF", magic=b"%PDF-")
    with _PDFIUM:
        raw = _pages(data, name, limits)
    pages, mended = repair_lines(raw)
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise RetrievalError(f"{name} holds pictures of pages, not text. Run text recognition (OCR) on it first.")
    pages, running = pdf_layout.without_running(pages)
    draft = DocumentBuilder(limits.max_chars)
    for block in pdf_layout.blocks(pages):
        start = draft.heading(block.text, block.level) if block.level else draft.add(block.text, block.joint)
        draft.page(start, str(block.page))
    counted = {
        f"Page headers, footers and page numbers left out: {running}.": running,
        f"Pages without text: {empty} of {len(pages)}.": empty,
    }
    return draft.document(name, [*repair_note(mended), *(note for note, count in counted.items() if count)])


def _pages(data: bytes, name: str, limits: Limits) -> list[Page]:
    """The lines of every page, in the order of the file."""
    try:
        with pdfium.PdfDocument(data) as pdf:
            if len(pdf) > limits.max_pages:
                raise RetrievalError(f"{name} has {len(pdf)} pages; the limit is {limits.max_pages}. Add a part of it.")
            return [_lines(pdf[number].get_textpage()) for number in range(len(pdf))]
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
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
            start = min(position + _units(raw[: len(raw) - len(raw.lstrip())]), last)
            final = min(position + _units(text) - 1, last)
            lines.append(_line(page, text.strip(), start, final))
        position += _units(raw) + 2
    return lines


def _line(page: pdfium.PdfTextPage, text: str, start: int, final: int) -> Line:
    """A line from its first character to its final one.

    A raised footnote mark is parted from the word beside it, and the line's size is not the mark's.
    """
    opening = _MARK_BEFORE.match(text)
    skipped = opening.end() if opening and _raised(page, start, start + opening.end()) else 0
    cuts = [len(text[:skipped].rstrip())] if skipped and not text[skipped - 1].isspace() else []
    for mark in _MARK_AFTER.finditer(text):
        place = start + _units(text[: mark.start()])
        cuts += [mark.start()] if _raised(page, place, place - 1) else []
    pieces = [text[one:two] for one, two in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    place = min(start + skipped, final)
    first, last = page.get_charbox(place, loose=True), page.get_charbox(final, loose=True)
    joined = _GLUED_NUMBER.sub(r"\1 ", " ".join(pieces))
    base = _baseline(page, place)
    return Line(joined, first[0], first[3], last[2], base, _size(page, place), max(0.0, base - _baseline(page, final)))


def _raised(page: pdfium.PdfTextPage, place: int, beside: int) -> bool:
    """Whether a character is smaller than the one beside it and stands higher."""
    smaller = _size(page, place) < RAISED_SIZE * _size(page, beside)
    return smaller and _baseline(page, place) > _baseline(page, beside)


def _size(page: pdfium.PdfTextPage, place: int) -> float:
    """A letter's size as printed; boxes are no measure of it, as fonts differ in what they leave around letters."""
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(page.raw, place, matrix)
    return pdfium_c.FPDFText_GetFontSize(page.raw, place) * hypot(matrix.c, matrix.d)


def _baseline(page: pdfium.PdfTextPage, place: int) -> float:
    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium_c.FPDFText_GetCharOrigin(page.raw, place, x, y)
    return y.value


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _vocabulary(pages: list[Page], pattern: str) -> set[str]:
    return {word.casefold() for page in pages for line in page for word in re.findall(pattern, line.text)}


def repair_lines(pages: list[Page]) -> tuple[list[Page], int]:
    """Lines cleaned and without end-of-line hyphens.

    A hyphen stays where the word has one elsewhere, or where both its halves are words and the whole is none.
    """
    hyphenated = _vocabulary(pages, r"\w+-\w+")
    words = _vocabulary(pages, r"(?<![\w\x02\ufffe])\w+(?![\w\x02\ufffe])")

    def joined(match: re.Match[str]) -> str:
        halves, whole = (match[1].casefold(), match[2].casefold()), (match[1] + match[2]).casefold()
        parted = "-".join(halves) in hyphenated or (whole not in words and words.issuperset(halves))
        return f"{match[1]}-{match[2]}" if parted else match[1] + match[2]

    mended = 0
    cleaned: list[Page] = []
    for page in pages:
        texts = [clean(_BROKEN.sub(joined, line.text).translate(_HYPHENS)) for line in page]
        mended += sum(count for _, count in texts)
        cleaned.append(
            [replace(line, text=text.strip()) for line, (text, _) in zip(page, texts, strict=True) if text.strip()]
        )
    return cleaned, mended
