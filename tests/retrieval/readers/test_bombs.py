"""That a bomb costs one sentence and the app nothing, and that no file makes its reader ask for anything outside."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from retrieval.errors import RetrievalError
from retrieval.readers.dispatch import BY_ENDING, FORMATS
from retrieval.readers.sandbox import read_in_sandbox
from tests.conftest import Write
from tests.fakes.bombs import BOMBS, LIMITS, in_body, message, word
from tests.fakes.packed import book, open_document, packed, rows, shape, slides, workbook


def test_every_reader_has_a_bomb() -> None:
    assert {BY_ENDING[Path(name).suffix].read for name in BOMBS} == {each.read for each in FORMATS}


@pytest.fixture
def bomb(write: Write, name: str) -> Path:
    """Where the bomb of this name lies; what it takes to make one is not the reader's."""
    return write("upload", BOMBS[name][0]())


@pytest.mark.usefixtures("bomb", "untouched")  # in this order
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_one_sentence_and_nothing_else(bomb: Path, name: str) -> None:
    path, (_, limits, message) = bomb, BOMBS[name]
    begun, own = time.monotonic(), time.process_time()
    with pytest.raises(RetrievalError, match=rf"^{name} .*({message}).*\.$"):
        read_in_sandbox(path, name, None, limits)
    assert time.monotonic() - begun < limits.clock_seconds + 2
    assert time.process_time() - own < 0.5


def test_blanks_said_to_be_repeated_a_thousand_million_times_are_read_as_blanks(write: Write) -> None:
    blanks = '<text:s text:c="999999999"/>' * 1_000
    path = write("upload", packed(open_document(f"<text:p>a{blanks}b</text:p>")))
    assert len(read_in_sandbox(path, "blanks.odt", None, LIMITS).text) < 1_000_000


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server of this test, and the paths that it was asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_error(404)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/x", paths
    server.shutdown()
    server.server_close()


OUTSIDE = {
    "a.html": lambda to: (
        f'<link rel=stylesheet href="{to}"><img src="{to}"><iframe src="{to}"></iframe><p>text'.encode()
    ),
    "a.md": lambda to: f"![text]({to})".encode(),
    "a.rst": lambda to: f"text\n\n.. include:: {to}\n.. image:: {to}\n".encode(),
    "a.xml": lambda to: f'<!DOCTYPE a SYSTEM "{to}" [<!ENTITY b SYSTEM "{to}">]><a>text &b;</a>'.encode(),
    "a.tex": lambda to: f"\\input{{{to}}} text \\includegraphics{{{to}}}".encode(),
    "a.rtf": lambda to: b'{\\rtf1 text {\\field{\\*\\fldinst INCLUDEPICTURE "%s"}}}' % to.encode(),
    "a.eml": lambda to: message(b'Content-Type: text/html\n\n<p>text<img src="%s">' % to.encode()),
    "b.eml": lambda to: message(
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n"
        b'Content-Type: message/external-body; access-type=URL; URL="%s"\n\n--b--' % to.encode()
    ),
    "a.odt": lambda to: packed(
        open_document(f'<text:section><text:section-source href="{to}"/><text:p>text</text:p></text:section>')
    ),
    "a.odp": lambda to: packed(
        open_document(
            f'<draw:page><text:p>text</text:p><draw:frame><draw:image href="{to}"/></draw:frame></draw:page>',
            "presentation",
        )
    ),
    "a.epub": lambda to: packed(book(f'<!DOCTYPE html SYSTEM "{to}"><p>text<img src="{to}"><iframe src="{to}">')),
    "a.docx": lambda to: word(in_body(b'<w:altChunk r:id="x"/><w:p><w:r><w:t>%s text</w:t></w:r></w:p>' % to.encode())),
    "a.pptx": lambda to: packed(slides(shape("text") + f'<p:pic><a:blip r:link="{to}"/></p:pic>')),
    "a.xlsx": lambda to: packed(workbook({"A": rows(["text"]) + f'<oleLinks href="{to}"/>'})),
    "a.ipynb": lambda to: b'{"cells": [{"cell_type": "markdown", "source": ["text ![a](%s)"]}]}' % to.encode(),
    "a.svg.xml": lambda to: f'<svg><image href="{to}"/><text>text</text></svg>'.encode(),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_reader_asks_for_what_a_file_points_to(write: Write, asked: tuple[str, list[str]], name: str) -> None:
    address, paths = asked
    assert "text" in read_in_sandbox(write("upload", OUTSIDE[name](address)), name, None, LIMITS).text
    assert not paths


def test_a_chapter_that_the_order_names_again_and_again_is_read_once(write: Write) -> None:
    path = write("a.epub", packed(book("<p>A chapter without end", order=[0] * 100_000)))
    assert read_in_sandbox(path, "a.epub", None, LIMITS).text == "A chapter without end"


def test_attachments_inside_attachments_are_counted_where_they_are_too_deep(write: Write) -> None:
    path = write("a.eml", message(b"Content-Type: message/rfc822\n\nSubject: Inner\n" * 100 + b"\nThe end"))
    document = read_in_sandbox(path, "a.eml", None, LIMITS)
    assert document.text.count("Inner") < 25
    assert "Parts nested too deeply left out: 1." in document.sentences
