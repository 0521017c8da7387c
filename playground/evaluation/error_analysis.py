"""Why an answer is wrong: the first cause that applies, derived from the results without asking a model."""

from collections import Counter
from collections.abc import Mapping, Sequence

from playground.chat.turns import RETRIEVING
from playground.evaluation.arm_models import ONE_MODEL, ModelNames, counterparts
from playground.evaluation.arms import UNTUNED
from playground.evaluation.metrics import ABSTAINED, BROKEN
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult

NOT_IN_TEXT, NOT_RETRIEVED, LOST, FORMAT, MISREAD, SILENT, NOT_LEARNT, NOT_KNOWN = CAUSES = (
    "not_in_text",  # no passage of the text contains the answer
    "not_retrieved",  # the right passage was not in the arm's prompt
    "lost",  # the same arm gave it before tuning
    "format",  # malformed: empty, a loop, or the question repeated
    "misread",  # the passages contained it, the answer is another
    "silent",  # the arm says that it does not know
    "not_learnt",  # tuned on the text, and still wrong
    "not_known",  # an untuned arm without passages
)


def error_cause(result: ArmResult, question: Question, before: ArmResult | None, in_text: bool) -> str:
    """The cause of a wrong answer; `before` is the result of the same arm without its adapter."""
    had_passages = result.arm in RETRIEVING or result.arm == "gold"
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
    if had_passages:
        return MISREAD
    return NOT_LEARNT if result.arm in UNTUNED else NOT_KNOWN


def count_causes(
    questions: Sequence[Question],
    results: Sequence[ArmResult],
    not_in_text: set[str],
    models: ModelNames = ONE_MODEL,
) -> Mapping[str, Counter[str]]:
    """Wrong answers per arm and cause, over the questions that the text should answer.

    `not_in_text` are the ids of the questions whose answer no passage contains. What training lost is told only where
    the same of the `models` answers with and without adapter.
    """
    by_id = {each.id: each for each in questions if each.kind in OF_THE_TEXT}
    by_key = {(each.arm, each.question): each for each in results}
    untuned = counterparts(models)
    counts: dict[str, Counter[str]] = {}
    for result in results:
        question = by_id.get(result.question)
        if question is None:
            continue
        mine = counts.setdefault(result.arm, Counter())
        if not result.right:
            before = by_key.get((untuned.get(result.arm, ""), result.question))
            mine[error_cause(result, question, before, result.question not in not_in_text)] += 1
    return counts
