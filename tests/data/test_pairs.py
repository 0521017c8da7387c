"""Pairs made by rules: each answer stands in the text, none is given away, the same seed gives the same pairs."""

from pathlib import Path

import pytest

from playground.data.qa import pairs
from playground.data.qa.pairs import QuestionPair
from playground.data.qa.statements import vietnamese_questions
from playground.data.sections import MAX_CHARS, cut_sections, section_at
from retrieval.document import Document, Pair
from retrieval.readers.dispatch import read_document
from tests.conftest import Write

CONSTITUTION = Path("playground/data/example_texts/us_constitution.txt")


def made(write: Write, text: str, name: str = "a.txt") -> list[QuestionPair]:
    return pairs.generate_pairs(read_document(write(name, text)))


def asked(write: Write, text: str, name: str = "a.txt") -> dict[str, tuple[str, str]]:
    return {each.question: (each.kind, each.answer) for each in made(write, text, name)}


@pytest.mark.parametrize("name", ["us_constitution.txt", "python_tutorial.rst"])
def test_every_answer_stands_where_the_pair_says_and_none_is_given_away(name: str) -> None:
    document = read_document(Path("playground/data/example_texts") / name)
    found = pairs.generate_pairs(document)
    assert len(found) > 60
    sections = cut_sections(document)
    for each in found:
        assert " ".join(each.answer.split()) == " ".join(document.text[each.start : each.end].split())
        assert sections[each.section].start <= each.start < each.end <= sections[each.section].end
        assert each.heading == sections[each.section].heading
        assert not pairs.gives_away(each.question, each.answer)


def test_the_same_seed_gives_the_same_pairs_and_no_question_comes_twice() -> None:
    document = read_document(CONSTITUTION)
    first = pairs.generate_pairs(document, seed=1)
    assert first == pairs.generate_pairs(document, seed=1)
    assert first != pairs.generate_pairs(document, seed=2)
    assert len({each.question for each in first}) == len(first)


def test_a_heading_that_asks_is_answered_by_the_sentences_below_it(write: Write) -> None:
    text = "# Tea\n\nAbout tea.\n\n## 1.2 How long does green tea steep?\n\nGreen tea steeps for two minutes at most.\n"
    assert asked(write, text, "a.md")["How long does green tea steep?"] == (
        "heading",
        "Green tea steeps for two minutes at most.",
    )


def test_a_heading_that_says_nothing_is_not_asked_about(write: Write) -> None:
    text = "# Introduction\n\nThis introduction tells how the machine is built.\n\n# Overview\n\nMore of it follows.\n"
    assert made(write, text, "a.md") == []


def test_a_numbered_article_is_named_with_the_articles_above_it() -> None:
    found = {each.question: each for each in pairs.generate_pairs(read_document(CONSTITUTION))}
    assert found["What does Article II, Section 4 say?"].kind == "item"
    assert found["What does Article II, Section 4 say?"].answer.startswith(
        "The President, Vice President and all Civil"
    )


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("A lighthouse is a tower with a light that guides ships at night.", "What is a lighthouse?"),
        ("The Hurd is a set of servers that run on a small kernel.", "What is the Hurd?"),
        ("Free port means a harbour where no duty is paid on goods.", "What does free port mean?"),
        ("The old fleet consists of nine ships and a great many boats.", "What does the old fleet consist of?"),
        ("Ada Lovelace was an English mathematician of the last century.", "Who was Ada Lovelace?"),
        ("It is a tower with a light that guides ships at night.", None),
        ("When the sea is calm the light is a small one indeed.", None),
    ],
)
def test_a_sentence_that_defines_its_subject_answers_what_it_is(
    write: Write, sentence: str, question: str | None
) -> None:
    found = {
        each.question for each in made(write, f"{sentence} And that free port is all.") if each.kind == "definition"
    }
    assert found == ({question} if question else set())


def test_an_entry_of_a_dictionary_is_a_definition(write: Write) -> None:
    text = "ACCORD, n.  Harmony between two or more people at a table.\n\nACE, n.  A quarter of the hand of fate."
    assert asked(write, text)["What does “accord” mean?"] == (
        "definition",
        "Harmony between two or more people at a table.",
    )


def test_a_list_is_asked_for_by_its_leading_line_and_answered_whole(write: Write) -> None:
    text = (
        "The keeper smokes. There are two types of lamps:\n\n  * oil lamps, which smoke\n  * arc lamps\n\nThat is all."
    )
    assert asked(write, text)["What types of lamps are there?"] == ("item", "* oil lamps, which smoke\n* arc lamps")


@pytest.mark.parametrize(
    ("lead", "question"),
    [
        ("A report contains the following:", "What does a report contain?"),
        ("A report should contain the following:", "What should a report contain?"),
        ("A complaint must usually include:", "What must a complaint include?"),
    ],
)
def test_a_list_answers_what_its_leading_line_announces(write: Write, lead: str, question: str) -> None:
    found = asked(write, f"Faults\n======\n\n{lead}\n\n- the exact version\n- the whole command\n\nThank you.\n")
    assert found[question] == ("item", "- the exact version\n- the whole command")


def test_a_gap_takes_a_figure_or_a_name_that_stands_nowhere_else_in_the_sentence(write: Write) -> None:
    text = "In the spring the old tower was struck by Lightning twice within a week and a day."
    (pair,) = made(write, text)
    assert pair.kind == "cloze"
    assert pair.question == f"Fill in the blank: {text.replace('Lightning', '____')}"
    assert pair.answer == "Lightning"


def test_a_gap_takes_no_half_of_a_name_and_no_word_that_stands_there_in_another_form(write: Write) -> None:
    lines = [
        "Some of the keepers of today, such as Fielding H. Garrison, are of another opinion on lamps.",
        "See the rules of the house in Section 5 before lamps are lit or put out again.",
        "They met when each Senator had a lamp and other Senators had none to speak of at all.",
    ]
    gaps = {each.answer for each in made(write, "\n\n".join(lines))}
    assert not gaps & {"Fielding H", "5", "Senator", "Senators"}


def test_code_verse_and_sentences_that_point_elsewhere_give_no_gap(write: Write) -> None:
    lines = [
        "It was there that the keeper of the Light first met Henry on the stairs.",
        "You call the keeper with x = Light() and then wait until Henry has come down.",
        "The keeper of the Light\nWent down to Henry's boat\nAnd through the stormy night\nKept Mary's ship afloat.",
    ]
    assert made(write, "\n\n".join(lines)) == []


def test_vietnamese_is_asked_in_vietnamese(write: Write) -> None:
    text = (
        "Điều 2. Trẻ em\n\nTrẻ em là người dưới 16 tuổi.\n\nĐiều 3. Giải thích từ ngữ\n\n1. Bảo vệ trẻ em là việc "
        "thực hiện các biện pháp phù hợp để bảo đảm trẻ em được sống an toàn.\n\n2. Việc sử dụng đồ chơi phải bảo đảm "
        "an toàn cho trẻ em dưới 6 tuổi và những người khác."
    )
    found = asked(write, text)
    assert found["Điều 2 quy định gì về trẻ em?"][0] == "item"
    assert found["Trẻ em là ai?"] == ("definition", "Trẻ em là người dưới 16 tuổi.")
    assert found["Bảo vệ trẻ em là gì?"][0] == "definition"
    assert ("cloze", "6") in found.values()


def test_a_language_without_rules_is_asked_only_where_its_headings_ask(write: Write) -> None:
    text = (
        "# Wie lange zieht grüner Tee?\n\nDer grüne Tee zieht nicht mehr als zwei Minuten und wird dann in die Tasse "
        "gegeben.\n\n# Das Wasser\n\nDas Wasser ist ein Stoff, der nicht kochen soll, und Karl trinkt es mit 70 Grad."
    )
    assert [each.question for each in made(write, text, "a.md")] == ["Wie lange zieht grüner Tee?"]


def test_a_question_with_two_answers_is_dropped(write: Write) -> None:
    text = (
        "# A\n\n## What is it?\n\nThe first thing is a stone.\n\n# B\n\n## What is it?\n\nThe second thing is a leaf.\n"
    )
    assert "What is it?" not in asked(write, text, "a.md")


def test_pairs_are_not_made_from_pairs() -> None:
    text = "What is a lamp?\nA lamp is a thing that gives light."
    document = Document("a.csv", text, pairs=(Pair("What is a lamp?", text[16:], 0, len(text)),))
    assert pairs.generate_pairs(document) == []


def test_sections_cover_the_text_and_a_long_one_is_cut_between_paragraphs(write: Write) -> None:
    body = "\n\n".join(f"Paragraph {number} of the long one. " + "Word after word. " * 20 for number in range(30))
    document = read_document(
        write("a.md", f"Before.\n\n# Alone\n\n## One\n\nShort.\n\n## Contents\n\n1 One\n\n## Long\n\n{body}")
    )
    sections = cut_sections(document)
    assert [each.title for each in sections[:2]] == ["", "One"]
    assert document.text[sections[1].start :].startswith("# Alone")
    assert {each.title for each in sections[2:]} == {"Long"}
    assert len(sections) > 5
    assert all(each.end - each.start <= MAX_CHARS for each in sections)
    assert section_at(sections, sections[3].start + 5) == 3
    assert not any("1 One" in document.text[each.start : each.end] for each in sections)


def test_no_vietnamese_question_is_cut_inside_a_word_or_asks_what_nobody_does() -> None:
    cut = (
        "Tất cả mọi người đều được bảo vệ như nhau chống lại mọi hình thức phân biệt đối xử vi phạm Bản tuyên ngôn này."
    )
    assert list(vietnamese_questions(cut, str)) == ["Tất cả mọi người đều được gì?"]
    assert list(vietnamese_questions("Không ai phải làm nô lệ hay bị cưỡng bức làm việc như nô lệ.", str)) == []


def test_each_part_of_a_mixed_document_is_asked_about_in_its_own_language(write: Write) -> None:
    english = (
        "## Bees\n\nA queen is a bee that lays all the eggs of a hive. Karl von Frisch described the dance of the bees "
        "in 1927.\n\n"
    )
    vietnamese = (
        "## Thư viện\n\nThủ thư là người giữ sách của nhà trường. Thư viện mở cửa lúc bảy giờ sáng và đóng cửa lúc "
        "chín giờ tối. Nhà trường được thành lập vào năm 1952 tại Huế, và học sinh được mượn năm quyển sách.\n\n"
    )
    both = list(asked(write, english + vietnamese, "both.md"))
    assert both == [*asked(write, english, "en.md"), *asked(write, vietnamese, "vi.md")]
    assert {"What is a queen?", "Thủ thư là ai?"} <= set(both)
