"""Tables in plain text."""

import time

import pytest

from retrieval.chunks import split
from retrieval.document import Document, Span
from retrieval.text_tables import tables_in

ROWS = [f"| AB-{number} | Bolt {number} | {number}.50 |" for number in range(20)]
MARKDOWN = "\n".join(["| Part | Name | Price |", "|---|---|---|", *ROWS])
PLAIN = "Part | Name\nAB | Bolt\nCD | Nut"


def count_words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_tables_are_found_with_their_header() -> None:
    text = f"Before it.\n\n{MARKDOWN}\n\nHome | About\n\n{PLAIN}\nNo row."
    found = tables_in(text)
    assert [each.header for each in found] == ["Part, Name, Price", "Part, Name"]
    assert [len(each.rows) for each in found] == [21, 3]
    assert text[found[1].start : found[1].end] == PLAIN


def test_text_with_bars_is_no_table() -> None:
    assert tables_in("Home | About | Jobs\n\nThe sign || means or.\nSo does |.") == []


def test_a_table_is_cut_by_rows_and_every_part_is_found_by_the_header() -> None:
    text = f"Stock\n\n{MARKDOWN}"
    passages = split(Document("a.md", text, headings=(Span(0, len(text), "Depot > Stock"),)), count_words, 40)
    assert len(passages) > 3
    assert all(line.startswith("|") and line.endswith("|") for each in passages[1:] for line in each.text.splitlines())
    assert passages[0].context == "Depot"
    assert {each.context for each in passages[1:]} == {"Depot > Stock\nPart, Name, Price"}
    assert all(text[each.start : each.end] == each.text for each in passages)


@pytest.mark.parametrize(
    "text",
    ["word " * 60_000, "a | b " + "word " * 60_000, "a" + "." * 40_000 + "b", "\n\n".join(["a | b\nc | d"] * 8_000)],
)
def test_long_lines_and_many_tables_are_cut_in_little_time(text: str) -> None:
    begun = time.process_time()
    split(Document("a.txt", text), count_words, 1_000)
    assert time.process_time() - begun < 4
