"""Each wrong answer gets its cause, and a right one none."""

from playground.evaluation.error_analysis import count_causes
from playground.evaluation.results import ArmResult
from tests.fakes.exams import question, result


def cause_of(answer: ArmResult, *others: ArmResult, in_text: bool = True) -> str:
    asked = [question("q")]
    counted = count_causes(asked, [answer, *others], set() if in_text else {"q"})
    return counted[answer.arm].most_common(1)[0][0]


def test_each_wrong_answer_has_its_cause() -> None:
    wrong = {"choice": 1, "outcome": "wrong"}
    assert cause_of(result("rag", "q", **wrong, in_prompt=False)) == "not_retrieved"
    assert cause_of(result("rag", "q", **wrong, in_prompt=True)) == "misread"
    assert cause_of(result("rag", "q", **wrong, in_prompt=False), in_text=False) == "not_in_text"
    assert cause_of(result("rag", "q", 1, "broken", in_prompt=True)) == "format"
    assert cause_of(result("rag", "q", 1, "abstained", in_prompt=True)) == "silent"
    assert cause_of(result("tuned", "q", **wrong), result("base", "q")) == "lost"
    assert cause_of(result("tuned", "q", **wrong), result("base", "q", **wrong)) == "not_learnt"
    assert cause_of(result("both", "q", **wrong, in_prompt=True), result("rag", "q", in_prompt=True)) == "lost"
    assert cause_of(result("base", "q", **wrong)) == "not_known"


def test_a_right_answer_has_no_cause() -> None:
    assert not count_causes([question("q")], [result("rag", "q")], set())["rag"]
