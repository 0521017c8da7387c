"""Reads PDF with PDFium: pieces of lines with their position and size, which are put in order and joined."""

import re
import threading
from dataclasses import dataclass, field, replace
from itertools import count

import pypdfium2 as pdfium

from retrieval.compat import Letters, check_pdfium, is_unmapped, needs_password, page_text
from retrieval.document import Document, DocumentBuilder, Limits
from retrieval.errors import RetrievalError
from retrieval.notes import Note
from retrieval.readers import pdf_layout
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.encoding import refuse_disguised
from retrieval.readers.ocr import HOW_TO_GET, LATE, OutOfTime, Recogniser, ocr_note
from retrieval.readers.pdf_arrange import GAP, arrange
from retrieval.readers.pdf_bidi import can_be_sorted, pieces_by_place, unmirrored
from retrieval.readers.pdf_forms import typed_values
from retrieval.readers.pdf_layout import LABEL_CHARS, Line, Page
from retrieval.readers.pdf_letters import is_right_to_left, is_unreadable, mend_ligatures
from retrieval.readers.pdf_marks import cut_at_marks
from retrieval.readers.pdf_pieces import join_pieces
from retrieval.readers.pdf_running import RUNNING, remove_running_lines
from retrieval.sentence_ends import MEANINGLESS

# PDFium is not thread-safe: one thread of a process at a time.
_PDFIUM = threading.Lock()
# PDFium writes one of these where it joined a word that was hyphenated at the end of a line.
_BROKEN = re.compile("(\\w+)[\x02\ufffe](\\w+)")
_GLUED_NUMBER = re.compile(r"^(\d{1,2}(?:\.\d{1,2})+)(?=[^\W\d_]{2})")
# What stands before a list entry or a numbered heading, with any gap behind it.
_LABEL = re.compile(
    r"^(?:[^\w\s]{1,2}|\(?(?:\d{1,3}|[^\W\d_]|[ivxlcIVXLC]{1,5})[.)]|\d{1,2}(?:\.\d{1,2})*\.?|[§¶]\s?\d+)$"
)
_BLANK = re.compile(r"\s+")
_FIGURE = re.compile(r"[(+−-]?[$€£¥]?\d[\d.,]*[%€)]?(?!\S)")
_CONTROL = re.compile("[\x01-\x08\x0b\x0e-\x1f\ue000-\uf8ff]")
FIGURE_GAP = 0.5  # letter sizes between two numbers of a row, which a blank hardly is
WIDEST_LETTER = 0.62  # mean width of a letter, in letter sizes, above which a word hardly is
ASKEW = 4  # the direction of letters that stand in no quarter
SCAN_LETTERS, SCAN_SHARE = 60, 0.3  # most letters, and least share of the page that a picture covers
UNREADABLE = "Pages with an unreadable text layer"
_HYPHENS = {0x02: "-", 0xFFFE: "-"}
_LIST_SIGN = re.compile(rf"^[{MEANINGLESS}]\s+(?=\S)")


@dataclass(frozen=True)
class _Read:
    """The pages of a file; by number from 1 those whose text layer is gibberish, with its beginning, and others.

    Those in `recognised` were read by OCR; for those that are `late` the time did not suffice.
    """

    pages: list[Page] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    recognised: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)


def read_pdf(data: bytes, name: str, limits: Limits) -> Document:
    """The text of a PDF with its pages, counted from 1; notes count the page headers, footers and numbers left out.

    Raises:
        RetrievalError: not a PDF, password-protected, damaged, too many pages, pictures of text only, or gibberish.
    """
    refuse_disguised(data, name, "a PDF", magic=b"%PDF-")
    with _PDFIUM:
        check_pdfium()
        read = _pages(data, name, limits)
    cleaner = Cleaner()
    pages = repair_lines(read.pages, cleaner)
    empty = sum(not page for page in pages) - len(read.unreadable) - len(read.late)
    _check_readable(pages, read, name, limits)
    pages, running = remove_running_lines(pages)
    builder = DocumentBuilder(limits.max_chars)
    left_out = sorted(
        [
            *((page, UNREADABLE, text) for page, text in read.unreadable.items()),
            *((page, RUNNING, text) for page, text in running),
            *((page, LATE, "") for page in read.late),
        ],
        reverse=True,
    )
    for block in pdf_layout.blocks(pages):
        while left_out and left_out[-1][0] <= block.page:
            page, kind, text = left_out.pop()
            builder.leave_out(kind, text, str(page))
        start = builder.heading(block.text, block.level) if block.level else builder.add(block.text, block.joint)
        builder.page(start, str(block.page))
    for page, kind, text in reversed(left_out):
        builder.leave_out(kind, text, str(page))
    notes = [Note("empty_pages", empty)] if empty else []
    notes += [ocr_note(read.recognised)] if read.recognised else []
    return builder.document(name, [*cleaner.notes(), *notes])


def _check_readable(pages: list[Page], read: _Read, name: str, limits: Limits) -> None:
    if any(pages):
        return
    if read.late:
        raise RetrievalError(
            f"{name} holds pictures of pages; recognising them took more than {limits.ocr_seconds} seconds, the limit. "
            "Add a part of it."
        )
    if read.unreadable:
        sample = next(iter(read.unreadable.values()))[:30]
        raise RetrievalError(f"{name} has a text layer that makes no words ({sample!r}). {HOW_TO_GET} on it first.")
    raise RetrievalError(f"{name} holds pictures of pages, not text. {HOW_TO_GET} on it first.")


def _pages(data: bytes, name: str, limits: Limits) -> _Read:
    """The lines of every page, in reading order."""
    try:
        with pdfium.PdfDocument(data) as pdf:
            if len(pdf) > limits.max_pages:
                raise RetrievalError(f"{name} has {len(pdf)} pages; the limit is {limits.max_pages}. Add a part of it.")
            if pdf.get_formtype():
                pdf.init_forms()
            read, recogniser = _Read(), Recogniser(limits)
            tables = count(1)
            for number in range(len(pdf)):
                page = pdf[number]
                text = page.get_textpage()
                shown = page_text(text)
                unreadable = is_unreadable(shown) or _is_unmapped(text, shown)
                if recogniser and (unreadable or is_scan(page, shown)):
                    _recognise(page, number + 1, recogniser, read)
                elif unreadable:
                    read.unreadable[number + 1] = " ".join(_CONTROL.sub("?", shown[:500]).split())
                    read.pages.append([])
                else:
                    upright, *turned = _pieces(text, shown)
                    groups = [typed_values(page, pdf.formenv, upright), *turned]
                    read.pages.append([line for group in groups for line in arrange(join_pieces(group), tables)])
            return read
    except pdfium.PdfiumError as error:
        if needs_password(error):
            raise RetrievalError(f"{name} is password-protected. Save it without one and add it again.") from error
        raise RetrievalError(f"{name} is not a readable PDF. Save it as PDF again and add it again.") from error


def _recognise(page: pdfium.PdfPage, number: int, recogniser: Recogniser, read: _Read) -> None:
    """Read a page by OCR and add it, empty where the time does not suffice."""
    width, height = page.get_size()
    try:
        picture = page.render(scale=recogniser.scale(width, height), grayscale=True).to_pil()
        lines = recogniser.read(picture, width, height)
    except OutOfTime:
        read.late.append(number)
        lines = []
    if lines:
        read.recognised.append(number)
    read.pages.append(lines)


def is_scan(page: pdfium.PdfPage, shown: str) -> bool:
    """Whether a page is a picture: it has hardly a letter, and pictures or drawn shapes on it."""
    if sum(map(str.isalnum, shown)) > SCAN_LETTERS:
        return False
    width, height = page.get_size()
    for each in page.get_objects(max_depth=2):
        left, bottom, right, top = each.get_bounds()
        if (right - left) * (top - bottom) >= SCAN_SHARE * width * height:
            return True
    return False


def _is_unmapped(page: pdfium.PdfTextPage, shown: str) -> bool:
    """Whether the file does not say of most characters which letter they are."""
    if not _CONTROL.search(shown):
        return False
    total = page.count_chars()
    return 2 * sum(is_unmapped(page, place) for place in range(total)) > total


def _pieces(page: pdfium.PdfTextPage, shown: str) -> list[Page]:
    """The pieces of a page by their direction, most letters first: lines as PDFium splits them, cut at wide gaps.

    PDFium counts characters in UTF-16 units.
    """
    letters = Letters(page)
    letters.mirrored = is_right_to_left(shown)
    found: dict[int, Page] = {}
    position = 0
    last = page.count_chars() - 1
    for raw in shown.split("\r\n"):
        text = raw.strip()
        if text:
            start = min(position + _units(raw[: len(raw) - len(raw.lstrip())]), last)
            quarter = letters.direction(start)
            letters.quarter = quarter if quarter != ASKEW else 0
            found.setdefault(quarter, []).extend(_cut(letters, text, start, last))
        position += _units(raw) + 2
    for quarter, lines in found.items():
        if quarter:  # PDFium orders turned lines as if they were upright
            lines.sort(key=lambda line: (-line.base, line.left))
    return sorted(found.values(), key=lambda lines: -sum(len(line.text) for line in lines)) or [[]]


def _cut(letters: Letters, text: str, start: int, last: int) -> Page:
    """A line as one piece, or as several where gaps part it."""
    if is_right_to_left(text) and can_be_sorted(text):
        return _cut_mirrored(letters, text, start)
    units = _units(text)
    if units == len(text):
        text = mend_ligatures(text, lambda place: letters.origin(min(start + place, last)))
    pieces = (
        _parts(letters, text, start, last) if _may_have_gaps(letters, text, start, units, last) else [(0, len(text))]
    )
    return [
        _line(letters, text[one + begin : one + end], start + _units(text[: one + begin]), last)
        for one, two in pieces
        for begin, end in _marks(letters, text[one:two], start + _units(text[:one]), last)
    ]


def _cut_mirrored(letters: Letters, text: str, start: int) -> Page:
    """The pieces of a line from right to left, at their places in the page."""
    page_is_mirrored, letters.mirrored = letters.mirrored, True
    found = list(pieces_by_place(letters, text, start))
    letters.mirrored = page_is_mirrored
    return found if page_is_mirrored else [unmirrored(line) for line in found]


def _marks(letters: Letters, text: str, start: int, last: int) -> list[tuple[int, int]]:
    """Where marks part a piece; letters of two UTF-16 units are not looked at."""
    return cut_at_marks(letters, text, start, last) if _units(text) == len(text) else [(0, len(text))]


def _may_have_gaps(letters: Letters, text: str, start: int, units: int, last: int) -> bool:
    """A quick look: whether a line was drawn in runs far apart, or is much wider than its letters."""
    if " " not in text:
        return False
    if "  " in text or letters.widest_gap(start, units) >= 0.9 * GAP * letters.size(start):
        return True
    left, right = letters.box(start)[0], letters.box(min(start + units - 1, last))[1]
    return abs(right - left) > (len(text) * WIDEST_LETTER + GAP) * letters.size(start)


def _parts(letters: Letters, text: str, start: int, last: int) -> list[tuple[int, int]]:
    """Where the pieces of a line begin and end in its text."""
    parts, begin, word = [], 0, 0
    size, x = letters.size(start), letters.origin(start)[0]
    for blank in _BLANK.finditer(text):
        place = min(start + _units(text[: blank.end()]), last)
        following = letters.origin(place)[0]
        figures = bool(_FIGURE.match(text, word, blank.start()) and _FIGURE.match(text, blank.end()))
        least = FIGURE_GAP if figures else GAP
        # Only a word that seems to be wider than its letters has a gap behind it.
        if figures or following - x > ((blank.start() - word) * WIDEST_LETTER + GAP) * size or following < x:
            before = letters.box(min(start + _units(text[: blank.start()]) - 1, last))
            label = begin == 0 and text[blank.end()].isalpha() and _LABEL.match(text[: blank.start()])
            if letters.box(place)[0] - before[1] >= least * size and not label:
                parts.append((begin, blank.start()))
                begin = blank.end()
        x, word = following, blank.end()
    return [*parts, (begin, len(text))]


def _line(letters: Letters, text: str, start: int, last: int) -> Line:
    """A piece from its first character to its final one, which are places on the page; a label sets no size."""
    final = min(start + _units(text) - 1, last)
    first, end = letters.loose_box(start), letters.loose_box(final)
    base = letters.origin(start)[1]
    drop = max(0.0, base - letters.origin(final)[1])
    label, _, rest = text.partition(" ")
    size = letters.size(start)
    if rest and len(label) <= LABEL_CHARS:
        size = min(size, letters.size(min(start + len(label) + 1, last)))
    line = Line(_GLUED_NUMBER.sub(r"\1 ", text), first[0], first[2], end[1], base, size, drop)
    return replace(line, typed=True) if letters.has_fixed_pitch(start) else line


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _vocabulary(pages: list[Page], pattern: str) -> set[str]:
    return {word.casefold() for page in pages for line in page for word in re.findall(pattern, line.text)}


def repair_lines(pages: list[Page], cleaner: Cleaner) -> list[Page]:
    """Clean every line and join the words that a line end broke.

    A hyphen stays in a web address, and where the document has the hyphenated word, or both halves and not the whole.
    """
    hyphenated = _vocabulary(pages, r"\w+-\w+")
    words = _vocabulary(pages, r"(?<![\w\x02\ufffe])\w+(?![\w\x02\ufffe])")

    def join(match: re.Match[str]) -> str:
        halves, whole = (match[1].casefold(), match[2].casefold()), (match[1] + match[2]).casefold()
        hyphenated_word = "-".join(halves) in hyphenated or (whole not in words and words.issuperset(halves))
        in_address = "//" in match.string[: match.start()].rpartition(" ")[2]
        return f"{match[1]}-{match[2]}" if hyphenated_word or in_address else match[1] + match[2]

    cleaned: list[Page] = []
    for page in pages:
        plain = [cleaner.clean(_BROKEN.sub(join, line.text).translate(_HYPHENS)).strip() for line in page]
        texts = [_LIST_SIGN.sub("- ", text) for text in plain]  # as lists of other formats; a small model copies signs
        cleaned.append([replace(line, text=text) for line, text in zip(page, texts, strict=True) if text])
    return cleaned
