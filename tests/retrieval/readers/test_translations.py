"""Texts in two languages: the one asks for the other by the language's name."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl
from tests.retrieval.readers.test_training_files import pairs_of

TMX = """<?xml version="1.0"?><tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en"><seg>Good morning.</seg></tuv><tuv xml:lang="vi"><seg>Chào buổi sáng.</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Thank you.</seg></tuv><tuv xml:lang="vi"><seg>Cảm ơn.</seg></tuv></tu></body></tmx>"""
ROWS = [("Good morning.", "Chào buổi sáng."), ("Thank you.", "Cảm ơn.")]
FILES = {
    "a.csv": "en,vi\n" + "".join(f"{one},{other}\n" for one, other in ROWS),
    "b.csv": "No,English,Tiếng Việt\n" + "".join(f"7,{one},{other}\n" for one, other in ROWS),
    "c.jsonl": jsonl(*({"id": 1, "translation": {"en": one, "vi": other}} for one, other in ROWS)),
    "d.xml": TMX,
}


@pytest.mark.parametrize("name", FILES)
def test_a_text_asks_for_its_translation(write: Write, name: str) -> None:
    assert pairs_of(write, name, FILES[name]) == [(f"Translate into Vietnamese:\n{one}", other) for one, other in ROWS]


def test_a_vietnamese_text_asks_in_its_language(write: Write) -> None:
    rows = "vi,en\nCảm ơn.,Thank you.\n"
    assert pairs_of(write, "a.csv", rows) == [("Dịch sang tiếng Anh:\nCảm ơn.", "Thank you.")]


def test_the_words_of_a_page_by_languages_are_no_row(write: Write) -> None:
    words = {"en": {"greet": "Good morning.", "thank": "Thanks."}, "vi": {"greet": "Chào.", "thank": "Cảm ơn."}}
    assert not read_document(write("a.json", jsonl(words))).pairs


@pytest.mark.parametrize("rows", ["en,vi,de\nThanks.,Cảm ơn.,Danke.\n", "country,de,fr\nBeer,12,9\nWine,7,30\n"])
def test_other_tables_with_languages_are_no_translations(write: Write, rows: str) -> None:
    assert not read_document(write("a.csv", rows)).pairs
