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

PDFIUM = "5.15.2"  # the version of pypdfium2 that this module was written for


def letter_size(page: "pypdfium2.PdfTextPage", place: int) -> float:
    """A character's font size as printed, in points; boxes do not show it, as fonts differ in the space they leave."""
    import pypdfium2.raw as pdfium_c

    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(page.raw, place, matrix)
    return float(pdfium_c.FPDFText_GetFontSize(page.raw, place) * hypot(matrix.c, matrix.d))


def baseline(page: "pypdfium2.PdfTextPage", place: int) -> float:
    """The height of a character's baseline above the bottom of the page, in points."""
    import pypdfium2.raw as pdfium_c

    x, y = ctypes.c_double(), ctypes.c_double()
    pdfium_c.FPDFText_GetCharOrigin(page.raw, place, x, y)
    return y.value


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
        return (round(letter_size(page, 0)), round(baseline(page, 0))) == (10, 70)


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
    "FPDFText_GetMatrix, FPDFText_GetFontSize and FPDFText_GetCharOrigin": _measures_letters,
    "FPDF_ERR_PASSWORD and PdfiumError.err_code": _tells_faults,
}
