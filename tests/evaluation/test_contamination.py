"""Faults of questions and leaks from the training data."""

from playground.evaluation.contamination import TaughtItem, find_faults, find_leaks
from tests.fakes.exams import TEXT, document, question


def test_faults_are_found() -> None:
    given = question("a", question="Was it founded in 1884?", answers=("1884",))
    absent = question("b", question="Who came?", answers=("Nobody Atall",))
    twice = [question("c", question="Where is it?", answers=("Lindholm",)), question("d", question="where is it")]
    faults = {(each.question, each.fault) for each in find_faults([given, absent, *twice], [document()])}
    assert faults >= {("a", "given_away"), ("b", "no_answer"), ("d", "duplicate")}
    assert ("c", "duplicate") not in faults


def test_a_leak_is_a_question_and_its_answer_in_one_thing_that_was_taught() -> None:
    asked = question("a", question="When was the Harbour museum founded?", answers=("1884",))
    shown = "user When was the Harbour museum founded? assistant In 1884."
    assert [each.fault for each in find_leaks([asked], [TaughtItem(shown, "In 1884.")])] == ["leak"]
    assert not find_leaks([asked], [TaughtItem(TEXT, TEXT)]), "the text itself is no leak"
    assert not find_leaks([asked], [TaughtItem(shown.replace("1884", "1999"), "In 1999.")])
