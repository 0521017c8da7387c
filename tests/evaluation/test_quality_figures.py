"""Figures on what free answers are worth and on their form; what an old file lacks is not measured."""

import math

from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.figures import QualityFigures
from playground.evaluation.questions import GENERAL, RECALL, Question
from playground.evaluation.results import ArmResult
from tests.fakes.exams import question, result

MEASURED = {
    "ended": True, "fact_recall": 0.8, "term_support": 0.9, "loops": False, "echo": False, "new_names": (),
    "useful": True,
}  # fmt: skip
SENTENCE = "The museum number {} was founded by its first director."


def figures(asked: list[Question], results: list[ArmResult], arm: str = "tuned") -> QualityFigures:
    return aggregate_results(asked, results, set(), 0).arms[arm].quality


def asked(count: int) -> list[Question]:
    return [question(str(number), answers=(f"truth {number}",)) for number in range(count)]


def test_every_rate_counts_its_own_fault() -> None:
    faults: list[dict[str, object]] = [
        {"text": "apt"},
        {"ended": False},
        {"loops": True},
        {"echo": True},
        {"new_names": ("Oslo",)},
        {"useful": False, "fact_recall": 0.3, "term_support": 0.4},
        {},
        {},
        {},
        {},
    ]
    found = figures(
        asked(10),
        [
            result("tuned", str(number), **{**MEASURED, "text": SENTENCE.format(number), **fault})
            for number, fault in enumerate(faults)
        ],
    )
    rates = (found.short, found.unended, found.looping, found.echo, found.new_names)
    assert [round(each.value, 3) for each in rates] == [0.1] * 5
    assert found.useful.value == 0.9
    assert round(found.fact_recall.value, 3) == 0.75
    assert round(found.term_support.value, 3) == 0.85
    assert found.short.low <= 0.1 <= found.short.high


def test_the_same_answer_counts_but_for_the_first_and_not_for_the_same_fact_asked_again() -> None:
    two = [question("a", answers=("1884",)), question("b", answers=("1884",)), question("c", answers=("Tomar",))]
    same = [result("tuned", each.id, **MEASURED, text="In 1884.") for each in two]
    assert round(figures(two, same).same.value, 3) == round(1 / 3, 3)
    silent = [result("tuned", each.id, outcome="abstained", text="I do not know.") for each in two]
    assert figures(two, silent).same.questions == 0


def test_i_do_not_know_is_not_called_short() -> None:
    found = figures(asked(1), [result("tuned", "0", outcome="abstained", text="I don't know.", **MEASURED)])
    assert found.short.value == 0


def test_an_abstention_without_words_has_no_form_and_is_not_useful() -> None:
    silent = {**dict.fromkeys(MEASURED), "useful": False, "fact_recall": 0.0}
    found = figures(asked(1), [result("tuned", "0", outcome="abstained", text="", **silent)])
    assert (found.useful.value, found.fact_recall.value) == (0, 0)
    assert [each.questions for each in (found.unended, found.echo, found.words, found.term_support)] == [0] * 4


def test_what_an_old_file_lacks_is_not_measured_but_the_words_are_there() -> None:
    old = {name: value for name, value in result("tuned", "0", text="apt").to_dict().items() if name not in MEASURED}
    found = figures(asked(1), [ArmResult.from_dict(old)])
    assert (found.short.value, found.useful.questions) == (1, 0)
    assert math.isnan(found.useful.value)


def test_gaps_and_continuations_want_no_sentence_so_their_form_does_not_count() -> None:
    gap = question("gap", question="Fill in the blank: It was founded in ____.")
    several = [gap, question("recall", RECALL), *asked(1)]
    found = figures(several, [result("tuned", each.id, text="1884", **MEASURED) for each in several])
    assert (found.short.questions, found.useful.questions, found.same.questions) == (1, 1, 1)


def test_general_questions_count_apart() -> None:
    general = question("g", GENERAL)
    found = figures([general, *asked(1)], [result("tuned", id_, **MEASURED) for id_ in ("g", "0")])
    assert (found.useful.questions, found.general_useful.questions) == (1, 1)


def test_useful_answers_of_the_planned_pairs_are_compared() -> None:
    several = asked(40)
    answers = [result("tuned", each.id, **MEASURED) for each in several]
    answers += [result("base", each.id, **{**MEASURED, "useful": False}) for each in several]
    (found,) = aggregate_results(several, answers, set(), 0).qualities["useful"]
    assert (found.first, found.second, found.value, found.differs) == ("tuned", "base", 1, True)
