"""What of a document the reader shows: whole words, the right marks, and nothing lost on the way through it."""

import pytest

from retrieval.document import Document, Span
from retrieval.excerpt import PASSAGE, SUPPORT, Range, excerpt, mark_pieces, range_above, range_around, range_below

PARAGRAPHS = [f"Paragraph {n} says that {n} is a number. " * 6 for n in range(60)]
TEXT = "\n\n".join(each.strip() for each in PARAGRAPHS)
MIDDLE = TEXT.index("Paragraph 30 says")
DOCUMENT = Document(
    "a.txt",
    TEXT,
    pages=(Span(0, MIDDLE + 20, "1"), Span(MIDDLE + 20, len(TEXT), "2")),
    headings=(Span(0, MIDDLE, "Part A"), Span(MIDDLE, len(TEXT), "Part B > One")),
)
HERE = Range(MIDDLE, MIDDLE + 36)


def test_a_passage_is_shown_whole_with_what_stands_around_it() -> None:
    shown = range_around(DOCUMENT, HERE)
    assert shown.start < HERE.start
    assert shown.end > HERE.end
    assert TEXT[shown.start : shown.start + 9] == "Paragraph"


@pytest.mark.parametrize("place", [0, len(TEXT) - 10])
def test_a_passage_at_either_end_of_the_document(place: int) -> None:
    shown = range_around(DOCUMENT, Range(place, place + 10))
    assert 0 <= shown.start <= place
    assert place + 10 <= shown.end <= len(TEXT)


def test_a_passage_longer_than_the_stretch_is_shown_whole() -> None:
    long = Range(1_000, 6_000)
    shown = range_around(DOCUMENT, long)
    assert (shown.start <= long.start, shown.end >= long.end) == (True, True)


def test_later_and_earlier_lead_through_the_whole_document_without_a_gap() -> None:
    stretches = [range_around(DOCUMENT, HERE)]
    while (before := range_above(DOCUMENT, stretches[0])) != stretches[0]:
        stretches.insert(0, before)
    while (after := range_below(DOCUMENT, stretches[-1])) != stretches[-1]:
        stretches.append(after)
    assert "".join(TEXT[each.start : each.end] for each in stretches) == TEXT


def test_a_text_without_a_blank_is_still_read_in_pieces() -> None:
    document = Document("a.txt", "x" * 10_000)
    shown = range_below(document, range_around(document, Range(0, 10)))
    assert 0 < shown.end - shown.start < 5_000


def test_the_pieces_are_the_text_and_carry_their_marks() -> None:
    inside = Range(HERE.start + 10, HERE.start + 20)
    shown = range_around(DOCUMENT, HERE)
    read = excerpt(DOCUMENT, shown, HERE, [inside])
    assert "".join(text for text, _ in read.pieces) == TEXT[shown.start : shown.end]
    assert [text for text, mark in read.pieces if mark == SUPPORT] == [TEXT[inside.start : inside.end]]
    assert "".join(text for text, mark in read.pieces if mark) == TEXT[HERE.start : HERE.end]
    assert [mark for _, mark in read.pieces] == [None, PASSAGE, SUPPORT, PASSAGE, None]


def test_the_place_is_the_passages_while_it_is_in_sight_and_the_stretchs_after() -> None:
    shown = range_around(DOCUMENT, HERE)
    read = excerpt(DOCUMENT, shown, HERE, [])
    assert (read.page, read.heading) == ("1–2", "Part B > One")
    before = excerpt(DOCUMENT, range_above(DOCUMENT, shown), HERE, [])
    assert (before.page, before.heading) == ("1", "Part A")
    assert {mark for _, mark in before.pieces} == {None}


def test_a_document_without_pages_and_headings_has_no_place() -> None:
    read = excerpt(Document("a.txt", "Short."), Range(0, 6), Range(0, 6), [])
    assert (read.page, read.heading, read.pieces) == ("", "", (("Short.", PASSAGE),))


def test_marks_that_reach_out_of_the_stretch_are_cut() -> None:
    assert mark_pieces("abcdef", Range(2, 4), [(Range(0, 3), "one")]) == [("c", "one"), ("d", None)]
