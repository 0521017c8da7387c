"""Cutting: exact offsets, the window, the places to cut, and where a passage says it stands."""

import re

import pytest

from retrieval.chunks import Passage, sentences, split
from retrieval.document import Document, Pair, Span


def count_words(texts: list[str]) -> list[int]:
    """A tokenizer for tests: a token is a word or a mark; as in MiniLM, blanks and line breaks are none."""
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def count_chars(texts: list[str]) -> list[int]:
    """A tokenizer under which the parts add up to less than the whole."""
    return [len(text) for text in texts]


def sentence(word: str, count: int) -> str:
    return " ".join([word.capitalize()] + [word] * (count - 2)) + " end."


def check(document: Document, passages: list[Passage], max_tokens: int) -> None:
    """What holds of every cut: exact, apart, in order, whole and inside the window."""
    assert all(document.text[each.start : each.end] == each.text for each in passages)
    assert all(first.end <= second.start for first, second in zip(passages, passages[1:], strict=False))
    assert all(0 < each.tokens <= max_tokens for each in passages)
    assert "".join("".join(each.text for each in passages).split()) == "".join(document.text.split())


def test_sentences_are_packed_and_never_broken() -> None:
    text = " ".join(sentence(word, 10) for word in ("one", "two", "three", "four", "five"))
    document = Document("a.txt", text)
    passages = split(document, count_words, 25)
    check(document, passages, 25)
    assert [each.tokens for each in passages] == [22, 22, 11]
    assert all(each.text.endswith("end.") for each in passages)


@pytest.mark.parametrize("count", [count_words, count_chars])
def test_a_monster_sentence_is_cut_hard_inside_the_window(count: object) -> None:
    text = f"Short. {'word, ' * 500}{'x' * 5_000} last."
    document = Document("a.txt", text)
    check(document, split(document, count, 50), 50)


def test_a_token_that_hides_many_letters_is_cut_too() -> None:
    document = Document("a.txt", "x" * 10_000)
    passages = split(document, count_words, 50)
    check(document, passages, 50)
    assert max(len(each.text) for each in passages) <= 600


def test_a_long_sentence_is_cut_after_a_clause() -> None:
    document = Document("a.txt", f"{sentence('one', 20)[:-1]}; {sentence('two', 20)}")
    assert split(document, count_words, 30)[0].text.endswith("end;")


def test_headings_part_passages_and_name_them() -> None:
    text = "# A\n\nFirst.\n\n## B\n\nSecond."
    document = Document("a.md", text, headings=(Span(0, 13, "A"), Span(13, len(text), "A > B")))
    passages = split(document, count_words)
    assert [(each.text, each.heading) for each in passages] == [("# A\n\nFirst.", "A"), ("## B\n\nSecond.", "A > B")]


def test_a_heading_without_text_goes_with_the_next_section() -> None:
    text = "Part I. Alone\n\n1.1 Below\n\nText."
    document = Document("a.txt", text, headings=(Span(0, 15, "Part I. Alone"), Span(15, len(text), "1.1 Below")))
    (passage,) = split(document, count_words)
    assert (passage.text, passage.heading) == (text, "1.1 Below")


def test_a_table_of_contents_is_no_passage() -> None:
    text = "Intro\n\nContents\n\n1 One\n2 Two\n\nChapter\n\nText."
    spans = (Span(0, 7, "Intro"), Span(7, 30, "Contents"), Span(30, len(text), "Chapter"))
    passages = split(Document("a.txt", text, headings=spans), count_words)
    assert [each.text for each in passages] == ["Intro", "Chapter\n\nText."]
    alone = Document("a.txt", "Contents\n\n1 One", headings=(Span(0, 15, "Contents"),))
    assert len(split(alone, count_words)) == 1


def test_a_paragraph_that_fits_is_not_begun_in_a_passage_half_full() -> None:
    document = Document("a.txt", f"{sentence('one', 15)}\n\n{sentence('two', 8)} {sentence('three', 8)}")
    assert [each.tokens for each in split(document, count_words, 26)] == [16, 18]


def test_pairs_are_not_mixed_and_carry_their_question() -> None:
    pairs = (Pair("Why?", "So.", 0, 8), Pair("How?", "Thus.", 10, 20))
    document = Document("a.csv", "Why?\nSo.\n\nHow?\nThus.", pairs=pairs)
    assert [(each.text, each.heading) for each in split(document, count_words)] == [
        ("Why?\nSo.", "Why?"), ("How?\nThus.", "How?"),
    ]  # fmt: skip


def test_pages_are_those_of_the_first_and_last_letter() -> None:
    text = "One here. Two there. Three."
    pages = (Span(0, 10, "4"), Span(10, 21, "5"), Span(21, 27, "6"))
    document = Document("a.pdf", text, pages=pages)
    assert [each.page for each in split(document, count_words, 6)] == ["4–5", "6"]
    assert [each.page for each in split(document, count_words, 3)] == ["4", "5", "6"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Dr. Smith met J. K. Rowling. He left.", "Dr. Smith met J. K. Rowling."),
        ("Use fruit, e.g. apples. Or not.", "Use fruit, e.g. apples."),
        ("It cost 3.50 euros. Cheap.", "It cost 3.50 euros."),
        ("He said “Stop.” Then he left.", "He said “Stop.”"),
        ("我去了。你呢？", "我去了。"),
        ("Points follow\n- one\n- two", "Points follow"),
    ],
)
def test_where_sentences_end(text: str, first: str) -> None:
    limit = count_words([first])[0]
    if text.startswith("我"):
        assert split(Document("a", text), count_chars, 4)[0].text == first
    else:
        assert split(Document("a", text), count_words, limit)[0].text == first


@pytest.mark.parametrize(
    "whole",
    [
        "Es gilt § 12 Abs. 3 und Art. 5 der Ordnung.",
        "Am 3. Mai 2024 beginnt die Messe.",
        "See Sec. 8 with Eq. 3 of it.",
        "Gen. Smith met Rev. Jones of Dept. Four.",
        "PGS. TS. Trần Bình sống ở TP. Hồ Chí Minh.",
        "Vedi pag. 12 e la Sra. López.",
        "Он живёт на ул. Ленина, см. рис. 3 ниже.",
    ],
)
def test_an_abbreviation_ends_no_sentence(whole: str) -> None:
    assert [whole[start:end] for start, end in sentences(f"{whole} ")] == [whole]


@pytest.mark.parametrize(
    "text",
    [
        "यह पहला है। यह दूसरा है।",
        "هل تفتح المكتبة؟ نعم تفتح",
        "یہ ایک ہے۔ یہ دو ہے۔",
        "ဒါက စာ။ နောက်တစ်။",
        "នេះមួយ។ ពីរ។",
        "It was modern art. They left in 1945.",
        "He was 12. She was not.",
        "(a) one thing\n(b) another",
        "a) one\nb) two",
    ],
)
def test_every_script_and_list_has_its_ends(text: str) -> None:
    assert len(sentences(text)) == 2


def test_no_text_gives_no_passages() -> None:
    assert split(Document("a.txt", " \n"), count_words) == []


WOMAN = "To Sherlock Holmes she is always the woman, and he has seldom been heard to mention her under any other name."


def test_what_follows_a_table_of_contents_without_a_heading_of_its_own_is_found() -> None:
    entries = (
        "I. A Scandal in Bohemia\nII. The Red-Headed League\nIII. A Case . . . . . . . . . . . . . . . . . . . . . 9"
    )
    text = f"Adventures\n\nContents\n\n{entries}\n\nI.\n\n{WOMAN} It was not that.\n\nHe had left."
    document = Document("a.txt", text, headings=(Span(12, len(text), "Contents"),))
    assert [each.text for each in split(document, count_words)] == [
        "Adventures", f"{WOMAN} It was not that.\n\nHe had left.",
    ]  # fmt: skip


def test_a_section_that_tells_contents_is_no_table_of_contents() -> None:
    text = f"Film\n\nInhalt\n\n{WOMAN}\n\nKritik\n\nGood."
    spans = (
        Span(0, 6, "Film"),
        Span(6, 14 + len(WOMAN) + 2, "Film > Inhalt"),
        Span(16 + len(WOMAN), len(text), "Kritik"),
    )
    passages = split(Document("a.html", text, headings=spans), count_words)
    assert [(each.text, each.heading) for each in passages][1] == (WOMAN, "Film > Inhalt")
