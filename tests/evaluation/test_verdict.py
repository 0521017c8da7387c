"""The verdict claims nothing beyond the intervals, and names causes, leaks and remedies."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.bootstrap import Difference
from playground.evaluation.costs import Costs
from playground.evaluation.error_analysis import count_causes
from playground.evaluation.fact_pairs import FactPair
from playground.evaluation.fact_test import compare_facts
from playground.evaluation.figures import Figures
from playground.evaluation.questions import GENERAL, RECALL, REWORDED, UNANSWERABLE
from playground.evaluation.results import known_to_base
from playground.evaluation.statements import Statement, render_statement
from playground.evaluation.verdict import VerdictInput, draw_verdict
from tests.fakes.exams import question, result

EXAMS = 100


NO_COSTS = Costs(None, None)


def judged(figures: Figures, leaked: int = 0, **why: Counter[str]) -> list[Statement]:
    return draw_verdict(VerdictInput(figures, why, NO_COSTS, None, leaked, 0))


def keys(sentences: list[Statement]) -> list[str]:
    return [each.key for each in sentences]


def contest(tuned_right: int, rag_right: int, of: int) -> Figures:
    """Fine-tuned and retrieval on the same questions, the first so many right."""
    asked = [question(str(number)) for number in range(of)]
    answers = [
        result(arm, str(number), choice=0 if number < right else 1)
        for arm, right in (("tuned", tuned_right), ("rag", rag_right))
        for number in range(of)
    ]
    return aggregate_results(asked, answers, set(), seed=0)


def test_a_clear_winner_is_named_with_size_and_interval() -> None:
    first = judged(contest(20, 60, 80))[0]
    assert first.key == "who.better"
    assert (first.values["better"], first.values["worse"]) == ("rag", "tuned")
    assert first.values["gap"] == "50"
    said = render_statement(first)
    assert said.startswith("Better: the base model with retrieval, 75 %")
    assert "nan" not in said
    assert "p < 0.001)" in said


def test_a_small_difference_is_too_close_to_call_and_says_how_many_questions_would_do() -> None:
    sentences = judged(contest(40, 43, 80))
    assert sentences[0].key == "who.close"
    assert "change.questions" in keys(sentences)
    assert not any(each.key == "who.better" for each in sentences)


def test_an_interval_without_zero_that_the_correction_leaves_open_is_no_win_and_says_why() -> None:
    found = Difference("tuned", "rag", -0.2, -0.4, -0.02, 0.03, 0.18, 80, 48)
    figures = replace(contest(20, 30, 48), choices=[found], by_kind={RECALL: found})
    who, kind = (each for each in judged(figures) if each.key.endswith(".leaning"))
    assert (who.values["better"], kind.values["better"]) == ("rag", "rag")
    assert render_statement(who).startswith("Too close to call")
    assert "2 to 40 points" in render_statement(who)
    assert "p = 0.180" in render_statement(kind)


def manner(tuned_loss: float, tuned_f1: float, of: int = 40) -> Figures:
    """Fine-tuned and retrieval choose alike; the fine-tuned one's losses and free answers are as given."""
    asked = [question(str(number)) for number in range(of)]
    answers = [
        result(
            arm, str(number), 0, "wrong", loss=loss + number % 5 / 10 + spread * (number % 3), f1=f1 - number % 4 / 50
        )
        for arm, loss, f1, spread in (("tuned", tuned_loss, tuned_f1, 0.03), ("rag", 3.0, 0.2, 0.0))
        for number in range(of)
    ]
    return aggregate_results(asked, answers, set(), seed=0)


def test_arms_that_choose_alike_are_told_apart_by_what_they_write_and_expect() -> None:
    sentences = judged(manner(tuned_loss=2.271, tuned_f1=0.5))
    said = {each.key: each for each in sentences}
    assert said["who.equal"].values["better"] == "tuned"
    assert (said["words.loss"].values["better"], said["words.loss"].values["times"]) == ("tuned", "2.01")
    assert (said["words.f1"].values["better"], said["words.f1"].values["gap"]) == ("tuned", "30")
    assert not {"words.right", "words.level"} & said.keys()


def test_a_larger_loss_is_the_worse_arm() -> None:
    sentence, told = (each for each in judged(manner(tuned_loss=3.7, tuned_f1=0.2)) if each.topic == "words")
    assert (sentence.key, sentence.values["better"], told.key) == ("words.loss", "rag", "words.manner")
    assert float(str(sentence.values["least"])) < float(str(sentence.values["most"]))


def test_where_nothing_differs_it_is_said_once() -> None:
    alike = [each for each in judged(manner(tuned_loss=2.97, tuned_f1=0.2)) if each.topic == "words"]
    assert keys(alike) == ["words.level"]


def test_equal_arms_are_told_apart_by_free_answers_or_losses_in_at_most_5_of_100_exams() -> None:
    chance, called = np.random.default_rng(0), 0
    asked = [question(str(number), section=str(number // 4)) for number in range(60)]
    for _ in range(EXAMS):
        answers = [
            result(
                arm,
                each.id,
                0,
                "exact" if chance.random() < 0.4 else "wrong",
                loss=chance.gamma(3),
                f1=chance.beta(1, 3),
            )
            for arm in ("base", "rag", "tuned", "both")
            for each in asked
        ]
        called += any(
            each.differs for found in aggregate_results(asked, answers, set(), 0).readings.values() for each in found
        )
    assert called / EXAMS <= 0.05


def test_few_questions_are_said_to_be_few() -> None:
    assert "mind.few" in keys(judged(contest(0, 8, 8)))


def test_the_taught_questions_are_told_apart() -> None:
    asked = [question(str(number)) for number in range(40)]
    answers = [result("tuned", str(number), choice=0 if number < 20 else 1) for number in range(40)]
    taught = {str(number) for number in range(20)}
    figures = aggregate_results(asked, answers, taught, seed=0)
    assert (figures.on_leaks["tuned"].value, figures.without_leaks["tuned"].value) == (1.0, 0.0)
    said = [render_statement(each) for each in judged(figures, leaked=20) if each.topic == "mind"]
    assert said[0].startswith("20 questions are in the adapter")
    assert "100 %" in said[1]


@pytest.mark.parametrize(
    ("recall", "reworded", "key"),
    [(38, 8, "learnt.memorised"), (8, 38, "learnt.understood"), (20, 22, "learnt.unsure")],
)
def test_memorised_understood_or_not_to_be_told(recall: int, reworded: int, key: str) -> None:
    asked = [question(f"{kind}{n}", kind) for kind in (RECALL, REWORDED) for n in range(40)]
    answers = [
        result("tuned", f"{kind}{n}", choice=0 if n < right else 1)
        for kind, right in ((RECALL, recall), (REWORDED, reworded))
        for n in range(40)
    ]
    assert key in keys(judged(aggregate_results(asked, answers, set(), 0)))


@pytest.mark.parametrize(("loss", "key"), [(2.0, "learnt.forgot"), (1.0, "learnt.kept")])
def test_forgetting_shows_in_the_loss_of_general_answers(loss: float, key: str) -> None:
    asked = [question(str(n), GENERAL) for n in range(24)]
    answers = [result("base", str(n), loss=1 + n / 100) for n in range(24)]
    answers += [result("tuned", str(n), loss=loss + n / 100 + 0.001 * (n % 3)) for n in range(24)]
    assert key in keys(judged(aggregate_results(asked, answers, set(), 0)))


def test_invention_is_an_answer_where_there_is_none() -> None:
    asked = [question(str(n), UNANSWERABLE, answers=()) for n in range(10)]
    answers = [result("rag", str(n), -1, "abstained" if n < 6 else "wrong") for n in range(10)]
    arm = aggregate_results(asked, answers, set(), 0).arms["rag"]
    assert arm.invention.value == pytest.approx(0.4)
    assert (arm.abstention_precision, arm.abstention_recall) == (1.0, 0.6)
    assert math.isnan(arm.choice.value)


def test_a_retriever_that_finds_nothing_is_named_and_what_would_help_too() -> None:
    asked = [question(str(n)) for n in range(30)]
    answers = [result("rag", str(n), 1, "wrong", in_prompt=n > 25) for n in range(30)]
    sentences = judged(aggregate_results(asked, answers, set(), 0), rag=count_causes(asked, answers, set())["rag"])
    why = next(each for each in sentences if each.topic == "why")
    assert (why.values["cause"], why.values["count"]) == ("not_retrieved", 26)
    assert "change.not_retrieved" in keys(sentences)


def test_what_the_base_model_knows_is_left_out_if_it_was_made_not_if_a_person_asked_it() -> None:
    asked = [question("made", origin="made"), question("own", origin="file")]
    assert known_to_base(asked, [result("base", "made"), result("base", "own")]) == {"made"}


def formed(short: float, base_short: float = 0.0, of: int = 40) -> Figures:
    """Fine-tuned chooses better than the base model; these shares of their answers have one word."""
    asked = [question(str(number), answers=(f"truth {number}",)) for number in range(of)]
    answers = [
        result(
            arm,
            str(number),
            choice=0 if arm == "tuned" or number < 10 else 1,
            text="apt" if number < share * of else f"This is a whole sentence with number {number}.",
        )
        for arm, share in (("tuned", short), ("base", base_short))
        for number in range(of)
    ]
    return aggregate_results(asked, answers, set(), seed=0)


@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_degenerate_winner_is_never_named_before_its_warning(language: str) -> None:
    sentences = judged(formed(short=0.625))
    assert keys(sentences)[:2] == ["form.short", "form.same"]
    assert sentences[2].key == "who.better"
    assert sentences[2].values["better"] == sentences[0].values["arm"] == "tuned"
    assert "62 %" in render_statement(sentences[0], language)


def test_the_warning_says_what_to_do() -> None:
    said = render_statement(judged(formed(short=0.625))[0])
    assert "fewer than four words. That is a fault of training, not a style. Train again" in said


def test_a_sound_arm_gets_no_warning() -> None:
    assert not [each for each in judged(formed(short=0.1)) if each.topic == "form"]


def test_what_the_model_did_before_is_no_fault_of_training() -> None:
    warnings = [each for each in judged(formed(short=0.5, base_short=0.5)) if each.values.get("fault") == "short"]
    assert [(each.values["arm"], each.key) for each in warnings] == [("tuned", "form.manner"), ("base", "form.manner")]
    assert "uses fewer than four words in 50 %" in render_statement(warnings[0])


def test_an_exam_of_few_answers_warns_of_none() -> None:
    assert not [each for each in judged(formed(short=1.0, of=4)) if each.topic == "form"]


def test_more_useful_answers_are_said_with_size_and_interval() -> None:
    asked = [question(str(number)) for number in range(40)]
    answers = [
        result(arm, str(number), useful=number % 10 < share, fact_recall=0.5)
        for arm, share in (("tuned", 9), ("base", 2))
        for number in range(40)
    ]
    said = [each for each in judged(aggregate_results(asked, answers, set(), 0)) if each.topic == "words"]
    assert [(each.key, each.values["better"], each.values["gap"]) for each in said] == [("words.useful", "tuned", "70")]


@pytest.mark.parametrize(("right", "key"), [(39, "facts.better"), (21, "facts.close")])
def test_facts_told_apart_are_compared_with_the_base_model(right: int, key: str) -> None:
    pairs = [FactPair(f"t{n}", f"f{n}", "a", "b", str(n), "en") for n in range(40)]
    base = [(1.0, 2.0) if n < 20 else (2.0, 1.0) for n in range(40)]
    after = [(1.0, 2.0) if n < right else (2.0, 1.0) for n in range(40)]
    facts = compare_facts(pairs, {"base": base, "tuned": after}, 0)
    (said,) = (
        each
        for each in draw_verdict(VerdictInput(contest(4, 4, 8), {}, NO_COSTS, None, 0, 0, facts=facts))
        if each.key.startswith("facts.")
    )
    assert (said.key, said.values["better"]) == (key, "tuned")
