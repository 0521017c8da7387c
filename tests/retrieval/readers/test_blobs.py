"""Encoded data in a text is left out, counted and placed; what only looks long stays."""

import base64
import random
import time

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels

DATA = base64.b64encode(random.Random(1).randbytes(900)).decode()
WRAPPED = "\n".join(DATA[place : place + 76] for place in range(0, len(DATA), 76))


@pytest.mark.parametrize(
    ("blob", "left"),
    [
        (f"![plan](data:image/png;base64,{DATA})", "![plan]()"),
        (f"<img src='data:image/svg+xml;charset=utf-8,%3Csvg%20{'%20' * 30}%3E'>", "<img src=''>"),
        (f"url(data:font/woff2;base64,{WRAPPED})", "url()"),
        (DATA, ""),
        (WRAPPED, ""),
        (WRAPPED.replace("\n", "\r\n"), ""),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{WRAPPED}\n-----END RSA PRIVATE KEY-----", ""),
        (random.Random(2).randbytes(300).hex(), ""),
        (DATA.replace("+", "-").replace("/", "_"), ""),
    ],
)
def test_encoded_data_is_left_out_and_counted(write: Write, blob: str, left: str) -> None:
    text = "# Notes\n\nThe pond was drained.\n\n{}\n\n# Carp\n\nThey were sold."
    document = read_document(write("a.md", text.format(blob)))
    assert document.text == (text.format(left) if left else text.replace("\n\n{}", ""))
    assert document.sentences == ("Pieces of encoded data left out: 1.",)
    (part,) = document.left_out
    assert (part.kind, part.place) == ("Pieces of encoded data", "line 5")
    assert document.text[: part.start].endswith(left.removesuffix(")").removesuffix("'>") or "drained.\n\n")
    assert labels(document) == ["Notes", "Carp"]
    assert document.text[document.headings[1].start :].startswith("# Carp")


@pytest.mark.parametrize(
    "text",
    [
        "GATTACA" * 60,
        "/usr/share/" + "documentation/of/many/long/paths/" * 9,
        "a" * 400,
        "ThisIsAVeryLongNameOfAClassInAProgram" * 8,
        "=" * 300,
        "See the data:text below and data: here.",
        "SHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "データ" * 100,
    ],
)
def test_what_only_looks_long_stays(write: Write, text: str) -> None:
    document = read_document(write("a.md", f"Some words. {text}"))
    assert document.text == f"Some words. {text}"
    assert document.left_out == ()


def test_many_keys_without_an_end_take_no_long_time(write: Write) -> None:
    begun = time.process_time()
    read_document(write("a.md", "-----BEGIN AB-----\n" * 40_000 + "words"))
    assert time.process_time() - begun < 5
