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
NGRAM = 3  # words
OVERLAP = 0.8  # share of a question's n-grams in a training example from which it counts as that question
SAME_ANSWER = 0.5  # token F1 of a long answer and the trained text, from which they count as the same


@dataclass(frozen=True)
class QuestionFault:
    """A fault of one question; `detail` shows where, such as the training row that has it."""

    question: str
    fault: str
    detail: str = ""


@dataclass(frozen=True)
class TaughtItem:
    """One training example as text: the whole of it, and the part that was trained on (all of it, for prose)."""

    shown: str
    taught: str


def find_faults(questions: Sequence[Question], documents: Sequence[Document]) -> list[QuestionFault]:
    """Every fault of the questions: answer not in the text, contained in the question, or duplicate."""
    text = "\n".join(normalise(document.text) for document in documents)
    seen: set[str] = set()
    findings = []
    for each in questions:
        words = normalise(each.question)
        if words in seen:
            findings.append(QuestionFault(each.id, DUPLICATE))
        seen.add(words)
        truths = each.parts or each.answers
        if each.kind != RECALL and any(contains_answer(each.question, truth) for truth in truths):
            findings.append(QuestionFault(each.id, GIVEN_AWAY, truths[0]))
        if documents and each.answerable and not _found_in(truths, text, bool(each.parts)):
            findings.append(QuestionFault(each.id, NO_ANSWER, truths[0] if truths else ""))
    return findings


def find_leaks(questions: Sequence[Question], rows: Iterable[TaughtItem]) -> list[QuestionFault]:
    """Questions whose words and answer both occur in one training example.

    Continuing a sentence of the text is no leak: that kind measures what training on the text leaves.
    """
    examples = [(row, _ngrams(row.shown)) for row in rows]
    findings = []
    for each in questions:
        ngrams = _ngrams(each.question)
        if each.kind == RECALL or not ngrams or not each.answers:
            continue
        for row, shown in examples:
            if len(ngrams & shown) >= OVERLAP * len(ngrams) and _teaches(row, each):
                findings.append(QuestionFault(each.id, LEAK, " ".join(row.shown.split())[:200]))
                break
    return findings


def read_taught_items(run: Path, tokenizer: PreTrainedTokenizerBase) -> list[TaughtItem]:
    """All training examples of the run in a folder; none where the folder does not tell what was trained on."""
    if not holds_run(run):
        return []
    settings = RunConfig.from_dict(read_config(run)).settings
    found = dataset.build_split(read_documents(run), tokenizer, settings.mix)
    return [_taught_item(each, tokenizer) for each in found.train]


def _taught_item(example: Example, tokenizer: PreTrainedTokenizerBase) -> TaughtItem:
    labels = [token for token in example.labels if token != NO_LOSS]
    shown, taught = (tokenizer.decode(ids, skip_special_tokens=True) for ids in (example.input_ids, labels))
    return TaughtItem(str(shown), str(taught))


def _found_in(truths: Sequence[str], text: str, every: bool) -> bool:
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


def _ngrams(text: str) -> set[tuple[str, ...]]:
    """All n-grams of words; a text shorter than one is its own n-gram."""
    words = normalise(text).split()
    return {tuple(words[place : place + NGRAM]) for place in range(max(1, len(words) - NGRAM + 1))} if words else set()
