"""Faults of a question that show before anybody answers it, and whether an adapter was trained on it.

A leak is found by word n-grams, as in GPT-3's contamination study (arXiv 2005.14165, appendix C).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from playground.data import dataset
from playground.data.tokenize import NO_LOSS, Example
from playground.evaluation.metrics import LONG, contains_answer, normalise, token_f1
from playground.evaluation.questions import RECALL, Question
from playground.storage.run_folder import holds_run, read_config, read_documents
from playground.training.config import RunConfig
from retrieval.document import Document

NO_ANSWER, GIVEN_AWAY, DUPLICATE, KNOWN, LEAK = FAULTS = ("no_answer", "given_away", "duplicate", "known", "leak")
RUN = 3  # words in a row
OVERLAP = 0.8  # of a question's runs that a training row has, from which on it is that question
SAME_ANSWER = 0.5  # token F1 of a long answer and what a row teaches


@dataclass(frozen=True)
class QuestionFault:
    """A fault of one question; `detail` shows where, such as the training row that has it."""

    question: str
    fault: str
    detail: str = ""


@dataclass(frozen=True)
class TaughtItem:
    """One thing an adapter was taught: what it was shown, and what it learnt to say there (all of it, for prose)."""

    shown: str
    taught: str


def find_faults(questions: Sequence[Question], documents: Sequence[Document]) -> list[QuestionFault]:
    """Every fault that the questions and the text show: no answer there, given away, asked twice."""
    text = "\n".join(normalise(document.text) for document in documents)
    seen: set[str] = set()
    findings = []
    for each in questions:
        asked = normalise(each.question)
        if asked in seen:
            findings.append(QuestionFault(each.id, DUPLICATE))
        seen.add(asked)
        truths = each.parts or each.answers
        if each.kind != RECALL and any(contains_answer(each.question, truth) for truth in truths):
            findings.append(QuestionFault(each.id, GIVEN_AWAY, truths[0]))
        if documents and each.answerable and not _said(truths, text, bool(each.parts)):
            findings.append(QuestionFault(each.id, NO_ANSWER, truths[0] if truths else ""))
    return findings


def find_leaks(questions: Sequence[Question], rows: Iterable[TaughtItem]) -> list[QuestionFault]:
    """Questions whose words and answer both stand in one thing that an adapter was taught.

    To continue a sentence of the text is no leak: it asks what reading the text leaves.
    """
    taught = [(row, _runs(row.shown)) for row in rows]
    findings = []
    for each in questions:
        asked = _runs(each.question)
        if each.kind == RECALL or not asked or not each.answers:
            continue
        for row, shown in taught:
            if len(asked & shown) >= OVERLAP * len(asked) and _teaches(row, each):
                findings.append(QuestionFault(each.id, LEAK, " ".join(row.shown.split())[:200]))
                break
    return findings


def read_taught_items(run: Path, tokenizer: PreTrainedTokenizerBase) -> list[TaughtItem]:
    """Every training example of the run in a folder; none where the folder does not say what was trained on."""
    if not holds_run(run):
        return []
    settings = RunConfig.from_dict(read_config(run)).settings
    found = dataset.build_split(read_documents(run), tokenizer, settings.mix)
    return [_taught_item(each, tokenizer) for each in found.train]


def _taught_item(example: Example, tokenizer: PreTrainedTokenizerBase) -> TaughtItem:
    labels = [token for token in example.labels if token != NO_LOSS]
    shown, taught = (tokenizer.decode(ids, skip_special_tokens=True) for ids in (example.input_ids, labels))
    return TaughtItem(str(shown), str(taught))


def _said(truths: Sequence[str], text: str, every: bool) -> bool:
    found = [f" {normalise(truth)} " in f" {text} ".replace("\n", " ") for truth in truths]
    return all(found) if every else any(found)


def _teaches(row: TaughtItem, question: Question) -> bool:
    if question.parts:
        return all(contains_answer(row.taught, part) for part in question.parts)
    return any(
        contains_answer(row.taught, answer)
        or (len(answer.split()) >= LONG and token_f1(row.taught, answer) >= SAME_ANSWER)
        for answer in question.answers
    )


def _runs(text: str) -> set[tuple[str, ...]]:
    """Every run of words; a text shorter than one is its own run."""
    words = normalise(text).split()
    return {tuple(words[place : place + RUN]) for place in range(max(1, len(words) - RUN + 1))} if words else set()
