"""Questions of an exam, with their true answers and the places of these in the text; read from and written to files.

Knows no model and no arm.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from playground.data.qa.rules import GAP
from playground.data.short_answers import SHORT_WORDS
from playground.errors import UserError
from retrieval.document import Document
from retrieval.language import count_words
from retrieval.readers.csv_table import read_csv

RECALL, LITERAL, REWORDED, TWO_PLACES, UNANSWERABLE, GENERAL = KINDS = (
    "recall",  # continue a sentence of the text
    "literal",  # in the text's own words
    "reworded",  # paraphrased
    "two_places",  # needs two passages
    "unanswerable",  # about what the text does not contain
    "general",  # about no text: shows what fine-tuning made the model forget
)
OF_THE_TEXT = (RECALL, LITERAL, REWORDED, TWO_PLACES)
OF_PAIRS = "pairs"  # the origin of questions whose answers a file gives: they are true as they stand
MAX_QUESTIONS = 1_000
MAX_CHARS = 4_000  # of one question or answer
PARTS = "; "  # between the answers to a question that needs two places
QUESTION_COLUMNS = ("question", "query", "prompt", "instruction", "câu hỏi", "câu_hỏi")
ANSWER_COLUMNS = ("answer", "answers", "response", "output", "trả lời", "câu trả lời", "câu_trả_lời")
ACCEPTABLE_COLUMNS = ("acceptable", "acceptable_answers", "aliases")


@dataclass(frozen=True)
class AnswerSpan:
    """Where the text gives the answer: `document.text[start:end]` of the document named `source`."""

    source: str
    start: int
    end: int


@dataclass(frozen=True)
class Question:
    """One question of an exam; any of `answers` counts as right, and an unanswerable one has none.

    `parts` are the answers to a question that needs two places, all of which must be given. `section` names the cluster
    of the question for the statistics; `origin` is file, pairs, made or general. With `withheld` the text has the
    answer, but its section is removed from the index while the question is asked.
    """

    id: str
    kind: str
    question: str
    answers: tuple[str, ...]
    distractors: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    places: tuple[AnswerSpan, ...] = ()
    section: str = ""
    origin: str = "made"
    withheld: bool = False

    @property
    def answerable(self) -> bool:
        """Whether there is a right answer other than "I do not know"."""
        return self.kind != UNANSWERABLE

    @property
    def wants_sentence(self) -> bool:
        """Whether a person would answer in a sentence: neither a gap to fill nor a sentence to continue."""
        return self.kind in (LITERAL, REWORDED, TWO_PLACES) and GAP not in self.question

    @property
    def wants_few_words(self) -> bool:
        """Whether a file of pairs answers it in fewer than SHORT_WORDS words, so that a short answer is no fault."""
        return self.origin == OF_PAIRS and all(count_words(each) < SHORT_WORDS for each in self.parts or self.answers)

    @property
    def choices(self) -> tuple[str, ...]:
        """The true answer first, then the distractors; empty where the question has no choices."""
        return (self.answers[0], *self.distractors) if self.answers and self.distractors and self.answerable else ()

    def edited(self, question: str, answers: tuple[str, ...]) -> "Question":
        """The question in other words and with other right answers, without those among its wrong ones.

        Of a question that needs two places, the parts of its first answer stand between semicolons.
        """
        wrong = tuple(each for each in self.distractors if each not in answers)
        parts = self.parts
        if parts and answers != self.answers:
            parts = tuple(part.strip() for part in answers[0].split(PARTS.strip()) if part.strip())
        return replace(self, question=question, answers=answers, distractors=wrong, parts=parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and dictionaries, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Question":
        """The inverse of `to_dict`."""
        known = {each.name: values[each.name] for each in fields(cls) if each.name in values}
        for name in ("answers", "distractors", "parts"):
            known[name] = tuple(known.get(name, ()))
        known["places"] = tuple(AnswerSpan(**each) for each in known.get("places", ()))
        return cls(**known)


def question_id(kind: str, question: str, answer: str = "") -> str:
    """12 hex digits; the same question always gets the same id."""
    return hashlib.sha256(f"{kind}\0{question}\0{answer}".encode()).hexdigest()[:12]


def read_questions(path: Path, documents: Sequence[Document] = (), name: str | None = None) -> list[Question]:
    """Questions from a JSONL or CSV file: question, answer, and optionally acceptable answers, passage and section.

    Raises:
        UserError, RetrievalError: the file is unreadable, empty or too long; names the first line that is wrong.
    """
    name = name or path.name
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise UserError(f"{name} cannot be read ({fault.strerror}). Choose another file.") from fault
    rows = _csv(data, name) if name.lower().endswith((".csv", ".tsv")) else _json_lines(data, name)
    if not rows:
        raise UserError(f"{name} has no question in it. Give one per line, with its answer.")
    if len(rows) > MAX_QUESTIONS:
        raise UserError(f"{name} has {len(rows):,} questions; at most {MAX_QUESTIONS:,} are allowed. Shorten it.")
    return [_question(row, f"line {line} of {name}", documents) for line, row in rows]


def write_questions(questions: Iterable[Question], path: Path) -> None:
    """One JSON object per line, in the form that `read_questions` reads."""
    lines = [json.dumps(each.to_dict(), ensure_ascii=False) for each in questions]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def find_span(text: str, documents: Sequence[Document]) -> AnswerSpan | None:
    """Where these words first occur in the documents; None where they do not."""
    for document in documents:
        start = document.text.find(text) if text.strip() else -1
        if start >= 0:
            return AnswerSpan(document.name, start, start + len(text))
    return None


def _csv(data: bytes, name: str) -> list[tuple[int, Mapping[str, Any]]]:
    rows = read_csv(data, name).rows
    return [(line, {key.casefold(): value for key, value in row.items()}) for line, row in enumerate(rows, start=2)]


def _json_lines(data: bytes, name: str) -> list[tuple[int, Mapping[str, Any]]]:
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for line, text in enumerate(data.decode("utf-8-sig", "replace").split("\n"), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise UserError(f"Line {line} of {name} is not a JSON object. Write one question per line, with an answer.")
        rows.append((line, {str(key).casefold(): value for key, value in row.items()}))
    return rows


def _question(row: Mapping[str, Any], where: str, documents: Sequence[Document]) -> Question:
    """One row as a question; a row written by `write_questions` keeps all its fields."""
    question = _first_text(row, QUESTION_COLUMNS, where)
    kind = row.get("kind") or LITERAL
    if kind not in KINDS:
        raise UserError(f"The kind {kind!r} in {where} is unknown. Choose from {', '.join(KINDS)}, or leave it out.")
    answers = tuple(dict.fromkeys([*_texts(row, ANSWER_COLUMNS, where), *_texts(row, ACCEPTABLE_COLUMNS, where)]))
    if not question or (not answers and kind != UNANSWERABLE):
        raise UserError(f"There is no {'answer' if question else 'question'} in {where}. Add one, or remove the line.")
    if isinstance(row.get("places"), list) and row.get("id"):
        try:
            return Question.from_dict({**row, "question": question, "kind": kind, "answers": answers})
        except (TypeError, ValueError) as fault:
            raise UserError(f"The question in {where} is damaged. Write it again, without `places`.") from fault
    place = _find_place(str(row.get("passage") or ""), answers, documents)
    return Question(
        id=question_id(kind, question, answers[0] if answers else ""),
        kind=kind,
        question=question,
        answers=answers,
        distractors=_texts(row, ("distractors",), where),
        places=(place,) if place else (),
        section=str(row.get("section") or ""),
        origin="file",
    )


def _find_place(passage: str, answers: Sequence[str], documents: Sequence[Document]) -> AnswerSpan | None:
    """The answer's place inside the passage that the file names, or the passage's own if the answer is not in it."""
    around = find_span(passage.strip(), documents)
    if around is None:
        return None
    for answer in answers:
        if (start := passage.strip().find(answer)) >= 0:
            return AnswerSpan(around.source, around.start + start, around.start + start + len(answer))
    return around


def _first_text(row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
    return next(iter(_texts(row, names, where)), "")


def _texts(row: Mapping[str, Any], names: Sequence[str], where: str) -> tuple[str, ...]:
    """The texts under the first name that the row has: one text, a list of them, or SQuAD's `text`."""
    value: Any = next((row[name] for name in names if row.get(name)), [])
    if isinstance(value, str) and names is ACCEPTABLE_COLUMNS:
        value = value.split("|")
    value = value.get("text", []) if isinstance(value, dict) else value
    values = value if isinstance(value, list) else [value]
    texts = [str(each.get("text", "")) if isinstance(each, dict) else str(each) for each in values]
    if long := next((each for each in texts if len(each) > MAX_CHARS), ""):
        raise UserError(f"A text in {where} has {len(long):,} characters; the limit is {MAX_CHARS:,}. Shorten it.")
    return tuple(each.strip() for each in texts if each.strip())
