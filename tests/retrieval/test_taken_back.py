"""Parts that a visitor took back stand in the text where they stood in the file, and every span moves with the text."""

from dataclasses import replace

import pytest

from retrieval.document import Document, DocumentBuilder, LeftOut
from retrieval.readers.dispatch import read_document
from retrieval.taken_back import with_taken_back
from tests.conftest import Write


def take(document: Document, *places: int) -> Document:
    """The document with these of its parts taken back."""
    parts = [replace(part, taken=place in places) for place, part in enumerate(document.left_out)]
    return with_taken_back(replace(document, left_out=tuple(parts)))


def built() -> Document:
    """Two pages with headings, pairs and a part left out before, between and after."""
    builder = DocumentBuilder(1_000)
    builder.leave_out("Menus", "Home", "1")
    builder.page(builder.heading("Bees", 1), "1")
    builder.pair("Who flies?", "Bees fly.")
    builder.leave_out("Comments", "Is it\nso?")
    builder.leave_out("Headers", "Page two", "2")
    builder.page(builder.heading("Ants", 1), "2")
    builder.pair("Who walks?", "Ants walk.")
    builder.leave_out("Footers", "The end")
    return builder.document("a.txt")


def slices(document: Document) -> list[str]:
    """The text of every page and heading without the blank lines around it, and that of every pair."""
    spans = [document.text[each.start : each.end].strip() for each in (*document.pages, *document.headings)]
    return [*spans, *(document.text[pair.start : pair.end] for pair in document.pairs)]


def test_nothing_changes_where_nothing_is_taken() -> None:
    document = built()
    assert with_taken_back(document) is document


def test_each_part_becomes_a_paragraph_where_it_stood() -> None:
    assert take(built(), 0, 1, 2, 3).text == (
        "Home\n\nBees\n\nWho flies?\nBees fly.\n\nIs it\nso?\n\nPage two\n\nAnts\n\nWho walks?\nAnts walk.\n\nThe end"
    )


def test_pages_headings_and_pairs_move_with_the_text() -> None:
    assert slices(take(built(), 0, 1, 2, 3)) == [
        "Home\n\nBees\n\nWho flies?\nBees fly.\n\nIs it\nso?",
        "Page two\n\nAnts\n\nWho walks?\nAnts walk.\n\nThe end",
        "Bees\n\nWho flies?\nBees fly.\n\nIs it\nso?\n\nPage two",
        "Ants\n\nWho walks?\nAnts walk.\n\nThe end",
        "Who flies?\nBees fly.",
        "Who walks?\nAnts walk.",
    ]


@pytest.mark.parametrize("places", [(0,), (1, 3), (2,), (0, 1, 2, 3)])
def test_a_part_begins_where_its_text_does(places: tuple[int, ...]) -> None:
    document = take(built(), *places)
    for place in places:
        part = document.left_out[place]
        assert document.text.startswith(part.text, part.start)


def test_encoded_data_returns_to_its_own_place(write: Write) -> None:
    blob = "".join(f"aB{number % 10}x" for number in range(80))
    for text in (f"# Keys\n\nThe key {blob} opens it.\n\nAnd more.", f"First.\n\n{blob}\n\nLast.", f"First.\n\n{blob}"):
        document = read_document(write("a.md", text))
        assert blob not in document.text
        assert take(document, 0).text == text


def test_encoded_data_below_ruled_lines_returns_to_its_own_place(write: Write) -> None:
    blob = "".join(f"aB{number % 10}x" for number in range(80))
    document = read_document(write("a.txt", f"Bees\n====\n\nThey fly.\n\n----\n\nThe key {blob} opens it."))
    assert f"The key {blob} opens it." in take(document, 0).text


def test_a_part_that_was_not_kept_whole_cannot_be_taken() -> None:
    builder = DocumentBuilder(1_000)
    builder.leave_out("Hidden parts", "word " * 100_000)
    builder.leave_out("Pictures", "cat.png")
    builder.leave_out("Comments", "short")
    assert [part.can_be_taken for part in builder.document("a.txt").left_out] == [False, False, True]


def test_what_nobody_sees_stays_out() -> None:
    document = Document("a.txt", "One.", left_out=(LeftOut("Comments", "", "t\u200bw\x00o", 4, taken=True),))
    assert with_taken_back(document).text == "One.\n\ntwo"


def test_a_document_keeps_what_was_taken() -> None:
    document = replace(built(), left_out=(replace(built().left_out[0], taken=True),))
    assert Document.from_dict(document.to_dict()) == document


def test_a_document_of_an_earlier_version_can_be_read() -> None:
    stored = built().to_dict()
    del stored["notes"]
    stored["left_out"] = [each[:4] for each in stored["left_out"]]
    document = Document.from_dict({**stored, "dropped": ["Menus left out: 1."]})
    assert document.sentences == ("Menus left out: 1.",)
    assert document.left_out == built().left_out
