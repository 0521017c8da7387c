"""Why an answer is not right, one cause each, the first that holds: read off the results, no model is asked."""

from collections import Counter
from collections.abc import Mapping, Sequence

from playground.chat.turns import RETRIEVING
from playground.evaluation.arms import UNTUNED
from playground.evaluation.metrics import ABSTAINED, BROKEN
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult

NOT_IN_TEXT, NOT_RETRIEVED, LOST, FORMAT, MISREAD, SILENT, NOT_LEARNT, NOT_KNOWN = CAUSES = (
    "not_in_text",  # no passage of the text says the answer
    "not_retrieved",  # what says it was not among the passages that the arm read
    "lost",  # the same arm said it before tuning
    "format",  # no usable form: empty, a loop, the question once more
    "misread",  # the passages said it, the answer says something else
    "silent",  # the arm says that it does not know
    "not_learnt",  # tuned on the text, and still not known
    "not_known",  # the book was closed
)


def error_cause(result: ArmResult, question: Question, before: ArmResult | None, in_text: bool) -> str:
    """The cause of an answer that is not right; `before` is the same arm's without the adapter."""
    read = result.arm in RETRIEVING or result.arm == "gold"
    if not in_text:
        return NOT_IN_TEXT
    if result.arm in RETRIEVING and not result.in_prompt:
        return NOT_RETRIEVED
    if before is not None and before.right:
        return LOST
    if result.outcome == BROKEN:
        return FORMAT
    if result.outcome == ABSTAINED:
        return SILENT
    if read:
        return MISREAD
    return NOT_LEARNT if result.arm in UNTUNED else NOT_KNOWN


def count_causes(
    questions: Sequence[Question], results: Sequence[ArmResult], not_in_text: set[str]
) -> Mapping[str, Counter[str]]:
    """How many answers each arm got wrong for each cause, over the questions that the text should answer."""
    asked = {each.id: each for each in questions if each.kind in OF_THE_TEXT}
    by_key = {(each.arm, each.question): each for each in results}
    counted: dict[str, Counter[str]] = {}
    for result in results:
        question = asked.get(result.question)
        if question is None:
            continue
        mine = counted.setdefault(result.arm, Counter())
        if not result.right:
            before = by_key.get((UNTUNED.get(result.arm, ""), result.question))
            mine[error_cause(result, question, before, result.question not in not_in_text)] += 1
    return counted
