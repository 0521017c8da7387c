"""DOCX: headings, lists and tables, and archives that are refused."""

import io
import zipfile
from collections.abc import Callable

import docx
import pytest

from retrieval.document import Limits
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels, word_file


def test_docx_keeps_headings_lists_and_tables(write: Write) -> None:
    word = docx.Document()
    word.add_heading("Guide", 0)
    word.add_heading("Setup", 1)
    word.add_paragraph("Do this:")
    word.add_paragraph("one", style="List Bullet")
    word.add_paragraph("two", style="List Bullet")
    table = word.add_table(2, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "a", "b"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "both"
    document = read_document(write("a.docx", word_file(word)))
    assert document.text == "Guide\n\nSetup\n\nDo this:\n\n- one\n- two\n\na | b\nboth"
    assert labels(document) == ["Guide", "Setup"]


def changed_docx(change: Callable[[str, bytes], bytes]) -> bytes:
    """A Word file whose parts went through `change`."""
    word = docx.Document()
    word.add_paragraph("hello")
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word_file(word))) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def test_an_entity_bomb_in_a_docx_is_refused(write: Write) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'

    def plant(name: str, data: bytes) -> bytes:
        return data.replace(b"?>", b"?>" + bomb, 1).replace(b"hello", b"&b;") if name == "word/document.xml" else data

    with pytest.raises(RetrievalError, match="declares XML entities"):
        read_document(write("a.docx", changed_docx(plant)))


def test_a_zip_bomb_is_refused_before_it_unpacks(write: Write) -> None:
    big = changed_docx(lambda name, data: data + b" " * 3_000_000 if name == "docProps/core.xml" else data)
    assert len(big) < 100_000
    with pytest.raises(RetrievalError, match="unpacks to 3 MB; the limit is 2"):
        read_document(write("a.docx", big), limits=Limits(max_uncompressed_bytes=2_000_000))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04 rest is missing", "not a readable DOCX"),
        (b"plain text", "not a readable DOCX"),
        (b"\xd0\xcf\x11\xe0 old", "password-protected or an old Word file"),
    ],
)
def test_broken_docx_is_refused(write: Write, content: bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=message):
        read_document(write("a.docx", content))


def test_a_zip_that_is_no_word_file_is_refused(write: Write) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(RetrievalError, match="is a ZIP archive, not a Word file"):
        read_document(write("a.docx", buffer.getvalue()))
