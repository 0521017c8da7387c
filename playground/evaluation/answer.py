"""One arm in front of some questions: what it reads, what it writes, what it would choose, and what that is worth."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from playground.chat.arms import Arm, PreparedPrompt, prepare_prompt
from playground.chat.turns import RETRIEVING
from playground.evaluation.arms import ArmInput, Material, build_input
from playground.evaluation.config import ExamSettings
from playground.evaluation.likelihood import continuations, likeliest, likelihoods
from playground.evaluation.metrics import ABSTAINED, abstains, contains_answer, grade
from playground.evaluation.questions import Question
from playground.evaluation.results import NO_CHOICE, ArmResult
from playground.inference.engine import Decoding, Prompt, generate
from playground.inference.forward import forward_of
from playground.models.chat_model import ChatModel
from retrieval.grounding import claims_with_evidence

SCOPE = "exam"  # under which what was read for a free answer is kept for the choices


@dataclass(frozen=True)
class _Sheet:
    """A question in front of an arm, and the seconds until its prompt was there."""

    arm: Arm
    question: Question
    asked: ArmInput
    prepared: PreparedPrompt
    seconds: float


@dataclass(frozen=True)
class _FreeAnswer:
    """A free answer, its tokens and its share of the batch's seconds."""

    text: str
    tokens: int
    seconds: float


def answer_questions(
    chat: ChatModel,
    name: str,
    questions: Sequence[Question],
    material: Material,
    settings: ExamSettings,
    should_stop: Callable[[], bool],
) -> list[ArmResult] | None:
    """The results of some questions, or None where it was stopped before all were there.

    Raises:
        UserError: a question does not fit the model's window.
    """
    arm = material.arm(name)
    decoding = Decoding(max_new_tokens=settings.answer_tokens)
    sheets = [_sheet(chat, arm, question, material, settings, decoding) for question in questions]
    said = _said(chat, sheets, decoding, should_stop)
    results = []
    for sheet, answer in zip(sheets, said, strict=False):
        if should_stop():
            return None
        results.append(_result(chat, sheet, answer, settings))
    return results if len(results) == len(questions) else None


def _sheet(
    chat: ChatModel, arm: Arm, question: Question, material: Material, settings: ExamSettings, decoding: Decoding
) -> _Sheet:
    began = time.perf_counter()
    asked = build_input(arm.name, question, material, chat, settings.passage_tokens)
    prepared = prepare_prompt(chat, arm, question.question, (), asked.given, decoding, SCOPE)
    return _Sheet(arm, question, asked, prepared, time.perf_counter() - began)


def _said(
    chat: ChatModel, sheets: Sequence[_Sheet], decoding: Decoding, should_stop: Callable[[], bool]
) -> list[_FreeAnswer]:
    """Each sheet's free answer, nothing of an arm that abstains; no answers at all once stopped."""
    speaking = [number for number, sheet in enumerate(sheets) if sheet.prepared.prompt.ids]
    ids: list[list[int]] = [[] for _ in sheets]
    ended = 0
    began = time.perf_counter()
    for token in generate(chat, [sheets[each].prepared.prompt for each in speaking], decoding, should_stop):
        ids[speaking[token.row]].append(token.id)
        ended += token.last
    if ended < len(speaking):
        return []
    seconds = time.perf_counter() - began
    work = [len(sheet.prepared.prompt.ids) + len(each) for sheet, each in zip(sheets, ids, strict=True)]
    shares = [sheet.seconds + seconds * each / max(sum(work), 1) for sheet, each in zip(sheets, work, strict=True)]
    texts = [str(chat.tokenizer.decode(each, skip_special_tokens=True)).strip() for each in ids]
    return [_FreeAnswer(text, len(each), share) for text, each, share in zip(texts, ids, shares, strict=True)]


def _result(chat: ChatModel, sheet: _Sheet, said: _FreeAnswer, settings: ExamSettings) -> ArmResult:
    question, given = sheet.question, sheet.asked.given
    graded = grade(
        said.text, question.answers, question.question, said.tokens >= settings.answer_tokens, question.parts
    )
    choice, loss, loss_tokens = _choice(chat, sheet)
    prompt_tokens = len(sheet.prepared.prompt.ids)
    looked_up = sheet.arm.name in RETRIEVING
    return ArmResult(
        arm=sheet.arm.name,
        question=question.id,
        text=said.text,
        tokens=said.tokens,
        prompt_tokens=prompt_tokens,
        seconds=said.seconds,
        memory_bytes=(prompt_tokens + said.tokens)
        * forward_of(sheet.prepared.prompt.model or chat.model, chat.bits).bytes_per_token,
        choice=choice,
        loss=loss,
        loss_tokens=loss_tokens,
        outcome=ABSTAINED if given.abstains else graded.outcome,
        exact=graded.exact,
        f1=graded.f1,
        rouge_l=graded.rouge_l,
        abstained=given.abstains or abstains(said.text),
        found=given.evidence.found if given.evidence and looked_up else None,
        ranks=sheet.asked.ranks,
        in_prompt=_in_prompt(sheet) if looked_up and question.answers else None,
        passages=sheet.prepared.stamp.passages,
        support=_supported(sheet, said.text),
        stamp=sheet.prepared.stamp.id,
    )


def _in_prompt(sheet: _Sheet) -> bool:
    """Whether the passages that the arm read say the answer, or every part of it."""
    read = sheet.asked.given.passages
    truths = sheet.question.parts or sheet.question.answers[:1]
    said = [any(contains_answer(each.text, truth) for each in read) for truth in truths]
    return all(said) or (len(truths) == 1 and any(rank <= len(read) for rank in sheet.asked.ranks))


def _supported(sheet: _Sheet, text: str) -> float | None:
    """The share of the answer's sentences that a passage supports; None without passages or answer."""
    passages = sheet.asked.given.passages
    claims = claims_with_evidence(text, sheet.question.question, passages) if passages and text else []
    return sum(bool(each.evidence) for each in claims) / len(claims) if claims else None


def _choice(chat: ChatModel, sheet: _Sheet) -> tuple[int, float | None, int]:
    """The likeliest choice, and loss and tokens of the true answer."""
    question = sheet.question
    if not question.answers or not question.answerable:
        return NO_CHOICE, None, 0
    found = likelihoods(chat, _prompt(chat, sheet), continuations(chat.tokenizer, question))
    return likeliest(found) if question.choices else NO_CHOICE, found[0].loss, found[0].tokens


def _prompt(chat: ChatModel, sheet: _Sheet) -> Prompt:
    """The prompt as it was sent; for an arm that would rather not answer, with the nearest passages."""
    given = sheet.asked.given
    if not given.abstains or given.evidence is None:
        return sheet.prepared.prompt
    read = replace(given, evidence=replace(given.evidence, used=True))
    return prepare_prompt(chat, sheet.arm, sheet.question.question, (), read, Decoding(max_new_tokens=1), SCOPE).prompt
