"""The parts of an answer's quality: a worthless answer may gain one of them, never all."""

import math

import pytest

from playground.data.tokenize import TrainingPair
from playground.evaluation import answer_quality
from playground.evaluation.answer_quality import distinct_share, judge, mark_answer, repeated_share
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


def test_a_sentence_with_the_one_fact_asked_for_is_useful_and_no_echo() -> None:
    answer = "The stock exchange of Warsaw was established in 1817."
    assert not judge(answer, QUESTION, TRUTH, EVIDENCE, ended=True).echo
    assert judge(answer, QUESTION, TRUTH, EVIDENCE, ended=True, right=True).useful
    assert not judge("1817", QUESTION, TRUTH, EVIDENCE, ended=True, right=True).useful


def test_without_evidence_support_is_not_judged() -> None:
    found = judge(GOOD, QUESTION, TRUTH, "", ended=True)
    assert math.isnan(found.support)
    assert found.useful


def test_an_answer_that_never_ended_is_not_useful() -> None:
    assert not judge(GOOD, QUESTION, TRUTH, EVIDENCE, ended=False).useful


def test_an_answer_that_ends_in_a_colon_has_not_ended() -> None:
    truth = "A report should contain the version and the exact command."
    stem = "A report of a fault should contain the following:"
    assert not judge(stem, "What belongs in it?", truth, f"{stem} {truth}", ended=True).ended
    assert judge(f"{stem} the version.", "What belongs in it?", truth, truth, ended=True).ended
    assert mark_answer(TrainingPair("given", "What belongs in it?", truth, 0, 0), stem, ended=True) == 0.0


def test_a_wrong_number_is_invented_and_costs_recall() -> None:
    found = judge(GOOD.replace("1817", "1923"), QUESTION, TRUTH, EVIDENCE, ended=True)
    assert found.invented == ("1923",)
    assert found.recall < 1


def test_other_forms_of_known_names_citations_and_words_with_a_capital_for_their_place_are_not_invented() -> None:
    said = "It shows Warsaw's exchanges [1]. They closed in Wars.\nThis is what “Exchange” means. So it was in Oslo."
    assert judge(said, QUESTION, TRUTH, EVIDENCE, ended=True).invented == ("Oslo",)


def test_vietnamese_words_in_small_letters_are_no_names() -> None:
    truth = "Bảo tàng được thành lập năm 1884 tại Huế."
    said = "Bảo tàng ở Huế được xây vào năm 1884, ông Đặng Dung đã đến đó."
    assert judge(said, "Bảo tàng được thành lập khi nào?", truth, truth, ended=True).invented == ("Đặng", "Dung")


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
