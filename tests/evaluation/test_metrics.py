"""Grades of free answers: SQuAD's own examples, longest common runs, abstention and broken form."""

import math

import pytest

from playground.evaluation.metrics import (
    abstains,
    abstention,
    contains_answer,
    grade,
    is_broken,
    normalise,
    rouge_l,
    token_f1,
)


def test_normalisation_is_squads() -> None:
    assert normalise("The  Panthers' defense!") == "panthers defense"
    assert normalise("a “quoted” thing…") == "quoted thing"


def test_vietnamese_keeps_its_marks_whatever_their_form() -> None:
    composed, taken_apart = "năm 1884", "na\u0306m 1884"
    assert normalise(composed) == normalise(taken_apart)
    assert normalise("nam 1884") != normalise(composed)


@pytest.mark.parametrize(
    ("text", "truth", "f1"),
    [("308", "308", 1), ("308 points", "308", 2 / 3), ("the end", "end", 1), ("", "end", 0), ("b b c", "b b", 0.8)],
)
def test_token_f1_counts_words_as_often_as_they_stand(text: str, truth: str, f1: float) -> None:
    assert token_f1(text, truth) == pytest.approx(f1)


def test_rouge_l_minds_the_order_where_f1_does_not() -> None:
    assert token_f1("dog bites man", "man bites dog") == 1
    assert rouge_l("dog bites man", "man bites dog") == pytest.approx(1 / 3)
    assert rouge_l("police kill gunman", "police killed gunman") == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("308", "exact"),
        ("The 308.", "exact"),
        ("They gave up 308 points.", "worded"),
        ("They gave up 3080 points.", "wrong"),
        ("I do not know the answer.", "abstained"),
        ("", "broken"),
        ("[1]", "broken"),
        ("How many points?", "broken"),
        ("It was nine.", "wrong"),
    ],
)
def test_an_answer_has_one_outcome(text: str, outcome: str) -> None:
    assert grade(text, ["308"], "How many points?").outcome == outcome


def test_any_of_the_answers_will_do() -> None:
    assert grade("Denver", ["Denver Broncos", "Denver"]).exact == 1
    assert grade("Denver", []).outcome == "wrong"


def test_a_long_answer_is_right_when_half_of_it_is() -> None:
    truth = "It is a list of packages that the system keeps and that any user may read at any time"
    assert grade("A list of packages that the system keeps and any user may read.", [truth]).right
    assert not grade("A list of users.", [truth]).right


def test_a_loop_is_broken_only_when_it_never_ends() -> None:
    loop = "the dog and the dog and " * 6
    assert is_broken(loop, cut=True)
    assert not is_broken(loop, cut=False)
    assert not is_broken("one two three four five six seven eight nine ten eleven twelve", cut=True)


@pytest.mark.parametrize(
    "text",
    [
        "I don't know.",
        "I do not know who that is.",
        "The passages do not mention it.",
        "There is no information about that.",
        "The answer is not provided in the passages.",
        "I'm not sure.",
        "Tôi không biết.",
        "Đoạn văn không đề cập đến điều này.",
    ],
)
def test_these_say_that_they_do_not_know(text: str) -> None:
    assert abstains(text)


@pytest.mark.parametrize("text", ["It is not a dog.", "Known as Ben.", "No.", "They know it.", "Nó không phải là chó."])
def test_these_do_not(text: str) -> None:
    assert not abstains(text)


def test_a_truth_is_held_as_whole_words_only() -> None:
    assert contains_answer("in 1884, they", "1884")
    assert not contains_answer("in 18845", "1884")
    assert not contains_answer("anything", "the")


def test_abstention_has_a_precision_and_a_recall() -> None:
    precision, recall = abstention([True, True, False, False], [True, False, True, False])
    assert (precision, recall) == (0.5, 0.5)
    assert math.isnan(abstention([False], [True])[0])


def test_an_answer_that_is_an_article_counts() -> None:
    assert grade("A", ["A"], "Which group?").outcome == "exact"
    assert grade("B.", ["A"], "Which group?").outcome == "wrong"


@pytest.mark.parametrize(
    ("text", "truth", "right"),
    [
        ("日本の首都は東京です。", "東京", True),
        ("日本の首都は京都です。", "東京", False),
        ("「東京」", "東京", True),
        ("เมืองหลวงของไทยคือกรุงเทพ", "กรุงเทพ", True),
        ("เมืองหลวงของไทยคือเชียงใหม่", "กรุงเทพ", False),
        ("答案是1923年。", "1923年", True),
        ("答案是21923年。", "1923年", False),
    ],
)
def test_in_a_script_without_blanks_a_truth_is_held_among_other_characters(text: str, truth: str, right: bool) -> None:
    assert grade(text, [truth]).right is right


def test_in_a_script_without_blanks_f1_counts_characters() -> None:
    assert token_f1("東京です", "東京") == pytest.approx(2 / 3)
    assert grade("「東京。」", ["東京"]).outcome == "exact"
