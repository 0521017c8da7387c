"""Pictures of text are read by the `tesseract` command where it is installed; where it is not, a sentence says how."""

import io
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from PIL import Image, ImageDraw, ImageFont

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from retrieval.readers.sandbox import read_in_sandbox
from tests.conftest import Write
from tests.fakes.pdf import text_pdf

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed (apt-get install tesseract-ocr)"
)
LIMITS = Limits(ocr_languages="eng")
LINES = ("The lamp was lit in March.", "The keeper wrote a diary,", "and nobody has read it yet.")


def picture(lines: tuple[str, ...] = LINES, form: str = "PNG") -> bytes:
    """A picture of printed lines."""
    image = Image.new("L", (1240, 400), 255)
    font = ImageFont.load_default(44)
    for number, line in enumerate(lines):
        ImageDraw.Draw(image).text((80, 60 + 80 * number), line, font=font, fill=0)
    file = io.BytesIO()
    image.save(file, form, resolution=150)
    return file.getvalue()


def mixed_pdf() -> bytes:
    """A page of text, and a scanned one."""
    with pdfium.PdfDocument.new() as pdf:
        pdf.import_pages(pdfium.PdfDocument(text_pdf([[(72, 700, "Bees fly from flower to flower.")]])))
        pdf.import_pages(pdfium.PdfDocument(picture(form="PDF")))
        file = io.BytesIO()
        pdf.save(file)
    return file.getvalue()


@pytest.fixture
def without_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that does not have the command."""
    monkeypatch.setenv("PATH", str(tmp_path))


@needs_tesseract
@pytest.mark.parametrize(("name", "form"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.tif", "TIFF"), ("a.pdf", "PDF")])
def test_a_picture_of_text_is_read_and_marked(write: Write, name: str, form: str) -> None:
    document = read_document(write(name, picture(form=form)), limits=LIMITS)
    assert " ".join(document.text.split()) == " ".join(LINES)
    assert document.sentences == ("Pages read by text recognition (OCR), which makes mistakes: 1.",)
    assert [page.label for page in document.pages] == ["1"]


@needs_tesseract
def test_a_word_that_the_end_of_a_line_broke_is_joined(write: Write) -> None:
    lines = (
        "The keeper of the lamp wrote docu-",
        "mentation about a well-known",
        "diary. The well-known diary is lost.",
    )
    text = read_document(write("a.png", picture(lines)), limits=LIMITS).text
    assert "wrote documentation about a well-known diary" in " ".join(text.split())


@needs_tesseract
def test_only_the_scanned_pages_of_a_pdf_are_recognised(write: Write) -> None:
    document = read_document(write("a.pdf", mixed_pdf()), limits=LIMITS)
    assert "Bees fly from flower to flower." in document.text
    assert "nobody has read it yet" in document.text
    assert document.sentences[-1].endswith("which makes mistakes: 2.")


@needs_tesseract
def test_pages_for_which_the_time_does_not_suffice_are_left_out_and_counted(write: Write) -> None:
    document = read_document(write("a.pdf", mixed_pdf()), limits=replace(LIMITS, ocr_seconds=0))
    assert document.text == "Bees fly from flower to flower."
    assert "Pages left as pictures left out: 1." in document.sentences


@needs_tesseract
def test_recognition_ends_with_its_time(write: Write) -> None:
    began = time.monotonic()
    with pytest.raises(RetrievalError, match="took more than 0 seconds, the limit"):
        read_document(write("a.pdf", picture(form="PDF")), limits=replace(LIMITS, ocr_seconds=0))
    assert time.monotonic() - began < 10


@needs_tesseract
def test_the_reading_process_finds_the_command(write: Write) -> None:
    document = read_in_sandbox(write("a.png", picture()), "a.png", None, LIMITS)
    assert "nobody has read it yet" in document.text


@needs_tesseract
def test_a_picture_without_text_and_a_huge_one_are_refused(write: Write) -> None:
    with pytest.raises(RetrievalError, match="no text on it that can be recognised"):
        read_document(write("a.png", picture(())), limits=LIMITS)
    with pytest.raises(RetrievalError, match="has 0 million pixels; the limit is 0"):
        read_document(write("b.png", picture()), limits=replace(LIMITS, ocr_pixels=1_000))
    with pytest.raises(RetrievalError, match="is not a readable picture"):
        read_document(write("c.png", picture()[:300]), limits=LIMITS)


@needs_tesseract
def test_without_a_language_nothing_is_recognised(write: Write) -> None:
    with pytest.raises(RetrievalError, match="holds pictures of pages, not text"):
        read_document(write("a.pdf", picture(form="PDF")), limits=replace(LIMITS, ocr_languages=""))


@pytest.mark.usefixtures("without_tesseract")
@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
def test_where_the_command_is_missing_the_sentence_says_how_to_get_it(write: Write, name: str) -> None:
    path = write(name, picture(form="PDF" if name == "a.pdf" else "PNG"))
    with pytest.raises(RetrievalError, match=r"^a\.\w+ .*apt-get install tesseract-ocr.*\.$"):
        read_document(path, limits=LIMITS)
