"""Reads PDF with PDFium: lines with their position and size, which `pdf_layout` joins into paragraphs."""

import re
import threading
from dataclasses import replace

import pypdfium2 as pdfium

from retrieval.compat import baseline, check_pdfium, letter_size, needs_password
from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.readers import pdf_layout
from retrieval.readers.encoding import clean, refuse_disguised, repair_note
from retrieval.readers.pdf_layout import Line, Page

# PDFium is not thread-safe: one thread of a process at a time.
_PDFIUM = threading.Lock()
# PDFium writes one of these where it joined a word that was hyphenated at the end of a line.
_BROKEN = re.compile("(\\w+)[\x02\ufffe](\\w+)")
_MARK_BEFORE = re.compile(r"\d{1,2}\s?(?=[^\W\d_])")
_MARK_AFTER = re.compile(r"(?<=[^\W\d_])\d{1,2}(?!\w)")
_GLUED_NUMBER = re.compile(r"^(\d{1,2}(?:\.\d{1,2})+)(?=[^\W\d_]{2})")
RAISED_SIZE = 0.85  # largest size of a footnote mark, relative to its neighbour
_HYPHENS = {0x02: "-", 0xFFFE: "-"}


def read_pdf(data: bytes, name: str, limits: Limits) -> Document:
    """The text of a PDF with its pages, counted from 1; notes count the page headers, footers and numbers left out.

    Raises:
        RetrievalError: not a PDF, password-protected, damaged, too many pages, or pictures of text only.
    """
    refuse_disguised(data, name, "a PDF", magic=b"%PDF-")
    with _PDFIUM:
        check_pdfium()
        raw = _pages(data, name, limits)
    pages, repaired = repair_lines(raw)
    empty = sum(not page for page in pages)
    if empty == len(pages):
        raise RetrievalError(f"{name} holds pictures of pages, not text. Run text recognition (OCR) on it first.")
    pages, running = pdf_layout.remove_running_lines(pages)
    builder = DocumentBuilder(limits.max_chars)
    for block in pdf_layout.blocks(pages):
        start = builder.heading(block.text, block.level) if block.level else builder.add(block.text, block.joint)
        builder.page(start, str(block.page))
    counted = {
        f"Page headers, footers and page numbers left out: {running}.": running,
        f"Pages without text: {empty} of {len(pages)}.": empty,
    }
    return builder.document(name, [*repair_note(repaired), *(note for note, count in counted.items() if count)])


def _pages(data: bytes, name: str, limits: Limits) -> list[Page]:
    """The lines of every page, in the order of the file."""
    try:
        with pdfium.PdfDocument(data) as pdf:
            if len(pdf) > limits.max_pages:
                raise RetrievalError(f"{name} has {len(pdf)} pages; the limit is {limits.max_pages}. Add a part of it.")
            return [_lines(pdf[number].get_textpage()) for number in range(len(pdf))]
    except pdfium.PdfiumError as error:
        if needs_password(error):
            raise RetrievalError(f"{name} is password-protected. Save it without one and add it again.") from error
        raise RetrievalError(f"{name} is not a readable PDF. Save it as PDF again and add it again.") from error


def _lines(page: pdfium.PdfTextPage) -> Page:
    """The lines of a page as PDFium splits them; PDFium counts characters in UTF-16 units."""
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
    """A line from its first character to its final one, which are places on the page.

    A space separates a raised footnote mark from the word beside it, and the mark does not set the line's size.
    """
    opening = _MARK_BEFORE.match(text)
    skipped = opening.end() if opening and _is_raised(page, start, start + opening.end()) else 0
    cuts = [len(text[:skipped].rstrip())] if skipped and not text[skipped - 1].isspace() else []
    for mark in _MARK_AFTER.finditer(text):
        place = start + _units(text[: mark.start()])
        cuts += [mark.start()] if _is_raised(page, place, place - 1) else []
    pieces = [text[one:two] for one, two in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    place = min(start + skipped, final)
    first, last = page.get_charbox(place, loose=True), page.get_charbox(final, loose=True)
    text = _GLUED_NUMBER.sub(r"\1 ", " ".join(pieces))
    base = baseline(page, place)
    return Line(
        text, first[0], first[3], last[2], base, letter_size(page, place), max(0.0, base - baseline(page, final))
    )


def _is_raised(page: pdfium.PdfTextPage, place: int, beside: int) -> bool:
    """Whether a character is smaller than the one beside it and its baseline is higher."""
    smaller = letter_size(page, place) < RAISED_SIZE * letter_size(page, beside)
    return smaller and baseline(page, place) > baseline(page, beside)


def _units(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def _vocabulary(pages: list[Page], pattern: str) -> set[str]:
    return {word.casefold() for page in pages for line in page for word in re.findall(pattern, line.text)}


def repair_lines(pages: list[Page]) -> tuple[list[Page], int]:
    """Clean every line and join the words that a line end broke; returns the pages and the lines of mojibake repaired.

    A hyphen stays where the document has the hyphenated word elsewhere, or has both halves as words and not the whole.
    """
    hyphenated = _vocabulary(pages, r"\w+-\w+")
    words = _vocabulary(pages, r"(?<![\w\x02\ufffe])\w+(?![\w\x02\ufffe])")

    def join(match: re.Match[str]) -> str:
        halves, whole = (match[1].casefold(), match[2].casefold()), (match[1] + match[2]).casefold()
        hyphenated_word = "-".join(halves) in hyphenated or (whole not in words and words.issuperset(halves))
        return f"{match[1]}-{match[2]}" if hyphenated_word else match[1] + match[2]

    repaired = 0
    cleaned: list[Page] = []
    for page in pages:
        texts = [clean(_BROKEN.sub(join, line.text).translate(_HYPHENS)) for line in page]
        repaired += sum(count for _, count in texts)
        cleaned.append(
            [replace(line, text=text.strip()) for line, (text, _) in zip(page, texts, strict=True) if text.strip()]
        )
    return cleaned, repaired
