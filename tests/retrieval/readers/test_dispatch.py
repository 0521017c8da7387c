"""Refusals and limits that hold for a file of any type."""

import io
import json
import re
import time
import zipfile

import docx
import pytest

from retrieval.document import Document, Limits
from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import SUFFIXES, read_document
from tests.conftest import Write
from tests.fakes.files import jsonl, labels, word_file
from tests.fakes.pdf import text_pdf


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"\x89PNG\r\n\x1a\n", "is a picture, not a PDF"),
        ("a.pdf", b"PK\x03\x04", "is a ZIP archive, not a PDF"),
        ("a.docx", text_pdf([[(72, 700, "text")]]), "is a PDF, not a Word file"),
        ("a.docx", b"\x1f\x8b\x08", "is a compressed archive, not a Word file"),
        ("a.txt", b"{\\rtf1 words}", "is an RTF file, not text"),
        ("a.csv", b"RIFF\x00\x00\x00\x00WEBP", "is a picture, sound or film, not text"),
        ("a.json", b"{}", "no well-formed row"),
        ("a.docx", word_file(docx.Document()), "no text"),
        ("a.html", "<div>" * 10_001 + "deep", "more than 10,000 deep"),
        ("a.html", "<p>a" * 1_000, "more than 1,000 characters, the limit"),
        ("a.jsonl", '{"q": "a", "a": "b"}\n' * 1_000, "more than 1,000 characters, the limit"),
    ],
)
def test_each_kind_without_text_has_its_own_reason(write: Write, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=rf"^{re.escape(name)} .*{message}.*\.$"):
        read_document(write(name, content), limits=Limits(max_chars=1_000))


@pytest.mark.parametrize(("name", "text"), [("a.txt", " " * 300_000 + "x"), ("a.md", "# a" + " \t" * 150_000 + "x")])
def test_long_runs_of_blanks_take_no_long_time(write: Write, name: str, text: str) -> None:
    begun = time.process_time()
    read_document(write(name, text))
    assert time.process_time() - begun < 5


def test_a_long_heading_above_many_others_does_not_multiply(write: Write) -> None:
    document = read_document(write("a.md", "# " + "long " * 1_000 + "\n" + "## a\n" * 1_000))
    assert max(map(len, labels(document))) < 250


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "is empty"),
        ("a.txt", " \n\t\n", "is empty"),
        ("a.txt", "\ufeff", "is empty"),
        ("a.txt", "* * *", "no text"),
        ("a.html", "<script>x</script>", "no text"),
        ("a.txt", bytes(range(256)) * 20, "not readable as text"),
        ("a.txt", b"%PDF-1.4 \x00", "is a PDF, not text"),
        ("a.md", b"\x89PNG\r\n\x1a\n", "is a picture, not text"),
        ("a.exe", "x", r"unknown type; known are \.txt.*\.jsonl"),
        ("noending", "x", "unknown type"),
        ("a.txt", "word " * 300, "1,499 characters; the limit is 1,000"),
    ],
)
def test_refusals_name_the_file_and_say_what_to_do(write: Write, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(RetrievalError, match=message) as caught:
        read_document(write(name, content), limits=Limits(max_chars=1_000))
    assert str(caught.value).startswith(name)
    assert str(caught.value).endswith(".")


def test_a_file_over_the_size_limit_is_refused_unread(write: Write) -> None:
    with pytest.raises(RetrievalError, match="has 2 MB; the limit is 1"):
        read_document(write("a.txt", "x" * 2_000_000), limits=Limits(max_uncompressed_bytes=1_000_000))


def test_the_visitors_name_decides_the_type(write: Write) -> None:
    document = read_document(write("upload.tmp", "# A\n\ntext"), name="Notes.MD")
    assert (document.name, labels(document)) == ("Notes.MD", ["A"])


def test_every_known_ending_has_a_reader(write: Write) -> None:
    for suffix in SUFFIXES:
        with pytest.raises(RetrievalError):
            read_document(write(f"a{suffix}", "\x00"))


def test_a_document_survives_json(write: Write) -> None:
    document = read_document(write("a.jsonl", jsonl({"q": "a?", "a": "b"})))
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ("xl/workbook.xml", "an Excel workbook"),
        ("ppt/presentation.xml", "a PowerPoint presentation"),
        ("META-INF/container.xml", "an e-book"),
        ("content.xml", "an OpenDocument file"),
        ("notes/a.txt", "a ZIP archive"),
    ],
)
def test_an_archive_is_called_what_it_is_whatever_its_ending(write: Write, inside: str, what: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(inside, "<a/>")
    for name in ("a.csv", "a.docx", "a.xlsb", "a.txt", "a.pdf"):
        with pytest.raises(RetrievalError, match=rf"^{name} is {what}.*\. (Give|Save|Unpack) .*\.$"):
            read_document(write(name, buffer.getvalue()))
