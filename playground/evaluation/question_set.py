"""Composes the questions of an exam: a share of each kind, checked for faults and for leaks. Asks no model itself."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from playground.evaluation import question_generation
from playground.evaluation.contamination import QuestionFault, TaughtItem, find_faults, find_leaks
from playground.evaluation.distractors import Candidate, DistractorPool
from playground.evaluation.paraphrase import paraphrase_by_model
from playground.evaluation.questions import (
    GENERAL,
    KINDS,
    LITERAL,
    RECALL,
    REWORDED,
    TWO_PLACES,
    UNANSWERABLE,
    Question,
    question_id,
)
from retrieval.document import Document

MANY = 40  # questions in a file from which its own answers suffice as distractors
SHARES = {LITERAL: 0.35, REWORDED: 0.2, RECALL: 0.15, UNANSWERABLE: 0.2, TWO_PLACES: 0.1}


@dataclass(frozen=True)
class QuestionSet:
    """The questions of an exam, and the faults of those that stay in it all the same."""

    questions: list[Question]
    findings: list[QuestionFault]

    def leaked_ids(self) -> set[str]:
        """Ids of the questions that the adapter was trained on."""
        return {each.question for each in self.findings if each.fault == "leak"}


def from_text(
    documents: Sequence[Document],
    limit: int,
    seed: int,
    rows: Sequence[TaughtItem] = (),
    ask: Callable[[str], str] | None = None,
) -> QuestionSet:
    """At most `limit` generated questions without fault or leak, and the general ones after them.

    Other kinds fill up where the text yields too few of one. `rows` is what the adapter was trained on; `ask`
    completes a request with a model that may paraphrase.
    """
    found = question_generation.generate_questions(documents, seed)
    wanted = {kind: round(share * limit) for kind, share in SHARES.items()}
    if ask is not None:
        found[REWORDED] = [*_paraphrase_questions(found[LITERAL][: 2 * wanted[REWORDED]], ask), *found[REWORDED]]
    chosen: list[Question] = []
    for kind in SHARES:
        chosen += _faultless(found[kind], chosen, documents, rows)[: wanted[kind]]
    for kind in SHARES:
        chosen += _faultless(found[kind], chosen, documents, rows)[: limit - len(chosen)]
    return QuestionSet(sorted(chosen[:limit], key=lambda each: KINDS.index(each.kind)) + general_questions(), [])


def from_file(
    questions: Sequence[Question], documents: Sequence[Document], seed: int, rows: Sequence[TaughtItem]
) -> QuestionSet:
    """A visitor's own questions with sections, distractors and faults; then the general ones.

    The file may be of an earlier exam, and have the general ones too.
    """
    general = general_questions()
    known = {each.id for each in general}
    own = {each.id: each for each in questions if each.id not in known}
    named = question_generation.name_sections(list(own.values()), documents)
    answers = [Candidate(each.answers[0], each.section) for each in named if each.answers]
    pool = DistractorPool(
        answers if len(answers) >= MANY else answers + question_generation.answer_candidates(documents), seed
    )
    complete = [pool.add_distractors(each) for each in named]
    return recheck(QuestionSet([*complete, *general], []), documents, rows)


def _paraphrase_questions(literal: Sequence[Question], ask: Callable[[str], str]) -> Iterator[Question]:
    """The questions as paraphrased by a model, without those whose paraphrase is refused."""
    for each in literal:
        if words := paraphrase_by_model(each.question, each.answers, ask):
            yield replace(each, id=question_id(REWORDED, words), kind=REWORDED, question=words)


@cache
def _general() -> tuple[Question, ...]:
    rows = json.loads((Path(__file__).parent / "general.json").read_text(encoding="utf-8"))
    return tuple(
        Question(
            question_id(GENERAL, row["question"]),
            GENERAL,
            row["question"],
            (row["answer"],),
            tuple(row["distractors"]),
            section=row["question"],
            origin="general",
        )
        for row in rows
    )


def general_questions() -> list[Question]:
    """The fixed questions that are about no text; they show what fine-tuning made the model forget."""
    return list(_general())


def replace_question(
    current: QuestionSet, question: Question, documents: Sequence[Document], rows: Sequence[TaughtItem]
) -> QuestionSet:
    """The set with the question of this id replaced, checked again."""
    questions = [question if each.id == question.id else each for each in current.questions]
    return recheck(replace(current, questions=questions), documents, rows)


def delete_questions(current: QuestionSet, ids: Sequence[str]) -> QuestionSet:
    """The set without these questions and their faults."""
    deleted = set(ids)
    return QuestionSet(
        [each for each in current.questions if each.id not in deleted],
        [each for each in current.findings if each.question not in deleted],
    )


def recheck(current: QuestionSet, documents: Sequence[Document], rows: Sequence[TaughtItem]) -> QuestionSet:
    """The set with its faults and leaks found again."""
    own = [each for each in current.questions if each.kind != GENERAL]
    return replace(current, findings=find_faults(own, documents) + find_leaks(own, rows))


def _faultless(
    found: Sequence[Question], chosen: Sequence[Question], documents: Sequence[Document], rows: Sequence[TaughtItem]
) -> list[Question]:
    """Questions without a fault whose words no chosen question has, not even one with its section withheld."""
    taken = {each.question for each in chosen}
    fresh = [each for each in found if each.question not in taken]
    faulty = {each.question for each in find_faults(fresh, documents) + find_leaks(fresh, rows)}
    return [each for each in fresh if each.id not in faulty]
