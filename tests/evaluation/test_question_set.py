"""The questions of an exam: composed, checked, edited and deleted."""

from collections import Counter

import pytest

from playground.evaluation import question_generation, question_set
from playground.evaluation.contamination import TaughtItem, find_faults
from playground.evaluation.questions import KINDS, Question
from retrieval.document import Document, Pair
from tests.fakes.exams import document, question


@pytest.fixture(scope="module")
def found() -> dict[str, list[Question]]:
    return question_generation.generate_questions([document()], seed=0)


def test_a_paper_has_all_kinds_no_faults_no_leaks_and_the_general_questions() -> None:
    drawn = question_set.from_text([document()], limit=20, seed=0)
    kinds = Counter(each.kind for each in drawn.questions)
    assert set(kinds) == set(KINDS)
    assert sum(kinds[kind] for kind in kinds if kind != "general") == 20
    assert not find_faults([each for each in drawn.questions if each.kind != "general"], [document()])


def test_a_capable_models_rewordings_come_first_where_they_pass() -> None:
    drawn = question_set.from_text([document()], 20, 0, ask=lambda request: f"Say please: {request.splitlines()[-1]}")
    assert not any(each.question.startswith("Say please") for each in drawn.questions), "nothing was reworded"
    changed = question_set.from_text([document()], 20, 0, ask=lambda request: _turned(request.splitlines()[-1]))
    assert any(each.question.startswith("Which one") for each in changed.questions if each.kind == "reworded")


def _turned(question: str) -> str:
    """Names and figures kept, all other words exchanged."""
    kept = [word for word in question.split()[1:] if word[:1].isupper() or word[:1].isdigit()]
    return f"Which one belongs to these, please: {' '.join(kept)}?"


def test_a_paper_asks_nothing_that_was_taught() -> None:
    first = next(each for each in question_set.from_text([document()], 20, 0).questions if each.kind == "literal")
    rows = [TaughtItem(f"{first.question} {first.answers[0]}", first.answers[0])]
    assert first.id not in {each.id for each in question_set.from_text([document()], 20, 0, rows).questions}


def test_a_persons_own_questions_stay_with_their_faults_named() -> None:
    own = [question("a", question="When was the Harbour museum founded?", answers=("1884",), distractors=())]
    rows = [TaughtItem("When was the Harbour museum founded? 1884", "1884")]
    drawn = question_set.from_file(own, [document()], 0, rows)
    assert drawn.leaked_ids() == {"a"}
    assert drawn.questions[0].distractors


def test_pairs_of_the_text_are_asked_as_they_are() -> None:
    text = "When does it open?\nAt nine.\n\nWhen does it close?\nAt five."
    pairs = (Pair("When does it open?", "At nine.", 0, 27), Pair("When does it close?", "At five.", 29, 57))
    found = question_generation.generate_questions([Document("faq.jsonl", text, pairs=pairs)], 0)
    assert {each.question for each in found["literal"]} == {pair.question for pair in pairs}
    assert {each.origin for each in found["literal"]} == {"pairs"}


def test_an_edited_question_is_checked_anew_and_a_deleted_one_is_gone() -> None:
    drawn = question_set.from_file(
        [question("a", answers=("1884",)), question("b", answers=("Tomar",))], [document()], 0, []
    )
    worse = question_set.replace_question(
        drawn, question("a", question="In 1884?", answers=("1884",)), [document()], []
    )
    assert [each.fault for each in worse.findings] == ["given_away"]
    assert not question_set.delete_questions(worse, ["a"]).findings


def test_the_questions_of_an_earlier_exam_bring_no_general_question_twice() -> None:
    first = question_set.from_text([document()], limit=20, seed=0)
    again = question_set.from_file(first.questions, [document()], 0, [])
    assert [each.id for each in again.questions] == [each.id for each in first.questions]
    assert not again.findings
