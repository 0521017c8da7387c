"""Encodings, mojibake and composed letters."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write

FRENCH = "Le café était fermé à Noël, où l'été dernier nous avions déjeuné."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1"])
def test_any_usual_encoding_gives_the_same_text(write: Write, encoding: str) -> None:
    assert read_document(write("a.txt", FRENCH.encode(encoding))).text == FRENCH


def test_other_scripts_without_unicode_are_recognised(write: Write) -> None:
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. Привет, как дела?"
    assert read_document(write("a.txt", russian.encode("cp1251"))).text == russian


def test_mojibake_is_mended_and_counted_and_quotes_stay(write: Write) -> None:
    document = read_document(write("a.txt", "schÃ¶n und fÃ¼r “alle”，ja"))
    assert document.text == "schön und für “alle”，ja"
    assert document.notes == ("Lines of garbled characters mended: 1.",)


def test_decomposed_vietnamese_is_composed(write: Write) -> None:
    assert read_document(write("a.txt", "Vie\u0323\u0302t Nam")).text == "Việt Nam"
