"""What each arm's free answers are worth, as figures with intervals, and which arms differ in it. Knows no model.

Only questions that want a sentence count: one word is the right form for a gap.
"""

import math
from collections.abc import Callable

from playground.evaluation.bootstrap import Difference, Figure
from playground.evaluation.figures import QualityFigures
from playground.evaluation.metrics import normalise
from playground.evaluation.questions import GENERAL
from playground.evaluation.results import ArmResult
from playground.evaluation.results_by_arm import ResultsByArm, Values
from retrieval.language import count_words


def quality_figures(data: ResultsByArm, arm: str) -> QualityFigures:
    """The figures of one arm."""

    def mean(read: Callable[[ArmResult], float]) -> Figure:
        return data.figure(data.sentence_values(arm, read))

    return QualityFigures(
        useful=mean(useful),
        fact_recall=mean(fact_recall),
        term_support=mean(lambda each: _number(each.term_support)),
        short=mean(
            lambda each: math.nan if data.questions[each.question].wants_few_words else _of_written(each, each.short)
        ),
        unended=mean(lambda each: math.nan if each.ended is None else float(not each.ended)),
        looping=mean(lambda each: _number(each.loops)),
        echo=mean(lambda each: _number(each.echo)),
        same=data.figure(repeated_answers(data, arm)),
        new_names=mean(lambda each: math.nan if each.new_names is None else float(bool(each.new_names))),
        words=mean(lambda each: _of_written(each, count_words(each.text))),
        general_useful=data.figure(data.values(arm, (GENERAL,), useful)),
    )


def compare_quality(data: ResultsByArm) -> dict[str, list[Difference]]:
    """The planned contests by useful answers and key-fact recall, corrected all together."""
    return data.planned_differences(
        {
            "useful": lambda arm: data.sentence_values(arm, useful),
            "fact_recall": lambda arm: data.sentence_values(arm, fact_recall),
        }
    )


def useful(result: ArmResult) -> float:
    """1 for a useful answer, 0 for another, NaN where that was not measured."""
    return _number(result.useful)


def fact_recall(result: ArmResult) -> float:
    """The share of key facts in the answer, NaN where there were none or it was not measured."""
    return _number(result.fact_recall)


def repeated_answers(data: ResultsByArm, arm: str) -> Values:
    """1 for an answer that the arm gave before to a question with another true answer, else 0.

    The same fact may be asked twice in other words, and "I do not know" fits many questions; neither counts.
    """
    truths: dict[str, set[str]] = {}
    values = {}
    for key, each in data.by_arm[arm].items():
        question = data.questions[key]
        if not question.wants_sentence or each.abstained:
            continue
        truth = normalise(question.answers[0]) if question.answers else key
        before = truths.setdefault(normalise(each.text), set())
        values[key] = float(bool(before - {truth}))
        before.add(truth)
    return values


def _of_written(result: ArmResult, value: float) -> float:
    """The value, NaN for an arm that abstained without writing anything."""
    return math.nan if result.abstained and not result.text else float(value)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
