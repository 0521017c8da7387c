"""Questions made from a text: every kind, where their answers stand, and their distractors."""

import time
from dataclasses import replace

import pytest

from playground.evaluation import question_generation, questions
from playground.evaluation.questions import OF_THE_TEXT, UNANSWERABLE, Question
from retrieval.document import Document
from tests.fakes.exams import TEXT, document, question


@pytest.fixture(scope="module")
def found() -> dict[str, list[Question]]:
    return question_generation.generate_questions([document()], seed=0)


def test_every_kind_is_made_from_a_plain_text(found: dict[str, list[Question]]) -> None:
    assert all(found[kind] for kind in (*OF_THE_TEXT, UNANSWERABLE))


def test_every_made_answer_stands_where_it_is_said_to(found: dict[str, list[Question]]) -> None:
    for kind in OF_THE_TEXT:
        for each in found[kind]:
            said = [" ".join(TEXT[place.start : place.end].split()) for place in each.places]
            assert said == list(each.parts or each.answers)


def test_the_same_seed_makes_the_same_questions_and_another_one_others() -> None:
    once, again, other = (question_generation.generate_questions([document()], seed) for seed in (0, 0, 1))
    assert once == again
    assert once != other


def test_distractors_are_wrong_different_and_not_in_the_question(found: dict[str, list[Question]]) -> None:
    chosen = [each for kind in OF_THE_TEXT for each in found[kind] if each.distractors]
    assert chosen
    for each in chosen:
        assert len(set(each.choices)) == len(each.choices)
        assert each.answers[0] not in each.distractors


def test_an_exchanged_name_is_one_the_text_does_not_bring_together_with_the_question(
    found: dict[str, list[Question]],
) -> None:
    swapped = [each for each in found[UNANSWERABLE] if not each.withheld]
    originals = {each.question for each in found["literal"]}
    assert swapped
    assert not any(each.question in originals or each.answers for each in swapped)


def test_a_withheld_question_knows_its_answer_and_where_it_stands(found: dict[str, list[Question]]) -> None:
    withheld = [each for each in found[UNANSWERABLE] if each.withheld]
    assert withheld
    assert all(each.answers and each.places for each in withheld)


def test_a_question_whose_place_is_not_in_the_text_is_a_section_of_its_own() -> None:
    asked = [
        replace(question(each), section="", places=(questions.AnswerSpan("gone.txt", 0, 3),)) for each in ("a", "b")
    ]
    assert [each.section for each in question_generation.name_sections(asked, [document()])] == ["a", "b"]
    here = [replace(each, places=(questions.AnswerSpan(document().name, 0, 3),)) for each in asked]
    assert len({each.section for each in question_generation.name_sections(here, [document()])}) == 1


def test_many_names_take_time_in_proportion() -> None:
    text = "\n\n".join(
        f"Here the Keeper{n} met Mayor{n} in {1000 + n} days. " + "It rained. " * 80 for n in range(4_000)
    )
    began = time.process_time()
    assert len(question_generation.answer_candidates([Document("a.txt", text)])) >= 8_000
    assert time.process_time() - began < 3
