"""Puts a batch of questions to one arm and grades it: free answers, their quality, choices, losses and costs."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from playground.chat.arms import Arm, PreparedPrompt, prepare_prompt
from playground.chat.turns import RETRIEVING
from playground.evaluation.answer_quality import judge
from playground.evaluation.arms import ArmInput, Material, build_input
from playground.evaluation.config import ExamSettings
from playground.evaluation.gold import Gold, gold_answer
from playground.evaluation.likelihood import continuations, likeliest, likelihoods
from playground.evaluation.metrics import ABSTAINED, abstains, contains_answer, grade
from playground.evaluation.questions import Question
from playground.evaluation.results import NO_CHOICE, ArmResult
from playground.inference.engine import Decoding, Prompt, end_tokens, generate
from playground.inference.forward import forward_of
from playground.models.chat_model import ChatModel
from retrieval.grounding import claims_with_evidence

SCOPE = "exam"  # of the prefix cache: the choices reuse what was read for the free answer


@dataclass(frozen=True)
class _PreparedQuestion:
    """A question with the prompt of one arm, the seconds that it took to build, and what the answer should hold."""

    arm: Arm
    question: Question
    arm_input: ArmInput
    prompt: PreparedPrompt
    seconds: float
    gold: Gold


@dataclass(frozen=True)
class _FreeAnswer:
    """A free answer, its number of tokens, its share of the batch's seconds, and whether it ended by itself."""

    text: str
    tokens: int
    seconds: float
    ended: bool


def answer_questions(
    chat: ChatModel,
    name: str,
    questions: Sequence[Question],
    material: Material,
    settings: ExamSettings,
    should_stop: Callable[[], bool],
) -> list[ArmResult] | None:
    """The results of one arm on these questions; None if stopped before all were answered.

    Raises:
        UserError: a question does not fit the model's window.
    """
    arm = material.arm(name)
    decoding = Decoding(max_new_tokens=settings.answer_tokens)
    prepared = [_prepare(chat, arm, question, material, settings, decoding) for question in questions]
    answers = _write_answers(chat, prepared, decoding, should_stop)
    results = []
    for each, answer in zip(prepared, answers, strict=False):
        if should_stop():
            return None
        results.append(_grade(chat, each, answer, settings))
    return results if len(results) == len(questions) else None


def _prepare(
    chat: ChatModel, arm: Arm, question: Question, material: Material, settings: ExamSettings, decoding: Decoding
) -> _PreparedQuestion:
    began = time.perf_counter()
    arm_input = build_input(arm.name, question, material, chat, settings.passage_tokens)
    prompt = prepare_prompt(chat, arm, question.question, (), arm_input.given, decoding, SCOPE)
    seconds = time.perf_counter() - began
    return _PreparedQuestion(arm, question, arm_input, prompt, seconds, gold_answer(question, material))


def _write_answers(
    chat: ChatModel, prepared: Sequence[_PreparedQuestion], decoding: Decoding, should_stop: Callable[[], bool]
) -> list[_FreeAnswer]:
    """One free answer per question, empty where the arm abstains; no answers at all once stopped."""
    asked = [number for number, each in enumerate(prepared) if each.prompt.prompt.ids]
    ids: list[list[int]] = [[] for _ in prepared]
    finished = 0
    began = time.perf_counter()
    for token in generate(chat, [prepared[each].prompt.prompt for each in asked], decoding, should_stop):
        ids[asked[token.row]].append(token.id)
        finished += token.last
    if finished < len(asked):
        return []
    seconds = time.perf_counter() - began
    work = [len(each.prompt.prompt.ids) + len(answer) for each, answer in zip(prepared, ids, strict=True)]
    shares = [each.seconds + seconds * part / max(sum(work), 1) for each, part in zip(prepared, work, strict=True)]
    texts = [str(chat.tokenizer.decode(each, skip_special_tokens=True)).strip() for each in ids]
    ends = end_tokens(chat)
    return [
        _FreeAnswer(text, len(each), share, bool(each) and each[-1] in ends)
        for text, each, share in zip(texts, ids, shares, strict=True)
    ]


def _grade(chat: ChatModel, prepared: _PreparedQuestion, answer: _FreeAnswer, settings: ExamSettings) -> ArmResult:
    question, given, prompt = prepared.question, prepared.arm_input.given, prepared.prompt.prompt
    graded = grade(
        answer.text, question.answers, question.question, answer.tokens >= settings.answer_tokens, question.parts
    )
    choice, loss, loss_tokens = _choose(chat, prepared)
    prompt_tokens = len(prompt.ids)
    retrieves = prepared.arm.name in RETRIEVING
    result = ArmResult(
        arm=prepared.arm.name,
        question=question.id,
        text=answer.text,
        tokens=answer.tokens,
        prompt_tokens=prompt_tokens,
        seconds=answer.seconds,
        memory_bytes=(prompt_tokens + answer.tokens)
        * forward_of(prompt.model or chat.model, chat.bits).bytes_per_token,
        choice=choice,
        loss=loss,
        loss_tokens=loss_tokens,
        outcome=ABSTAINED if given.abstains else graded.outcome,
        exact=graded.exact,
        f1=graded.f1,
        rouge_l=graded.rouge_l,
        abstained=given.abstains or abstains(answer.text),
        found=given.evidence.found if given.evidence and retrieves else None,
        ranks=prepared.arm_input.ranks,
        in_prompt=_passages_hold_answer(prepared) if retrieves and question.answers else None,
        passages=prepared.prompt.stamp.passages,
        support=_supported_share(prepared, answer.text),
        stamp=prepared.prompt.stamp.id,
    )
    return _judge_quality(result, prepared, answer.ended)


def _judge_quality(result: ArmResult, prepared: _PreparedQuestion, ended: bool) -> ArmResult:
    """The result with what its free answer is worth; without its form where the arm abstained unasked."""
    question, gold = prepared.question, prepared.gold
    few = question.wants_few_words
    found = judge(result.text, question.question, gold.truth, gold.evidence, ended, result.right, few)
    facts = replace(result, useful=found.useful, fact_recall=None if math.isnan(found.recall) else found.recall)
    if prepared.arm_input.given.abstains:
        return facts
    return replace(
        facts,
        ended=ended,
        term_support=None if math.isnan(found.support) else found.support,
        loops=found.loops,
        echo=found.echo,
        new_names=found.invented,
    )


def _passages_hold_answer(prepared: _PreparedQuestion) -> bool:
    """Whether the passages in the prompt contain the answer, or every part of it."""
    read = prepared.arm_input.given.passages
    truths = prepared.question.parts or prepared.question.answers[:1]
    held = [any(contains_answer(each.text, truth) for each in read) for truth in truths]
    return all(held) or (len(truths) == 1 and any(rank <= len(read) for rank in prepared.arm_input.ranks))


def _supported_share(prepared: _PreparedQuestion, text: str) -> float | None:
    """The share of the answer's sentences that a passage supports; None without passages or answer."""
    passages = prepared.arm_input.given.passages
    claims = claims_with_evidence(text, prepared.question.question, passages) if passages and text else []
    return sum(bool(each.evidence) for each in claims) / len(claims) if claims else None


def _choose(chat: ChatModel, prepared: _PreparedQuestion) -> tuple[int, float | None, int]:
    """The likeliest choice, and the loss and tokens of the true answer."""
    question = prepared.question
    if not question.answers or not question.answerable:
        return NO_CHOICE, None, 0
    found = likelihoods(chat, _choice_prompt(chat, prepared), continuations(chat.tokenizer, question))
    return likeliest(found) if question.choices else NO_CHOICE, found[0].loss, found[0].tokens


def _choice_prompt(chat: ChatModel, prepared: _PreparedQuestion) -> Prompt:
    """The prompt as it was sent; for an arm that abstains, with the nearest passages."""
    given = prepared.arm_input.given
    if not given.abstains or given.evidence is None:
        return prepared.prompt.prompt
    read = replace(given, evidence=replace(given.evidence, used=True))
    question, decoding = prepared.question.question, Decoding(max_new_tokens=1)
    return prepare_prompt(chat, prepared.arm, question, (), read, decoding, SCOPE).prompt
