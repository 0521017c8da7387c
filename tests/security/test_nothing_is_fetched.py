"""What a document names is never fetched: no link, picture, style, font, entity or attachment, by any reader."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from playground.errors import USER_FACING
from retrieval.readers.dispatch import read_document
from tests.fakes.packed import open_document, packed, slides
from tests.fakes.pdf import text_pdf


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and what it was asked for."""
    paths: list[str] = []

    class Counter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_POST = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Counter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()


def documents(url: str) -> dict[str, bytes]:
    """A file of each format that can name an address, with some words."""
    entity = f'<!DOCTYPE a [<!ENTITY % e SYSTEM "{url}/dtd"> %e; <!ENTITY x SYSTEM "{url}/entity">]>'
    html = (
        f'<link rel=stylesheet href="{url}/a.css"><base href="{url}"><img src="{url}/a.png"><iframe src="{url}/f">'
        f'</iframe><object data="{url}/o"></object><meta http-equiv=refresh content="0;url={url}/r"><p>Some words.'
        f'<style>@import "{url}/b.css"; p {{background: url({url}/c.png)}}</style><script src="{url}/a.js"></script>'
    )
    word = f'{entity}<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>Words &x;</w:t></w:r></w:p></w:body></w:document>'
    outside = f'<Relationship Id="r1" Type="x/image" Target="{url}/i.png" TargetMode="External"/>'
    linked = f"<Relationships>{outside}</Relationships>"
    cell = f'{{"cell_type": "markdown", "source": "![]({url}/a) words"}}'
    return {
        "a.html": html.encode(),
        "a.xhtml": f'<?xml version="1.0"?>{entity}<html><body><p>Words &x;</p></body></html>'.encode(),
        "a.md": f"# Words\n\n![x]({url}/a.png) [more]({url}/b)\n\n<img src='{url}/c.png'>\n".encode(),
        "a.txt": f"Words about {url}/a.".encode(),
        "a.rst": f".. image:: {url}/a.png\n.. include:: {url}/b\n\nWords.\n".encode(),
        "a.tex": rf"\documentclass{{article}}\input{{{url}/a}}\includegraphics{{{url}/b}} Words.".encode(),
        "a.rtf": rf'{{\rtf1 {{\field{{\*\fldinst INCLUDEPICTURE "{url}/a"}}}} Words.}}'.encode(),
        "a.eml": f"Subject: a\nContent-Type: text/html\n\n{html}".encode(),
        "a.ipynb": f'{{"nbformat": 4, "cells": [{cell}]}}'.encode(),
        "a.csv": f'question,answer\nWho?,"=WEBSERVICE(""{url}/a"")"\nWhy?,So.\n'.encode(),
        "a.json": f'[{{"$ref": "{url}/a", "question": "Who?", "answer": "Ann."}}]'.encode(),
        "a.xml": f'<?xml version="1.0"?>{entity}<a>Words &x;</a>'.encode(),
        "a.docx": packed(
            {"word/document.xml": word, "word/_rels/document.xml.rels": linked, "[Content_Types].xml": "<a/>"}
        ),
        "a.odt": packed(open_document(f'<text:p>Words <draw:image href="{url}/a"/></text:p>')),
        "a.pptx": packed({**slides(f'<p:sp><a:t>Words</a:t><a:blip r:link="{url}/a"/></p:sp>')}),
        "a.pdf": text_pdf([[(10, 10, "Words.")]], extra=f"/OpenAction << /S /URI /URI ({url}/a) >>"),
        "a.srt": f"1\n00:00:01,000 --> 00:00:02,000\n<img src={url}/a> Words\n".encode(),
        "a.svg.html": f"<svg><image href='{url}/a'/><use href='{url}/b'/></svg><p>Words".encode(),
        "data.html": f"<img src='data:text/html;base64,{base64.b64encode(html.encode()).decode()}'><p>Words".encode(),
    }


def test_no_reader_fetches_what_a_document_names(asked: tuple[str, list[str]], tmp_path: Path) -> None:
    (url, paths), refused = asked, list[str]()
    for name, content in documents(url).items():
        (tmp_path / name).write_bytes(content)
        try:
            read_document(tmp_path / name)
        except USER_FACING as refusal:
            refused.append(f"{name}: {refusal}")
        assert paths == [], name
    assert len(refused) < 8, refused
