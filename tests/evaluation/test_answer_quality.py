"""The parts of an answer's quality: a worthless answer may gain one of them, never all."""

import math

import pytest

from playground.evaluation import answer_quality
from playground.evaluation.answer_quality import distinct_share, judge, repeated_share
from retrieval.language import Terms

QUESTION = "When was the stock exchange of Warsaw established?"
TRUTH = "Warsaw's first stock exchange was established in 1817 and continued trading until World War II."
EVIDENCE = f"{TRUTH} It was closed by the occupying forces and opened again in April 1991."
GOOD = "The stock exchange of Warsaw was established in 1817 and continued trading until World War II."


def test_a_full_true_sentence_is_useful() -> None:
    found = judge(GOOD, QUESTION, TRUTH, EVIDENCE, ended=True)
    assert found.useful
    assert found.recall == 1
    assert found.support == 1
    assert found.invented == ()


@pytest.mark.parametrize(
    ("answer", "ended", "fault"),
    [
        ("1817", True, "short"),
        ("The stock exchange of Warsaw was established.", True, "echo"),
        (" ".join(["It was established in 1817 by the city."] * 5), True, "loops"),
    ],
)
def test_a_fault_of_form_is_named_and_is_not_useful(answer: str, ended: bool, fault: str) -> None:
    found = judge(answer, QUESTION, TRUTH, EVIDENCE, ended)
    assert vars(answer_quality.Quality)[fault].fget(found) if fault != "echo" else found.echo
    assert not found.useful


def test_an_answer_that_never_ended_is_not_useful() -> None:
    assert not judge(GOOD, QUESTION, TRUTH, EVIDENCE, ended=False).useful


def test_a_wrong_number_is_invented_and_costs_recall() -> None:
    found = judge(GOOD.replace("1817", "1923"), QUESTION, TRUTH, EVIDENCE, ended=True)
    assert found.invented == ("1923",)
    assert found.recall < 1


def test_what_the_evidence_lacks_has_no_support() -> None:
    found = judge("The big museum bought paintings by famous Dutch masters.", QUESTION, TRUTH, EVIDENCE, ended=True)
    assert found.support == 0
    assert not found.useful


def test_one_word_cannot_hold_all_key_facts() -> None:
    facts = answer_quality.key_facts(TRUTH, QUESTION, Terms("en"))
    assert 2 <= len(facts) <= answer_quality.MOST_FACTS
    assert "1817" in facts


def test_no_fact_to_recall_is_no_number() -> None:
    assert math.isnan(judge("Yes.", "Is it so?", "Is it so", "Is it so", ended=True).recall)


def test_repetition_counts_runs_of_four_words() -> None:
    assert repeated_share("one two three four five six") == 0
    assert repeated_share("w x y z w x y z") == pytest.approx(1 / 5)


def test_the_same_answer_to_different_questions_shows() -> None:
    assert distinct_share(["apt", "Apt.", "a package manager"]) == pytest.approx(2 / 3)
