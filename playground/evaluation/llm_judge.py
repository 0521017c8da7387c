"""LLM as a judge: a stronger model's opinion of the free answers, reported apart from all other figures.

It is asked for yes or no, and the likelier of the two is its answer (arXiv 2306.05685, section 3).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from playground import prompts
from playground.errors import UserError
from playground.evaluation.exam import Report
from playground.evaluation.likelihood import Continuations, likelihoods
from playground.evaluation.provenance import SECOND
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult
from playground.evaluation.results_by_arm import ResultsByArm
from playground.evaluation.statements import Statement, share_text
from playground.inference.engine import Prompt
from playground.models.chat_model import ChatModel

ASK = (
    "Question: {question}\nRight answer: {truth}\nGiven answer: {given}\n\n"
    "Does the given answer say what the right answer says? Answer yes or no."
)
WORDS = ("Yes", "No")


def add_judgements(outcome: Report, judge: ChatModel) -> Report:
    """The report with the judge's opinion of all free answers to questions of the text.

    Raises:
        UserError: the judge is an examined model itself.
    """
    if judge.hash in (outcome.stamp["base"], outcome.stamp.get(SECOND)):
        raise UserError(f"{judge.name} is the model that is examined; it cannot judge itself. Name a stronger one.")
    by_id = {each.id: each for each in outcome.questions if each.kind in OF_THE_TEXT and each.id not in outcome.known}
    opinions = dict(_judge_answers(judge, by_id.values(), outcome.results))
    data = ResultsByArm(list(by_id.values()), outcome.results, outcome.plan.settings.seed)
    shares = {
        arm: data.figure({key: opinions[arm, key] for key in mine if (arm, key) in opinions})
        for arm, mine in data.by_arm.items()
    }
    opinions_by_arm = [
        Statement("mind", "mind.judge", {"judge": judge.name, "arm": arm, "share": share_text(share)})
        for arm, share in shares.items()
    ]
    return replace(outcome, judged=shares, verdict=[*outcome.verdict, *opinions_by_arm])


def _judge_answers(
    judge: ChatModel, questions: Iterable[Question], results: Sequence[ArmResult]
) -> Iterator[tuple[tuple[str, str], float]]:
    """1 or 0 per (arm, question id); an empty answer is wrong without asking."""
    answers = [judge.tokenizer(word, add_special_tokens=False)["input_ids"] for word in WORDS]
    by_id = {each.id: each for each in questions}
    for result in results:
        question = by_id.get(result.question)
        if question is None:
            continue
        shown = ASK.format(question=question.question, truth=" or ".join(question.answers), given=result.text)
        ids = prompts.render(judge.tokenizer, prompts.messages(shown))
        yes, no = likelihoods(judge, Prompt(ids), Continuations([], answers)) if result.text else (None, None)
        yield (result.arm, result.question), float(yes is not None and no is not None and yes.total > no.total)
