"""The report before training: what it finds, what it leaves alone, and that leaving out leaves the rest whole."""

import time
from pathlib import Path

import pytest

from playground.data import quality
from playground.data.quality import Finding
from retrieval.document import Document, Pair, Span, heading_spans
from retrieval.readers.dispatch import read_document
from retrieval.readers.headings import markdown_headings
from tests.conftest import Write


def essay(start: int = 0, sections: int = 30) -> str:
    """Sections without anything to find."""
    return "\n\n".join(
        f"# Part {n}\n\nThe lamp of tower {n} was lit by keeper K{n} in the year of ship S{n}, which then came home to "
        f"harbour H{n} with {n} crates of tea and a letter L{n} for the mayor M{n}."
        for n in range(start, start + sections)
    )


def found(*documents: Document) -> dict[str, Finding]:
    return {finding.kind: finding for finding in quality.find_problems(documents)}


def without(documents: list[Document], *kinds: str) -> list[Document]:
    return quality.remove_spans(documents, [each for each in quality.find_problems(documents) if each.kind in kinds])


def text_of(write: Write, text: str) -> Document:
    return read_document(write("a.md", text))


def test_a_clean_text_has_nothing_to_find(write: Write) -> None:
    assert found(text_of(write, essay())) == {}


@pytest.mark.parametrize(
    ("more", "kind", "count", "example"),
    [
        ("# Again\n\n" + essay().split("\n\n")[1], "duplicates", 1, "The lamp of tower 0"),
        ("# Again\n\n" + essay().split("\n\n")[1] + " So it was.", "near_duplicates", 1, "The lamp of tower 0"),
        ("\n\n".join(f"Made by Lamp Works\n\nPage {n} is of {n} words." for n in range(5)), "boilerplate", 5, "Made"),
        ("The caf\ufffd was closed.", "broken", 1, "The caf"),
        ("# Mot\n\n" + "Le gardien du phare est dans la tour et il regarde la mer avec les enfants du village. " * 5,
         "languages", 1, "Le gardien"),
        ("# Alone\n\nTwo words.", "short", 1, "Two words."),
        ("# Ask\n\nWrite to the keeper at keeper@lamp.example, who answers.", "email", 1, "keeper@lamp.example"),
        ("# Ask\n\nCall the keeper under +84 912 345 678 at night.", "phone", 1, "+84 912 345 678"),
        ("# Ask\n\nThe card 4111 1111 1111 1111 paid for it.", "card", 1, "4111 1111 1111 1111"),
        ("# Ask\n\nThe account is DE89 3704 0044 0532 0130 00 at the bank.", "iban", 1, "DE89 3704 0044 0532 0130 00"),
        ("# Ask\n\nThe citizen's number is 001199012345 in the book.", "id_number", 1, "001199012345"),
    ],
)  # fmt: skip
def test_a_fault_is_found_counted_shown_and_left_out(
    write: Write, more: str, kind: str, count: int, example: str
) -> None:
    document = text_of(write, f"{essay()}\n\n{more}")
    finding = found(document)[kind]
    assert finding.count == count
    assert finding.example.startswith(example)
    (kept,) = without([document], kind)
    assert kind not in found(kept)
    assert all(f"keeper K{n} " in kept.text for n in range(30))


def test_characters_of_a_wrong_encoding_are_broken() -> None:
    text = f"{essay()}\n\nThe caf\u00c3\u00a9 was na\u00c3\u00afve and cost 5 \u00e2\u201a\u00ac."
    assert found(Document("a.md", text))["broken"].count == 1


def test_too_little_text_is_told_and_cannot_be_left_out(write: Write) -> None:
    document = text_of(write, essay(sections=2))
    assert found(document)["little"].count == len(document.text)
    assert without([document], "little") == [document]


def test_a_heading_that_comes_again_is_no_boilerplate() -> None:
    document = read_document(Path("playground/data/example_texts/us_constitution.txt"))
    assert document.text.count("Section 1\n") > 10
    assert "boilerplate" not in found(document)


def test_leaving_out_moves_headings_and_pages_with_their_text(write: Write) -> None:
    document = text_of(write, f"{essay(0, 3)}\n\n# Ask\n\nWrite to a@b.example. Or do not.\n\n{essay(3, 3)}")
    document = Document(**{**vars(document), "pages": (Span(0, 100, "1"), Span(100, len(document.text), "2"))})
    start = document.text.index("Write to")
    kept = quality.cut_spans(document, [(start, start + len("Write to a@b.example."))])
    assert "Or do not." in kept.text
    assert "Write to" not in kept.text
    assert len(kept.headings) == len(document.headings)
    for span in kept.headings:
        assert kept.text[span.start :].startswith(f"# {span.label}")
    assert kept.pages[-1].end == len(kept.text)
    assert kept.headings[-1].end == len(kept.text)


def test_of_a_file_of_pairs_whole_pairs_are_left_out() -> None:
    rows = [(f"Who keeps lamp {n}?", f"Keeper {n} of house {n}." if n != 3 else "Mail a@b.example.") for n in range(9)]
    text = "\n\n".join(f"{question}\n{answer}" for question, answer in rows)
    starts = [text.index(question) for question, _ in rows]
    pairs = [Pair(q, a, s, s + len(q) + 1 + len(a)) for (q, a), s in zip(rows, starts, strict=True)]
    (kept,) = without([Document("a.csv", text, pairs=tuple(pairs))], "email")
    assert len(kept.pairs) == 8
    for pair in kept.pairs:
        assert kept.text[pair.start : pair.end] == f"{pair.question}\n{pair.answer}"


def test_pairs_keep_what_stands_before_them_when_text_is_left_out() -> None:
    text = "Ann has the key. Mail a@b.example.\n\nWho?\nAnn.\n\nSure?\nYes."
    start = text.index("Who?")
    first = Pair("Who?", "Ann.", start, start + 9, "Be kind.", context=(0, 34))
    later = Pair("Sure?", "Yes.", start + 11, len(text), "Be kind.", (("Who?", "Ann."),), (0, 34))
    kept = quality.cut_spans(Document("a", text, pairs=(first, later)), [(17, 34)])
    assert [kept.text[slice(*pair.context)].strip() for pair in kept.pairs if pair.context] == ["Ann has the key."] * 2
    assert [(pair.system, pair.turns) for pair in kept.pairs] == [("Be kind.", ()), ("Be kind.", (("Who?", "Ann."),))]
    assert [kept.text[pair.start : pair.end] for pair in kept.pairs] == ["Who?\nAnn.", "Sure?\nYes."]


def test_a_document_of_which_nothing_is_left_is_gone(write: Write) -> None:
    one, other = text_of(write, essay()), text_of(write, essay() + "\n\n# More\n\nA part of its own, with words.")
    kept = without([one, other], "duplicates")
    assert len(kept) == 2
    assert kept[1].text.strip().endswith("with words.")
    assert len(without([one, one], "duplicates")) == 1


def test_overlapping_parts_are_taken_out_once() -> None:
    document = Document("a", "abc def ghi jkl")
    assert quality.cut_spans(document, [(4, 11), (8, 11), (4, 7)]).text == "abc jkl"
    assert quality.cut_spans(document, [(4, 11), (5, 6)]).text == "abc jkl"
    assert quality.cut_spans(document, [(0, 1), (4, 11), (5, 6), (7, 8)]).text == "bc jkl"


def test_a_megabyte_is_read_in_about_a_second() -> None:
    text = "\n\n".join(essay(start, 30) for start in range(0, 5_400, 30))
    assert len(text) > 900_000
    document = Document("a.md", text)
    began = time.process_time()
    quality.find_problems([document])
    assert time.process_time() - began < 4  # of a busy machine's processor; docs/log.md has the figure of a quiet one


def pairs_of(rows: list[tuple[str, str]]) -> Document:
    """A file of pairs, as a reader gives it."""
    pairs, text = [], ""
    for question, answer in rows:
        pairs.append(Pair(question, answer, len(text), len(text) + len(question) + 1 + len(answer)))
        text += f"{question}\n{answer}\n\n"
    return Document("a.csv", text, pairs=tuple(pairs))


def seconds(documents: list[Document], kind: str) -> float:
    """Processor time to find what is wrong and to leave a kind of it out."""
    began = time.process_time()
    kept = without(documents, kind)
    assert not any(finding.parts for document in kept for finding in [found(document).get(kind)] if finding)
    return time.process_time() - began


def test_many_addresses_take_time_in_proportion() -> None:
    lines = "\n".join(f"Keeper {n} lives in tower {n}. Write to k{n}@lamp.example. Or do not." for n in range(3_000))
    assert seconds([Document("a.txt", lines)], "email") < 5
    rows = [(f"How is keeper {n} reached?", f"By mail to k{n}@lamp.example.") for n in range(6_000)]
    assert seconds([pairs_of(rows + [("Who else?", "Nobody but the mayor.")])], "email") < 8


def test_a_section_in_a_script_without_blanks_is_not_short() -> None:
    text = "# 製品\n\nこの製品は工場で作られ、保証期間は二年で、修理は大阪の工場で行います。\n\n# 電池\n\n四本。"
    headings = heading_spans(markdown_headings(text), len(text))
    short = found(Document("a.md", text, headings=headings))["short"]
    assert (short.count, short.example) == (1, "四本。")
