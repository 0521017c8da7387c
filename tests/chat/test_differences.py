"""Words of one answer that the other does not say are marked, whatever their case and how their accents are written."""

import unicodedata

import pytest

from playground.chat.differences import OWN, mark_own_words


@pytest.mark.parametrize(
    ("answer", "other", "marked"),
    [
        ("Nine States must ratify it.", "nine states MUST ratify it", []),
        ("Nine States must ratify it.", "Thirteen states ratify it.", ["Nine", "must"]),
        ("It takes two whole years.", "It takes", ["two whole years"]),
        ("At $1,250.50, in 3.5 h", "at $1,250 in 3.5 h", ["1,250.50"]),
        ("Không có gì", unicodedata.normalize("NFD", "không có"), ["gì"]),
        ("Everything is new", "", ["Everything is new"]),
        ("", "said", []),
    ],
)
def test_only_what_the_other_does_not_say_is_marked(answer: str, other: str, marked: list[str]) -> None:
    pieces = mark_own_words(answer, other)
    assert [text for text, mark in pieces if mark == OWN] == marked
    assert "".join(text for text, _ in pieces) == answer
