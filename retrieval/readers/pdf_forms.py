"""Reads what was typed onto a PDF: the values of form fields and text notes, as pieces beside their labels."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pypdfium2 as pdfium

from retrieval.readers.pdf_layout import Line, Page

MAX_FIELDS = 2_000  # form fields and notes of one page
MAX_UNITS = 20_000  # UTF-16 units of one value
SIZE = 10.0  # of a value on a page without text, in points


def typed_values(page: pdfium.PdfPage, forms: pdfium.PdfFormEnv | None, pieces: Sequence[Line]) -> Page:
    """The pieces of a page with those that were typed onto it, each after the piece that it stands beside or below."""
    found = list(_values(page, forms))
    if not found:
        return list(pieces)
    lines = list(pieces)
    size = sorted(line.size for line in pieces)[len(pieces) // 2] if pieces else SIZE
    for text, (left, bottom, right, top) in found:
        if any(line.text == text and bottom - 1 <= line.base <= top for line in lines):
            continue  # the page prints it too
        beside = [line for line in pieces if bottom - 0.2 * size <= line.base <= top and line.left < right]
        base = max(beside, key=lambda line: line.left).base if beside else max(bottom + 0.25 * size, top - size)
        after = [place for place, line in enumerate(lines) if line.base >= base]
        width = min(right, left + 0.5 * size * len(text))
        lines.insert(max(after, default=-1) + 1, Line(text, left, base + size, max(width, left + 1), base, size))
    return lines


def _values(page: pdfium.PdfPage, forms: pdfium.PdfFormEnv | None) -> Iterator[tuple[str, tuple[float, ...]]]:
    """The values with their boxes: left, bottom, right, top."""
    import pypdfium2.raw as pdfium_c

    box = pdfium_c.FS_RECTF()
    for place in range(min(pdfium_c.FPDFPage_GetAnnotCount(page.raw), MAX_FIELDS)):
        note = pdfium_c.FPDFPage_GetAnnot(page.raw, place)
        kind = pdfium_c.FPDFAnnot_GetSubtype(note)
        text = ""
        if kind == pdfium_c.FPDF_ANNOT_WIDGET and forms is not None:
            text = _field_value(forms.raw, note)
        elif kind == pdfium_c.FPDF_ANNOT_FREETEXT:
            text = _note_text(note)
        if text and pdfium_c.FPDFAnnot_GetRect(note, box):
            yield text, (box.left, box.bottom, box.right, box.top)
        pdfium_c.FPDFPage_CloseAnnot(note)


def _note_text(note: Any) -> str:
    import pypdfium2.raw as pdfium_c

    return _string(lambda buffer, size: pdfium_c.FPDFAnnot_GetStringValue(note, b"Contents", buffer, size))


def _field_value(forms: Any, note: Any) -> str:
    """What a field shows: its text, the chosen entry, or a mark where it is checked."""
    import pypdfium2.raw as pdfium_c

    kind = pdfium_c.FPDFAnnot_GetFormFieldType(forms, note)
    if kind in (pdfium_c.FPDF_FORMFIELD_CHECKBOX, pdfium_c.FPDF_FORMFIELD_RADIOBUTTON):
        return "☒" if pdfium_c.FPDFAnnot_IsChecked(forms, note) else ""
    if kind in (pdfium_c.FPDF_FORMFIELD_PUSHBUTTON, pdfium_c.FPDF_FORMFIELD_SIGNATURE):
        return ""
    return _string(lambda buffer, size: pdfium_c.FPDFAnnot_GetFormFieldValue(forms, note, buffer, size))


def _string(fill: Callable[[Any, int], int]) -> str:
    """A text of PDFium, which gives its length in bytes first."""
    import pypdfium2.raw as pdfium_c

    size = min(fill(None, 0), 2 * MAX_UNITS)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    fill(ctypes.cast(buffer, ctypes.POINTER(pdfium_c.FPDF_WCHAR)), size)
    return " ".join(buffer.raw[:size].decode("utf-16-le", errors="replace").strip("\x00").split())
