"""The only module here that uses private or version-bound parts of PDFium.

`check_pdfium` tests these parts once per process, before the first PDF is read. Each function imports the library when
called, because a process that reads one file loads that file's library only.
"""

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import version
from math import hypot
from typing import TYPE_CHECKING

from retrieval.errors import LibraryMismatchError

if TYPE_CHECKING:
    import pypdfium2

FIXED_PITCH = 1  # the flag of a font in PDF
PDFIUM = "5.15.2"  # the version of pypdfium2 that this module was written for


class Letters:
    """Places, sizes and directions of the letters of a page of text; one reader of a page at a time.

    `quarter` turns the page so that its letters stand upright: 0 as they are, 1 for letters that run up the page, 2 for
    those upside down, 3 for those that run down. `mirrored` also swaps left and right, for scripts from right to left.
    Places are in the turned page.
    """

    def __init__(self, page: "pypdfium2.PdfTextPage") -> None:
        import pypdfium2.raw as pdfium_c

        self._library, self._page = pdfium_c, page.raw
        self._values = [ctypes.c_double() for _ in range(4)]
        self._references = [ctypes.byref(value) for value in self._values]
        self._matrix = pdfium_c.FS_MATRIX()
        self._rectangle = pdfium_c.FS_RECTF()
        self._flags = ctypes.c_int()
        self.quarter, self.mirrored = 0, False

    def direction(self, place: int) -> int:
        """The quarter in which a character stands; 4 for one that stands askew."""
        self._library.FPDFText_GetMatrix(self._page, place, self._matrix)
        along, up = self._matrix.a, self._matrix.b
        if abs(up) <= 0.1 * abs(along):
            return 0 if along >= 0 else 2
        if abs(along) <= 0.1 * abs(up):
            return 1 if up > 0 else 3
        return 4

    def size(self, place: int) -> float:
        """A character's font size as printed, in points; boxes do not show it, as fonts differ in their space."""
        self._library.FPDFText_GetMatrix(self._page, place, self._matrix)
        height = hypot(self._matrix.c, self._matrix.d)
        return float(self._library.FPDFText_GetFontSize(self._page, place) * height)

    def has_fixed_pitch(self, place: int) -> bool:
        """Whether a character's font gives all letters the same width, as those of programs do."""
        self._library.FPDFText_GetFontInfo(self._page, place, None, 0, self._flags)
        return bool(self._flags.value & FIXED_PITCH)

    def widest_gap(self, place: int, count: int) -> float:
        """The widest gap between the runs in which so many characters were drawn; 0 for a single run."""
        runs = self._library.FPDFText_CountRects(self._page, place, count)
        widest, end = 0.0, 0.0
        for run in range(runs):
            left, top, right, bottom = self._references
            self._library.FPDFText_GetRect(self._page, run, left, top, right, bottom)
            x1, y1, x2, y2 = (value.value for value in self._values)
            begin, stop, _ = self._span(x1, y2, x2, y1)
            widest = max(widest, begin - end) if run else 0.0
            end = stop
        return widest

    def origin(self, place: int) -> tuple[float, float]:
        """Where a character's baseline begins."""
        self._library.FPDFText_GetCharOrigin(self._page, place, self._references[0], self._references[1])
        return self.turned(self._values[0].value, self._values[1].value)

    def box(self, place: int) -> tuple[float, float]:
        """The left and right end of a character as it is drawn."""
        self._library.FPDFText_GetCharBox(self._page, place, *self._references)
        left, right, bottom, top = (value.value for value in self._values)
        return self._span(left, bottom, right, top)[:2]

    def loose_box(self, place: int) -> tuple[float, float, float]:
        """The left end, the right end and the top of a character with the space that its font gives it."""
        self._library.FPDFText_GetLooseCharBox(self._page, place, self._rectangle)
        found = self._rectangle
        return self._span(found.left, found.bottom, found.right, found.top)

    def _span(self, left: float, bottom: float, right: float, top: float) -> tuple[float, float, float]:
        if not self.quarter and not self.mirrored:
            return left, right, top
        (x1, y1), (x2, y2) = self.turned(left, bottom), self.turned(right, top)
        return min(x1, x2), max(x1, x2), max(y1, y2)

    def turned(self, x: float, y: float) -> tuple[float, float]:
        """A place of the page in the turned page."""
        if self.quarter:
            x, y = ((y, -x), (-x, -y), (-y, x))[self.quarter - 1]
        return (-x, y) if self.mirrored else (x, y)


def page_text(page: "pypdfium2.PdfTextPage") -> str:
    """The text of a page with one UTF-16 unit per character; one that the file gives no letter is U+FFFD."""
    import pypdfium2.raw as pdfium_c

    text = page.get_text_range()
    total = page.count_chars()
    if len(text) == total or len(text.encode("utf-16-le", "surrogatepass")) == 2 * total:
        return text
    codes = (pdfium_c.FPDFText_GetUnicode(page.raw, place) for place in range(total))
    letters = "".join(chr(code) if 0 < code < 0x10000 else "\ufffd" for code in codes)
    return letters.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_unmapped(page: "pypdfium2.PdfTextPage", place: int) -> bool:
    """Whether the file does not say which letter a character is."""
    import pypdfium2.raw as pdfium_c

    return bool(pdfium_c.FPDFText_HasUnicodeMapError(page.raw, place) == 1)


def needs_password(fault: "pypdfium2.PdfiumError") -> bool:
    """Whether PDFium could not open a file for want of a password."""
    import pypdfium2.raw as pdfium_c

    return bool(fault.err_code == pdfium_c.FPDF_ERR_PASSWORD)


@cache
def check_pdfium() -> None:
    """Test what this module uses of PDFium, on a page with one letter.

    Raises:
        LibraryMismatchError: naming all that does not work.
    """
    _check("pypdfium2", PDFIUM, _PDFIUM_CHECKS)


def _check(library: str, written_for: str, checks: Mapping[str, Callable[[], bool]]) -> None:
    if failed := [part for part, works in checks.items() if not _works(works)]:
        raise LibraryMismatchError(library, written_for, version(library), failed)


def _works(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (AttributeError, ImportError, TypeError, ValueError, KeyError, ctypes.ArgumentError):
        return False


def _measures_letters() -> bool:
    import pypdfium2

    with pypdfium2.PdfDocument(_LETTER) as pdf:
        page = pdf[0].get_textpage()
        letters = Letters(page)
        ends = letters.box(0), letters.loose_box(0)[:2]
        measured = (round(letters.size(0)), letters.direction(0), *(round(each) for each in letters.origin(0)))
        return (
            measured == (10, 0, 20, 70)
            and all(20 <= left < right <= 27 for left, right in ends)
            and not is_unmapped(page, 0)
        )


def _tells_faults() -> bool:
    import pypdfium2

    try:
        pypdfium2.PdfDocument(b"no PDF")
    except pypdfium2.PdfiumError as fault:
        return not needs_password(fault)
    return False


# PDFium repairs the table of offsets, which is left out here.
_LETTER = (
    b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    b"2 0 obj\n<< /Type /Pages /Count 1 /Kids [3 0 R] >>\nendobj\n"
    b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R "
    b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>\nendobj\n"
    b"4 0 obj\n<< /Length 34 >>\nstream\nBT /F1 10 Tf 20 70 Td (a) Tj ET  \nendstream\nendobj\n"
    b"trailer\n<< /Size 5 /Root 1 0 R >>\n%%EOF"
)
_PDFIUM_CHECKS = {
    "FPDFText_GetMatrix, FPDFText_GetFontSize, FPDFText_GetCharOrigin and the boxes of characters": _measures_letters,
    "FPDF_ERR_PASSWORD and PdfiumError.err_code": _tells_faults,
}
