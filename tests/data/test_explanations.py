"""The text as answers: every part is asked for once, answered as it stands, and short enough to end."""

from playground.data.explanations import explanation_pairs, section_title
from playground.data.sections import Section, cut_sections
from playground.data.tokenize import TrainingPair
from retrieval.document import Document, Span

PART_TOKENS = 120
TITLE = "Growing pears"
BODY = (
    "Pears grow best in full sun. They need deep soil and a wall that keeps the wind away. "
    "In spring the buds must be kept from frost.\nA cloth over the tree is enough for most nights. "
)


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def document(body: str, title: str = TITLE) -> Document:
    text = f"{title}\n\n{body}"
    return Document("garden.txt", text, headings=(Span(0, len(text), title),) if title else ())


def pairs(read: Document, language: str = "en") -> list[TrainingPair]:
    return list(explanation_pairs(read, list(enumerate(cut_sections(read))), language, words, PART_TOKENS, seed=0))


def test_a_section_is_asked_for_by_its_heading_and_answered_by_its_text() -> None:
    (pair,) = pairs(document(BODY))
    assert TITLE in pair.question
    assert pair.kind == "explain"
    assert pair.answer == " ".join(BODY.split()), "hard line breaks are not learnt"


def test_a_long_section_is_cut_at_sentences_and_each_part_has_a_question_of_its_own() -> None:
    body = "".join(f"Sentence number {number} tells something new about pears. " for number in range(60))
    found = pairs(document(body))
    assert len(found) > 2
    assert len({pair.question for pair in found}) == len(found)
    assert max(words([pair.answer for pair in found])) <= PART_TOKENS
    assert " ".join(pair.answer for pair in found).split() == body.split()
    assert all("Sentence number" in pair.question for pair in found[1:]), "later parts are named by their opening"


def test_a_text_without_headings_is_asked_for_by_its_opening_words() -> None:
    (pair,) = pairs(document(BODY, title=""))
    assert "Pears grow best in full sun" in pair.question


def test_verse_keeps_its_lines() -> None:
    verse = "The pear tree stood in silent bloom\nAnd Watched the moon above the Town\nAnd Waited for the wind to come"
    (pair,) = pairs(document(verse))
    assert pair.answer == verse


def test_vietnamese_is_asked_for_in_vietnamese() -> None:
    (pair,) = pairs(document("Cây lê cần nhiều nắng và đất sâu để ra quả tốt.", "Trồng lê"), "vi")
    assert "Trồng lê" in pair.question
    assert any(word in pair.question for word in ("Hãy", "Văn bản", "Bạn"))


def test_a_bare_number_is_named_with_the_heading_above() -> None:
    assert section_title(Section(0, 0, 1, "Article II > Section 2")) == "Article II, Section 2"
    assert section_title(Section(0, 0, 1, "Gardens > 3.1 Growing pears:")) == TITLE
    assert section_title(Section(0, 0, 1, "")) == ""


def test_no_part_ends_where_something_is_announced() -> None:
    lead = "Three tools are needed to cut a pear tree:"
    body = "".join(f"Sentence number {number} tells something new about pears. " for number in range(14))
    found = pairs(document(f"{body}{lead}\n\n- a saw, which must be sharp, and a ladder.\n\n{body}{lead}\n"))
    assert not any(pair.answer.endswith(":") for pair in found)
    (announced,) = [pair.answer for pair in found if lead in pair.answer]
    assert announced.startswith(lead)
    assert "a saw" in announced


def test_a_text_in_a_script_without_blanks_is_learnt() -> None:
    body = "この製品は工場で作られ、価格は五千円です。保証期間は二年で、修理は大阪の工場で行います。"
    (pair,) = pairs(document(body, "製品"), "ja")
    assert pair.answer == body


def test_a_table_keeps_its_rows() -> None:
    table = "| Part | Shelf |\n|---|---|\n| Bolt | A0 |\n| Hinge | B1 |"
    (pair,) = pairs(document(table))
    assert pair.answer == table


def test_code_that_is_set_in_keeps_its_shape() -> None:
    (pair,) = pairs(document("    def fib(n):\n        while n > 1:\n            n = n - 1\n        return n"))
    assert pair.answer == "def fib(n):\n    while n > 1:\n        n = n - 1\n    return n"
    (pair,) = pairs(
        document("It is written so, as every one of us knows by now:\n\n    x = 1\n    y = x + 1\n    z = y")
    )
    assert pair.answer.endswith("    x = 1\n    y = x + 1\n    z = y")


def test_no_question_holds_more_than_half_of_its_answer() -> None:
    for body, language in (("He went home early.", "en"), ("この製品は工場で作られ、価格は五千円です。" * 4, "ja")):
        for pair in pairs(document(body, title=""), language):
            opening = pair.question.split("“")[1].split("”")[0]
            assert pair.answer.startswith(opening)
            assert 0 < 2 * len(opening) <= len(pair.answer)


def test_a_heading_that_is_a_question_is_asked_as_it_stands() -> None:
    (pair,) = pairs(document(BODY, "How do pears grow?"))
    assert pair.question == "How do pears grow?"
