"""Draws up an exam: how many questions of each kind, checked, none that an adapter was taught. Asks no model."""

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

MANY = 40  # questions of a file whose own answers are enough to draw wrong ones from
SHARES = {LITERAL: 0.35, REWORDED: 0.2, RECALL: 0.15, UNANSWERABLE: 0.2, TWO_PLACES: 0.1}


@dataclass(frozen=True)
class QuestionSet:
    """The questions of an exam, and what was found wrong with those that stay in it all the same."""

    questions: list[Question]
    findings: list[QuestionFault]

    def leaked(self) -> set[str]:
        """Ids of the questions that an adapter was taught."""
        return {each.question for each in self.findings if each.fault == "leak"}


def from_text(
    documents: Sequence[Document],
    limit: int,
    seed: int,
    rows: Sequence[TaughtItem] = (),
    ask: Callable[[str], str] | None = None,
) -> QuestionSet:
    """At most `limit` questions made from the text, without fault or leak, and the general ones beside them.

    A kind of which the text gives too few leaves its room to the others. `ask` asks a model that can reword.
    """
    found = question_generation.generate_questions(documents, seed)
    wanted = {kind: round(share * limit) for kind, share in SHARES.items()}
    if ask is not None:
        found[REWORDED] = [*_reworded(found[LITERAL][: 2 * wanted[REWORDED]], ask), *found[REWORDED]]
    chosen: list[Question] = []
    for kind in SHARES:
        chosen += _faultless(found[kind], chosen, documents, rows)[: wanted[kind]]
    for kind in SHARES:
        chosen += _faultless(found[kind], chosen, documents, rows)[: limit - len(chosen)]
    return QuestionSet(sorted(chosen[:limit], key=lambda each: KINDS.index(each.kind)) + general_questions(), [])


def from_file(
    questions: Sequence[Question], documents: Sequence[Document], seed: int, rows: Sequence[TaughtItem]
) -> QuestionSet:
    """A person's own questions with sections and distractors, and what was found in them; then the general ones."""
    named = question_generation.name_sections(list({each.id: each for each in questions}.values()), documents)
    answers = [Candidate(each.answers[0], each.section) for each in named if each.answers]
    pool = DistractorPool(
        answers if len(answers) >= MANY else answers + question_generation.answer_candidates(documents), seed
    )
    whole = [pool.give(each) for each in named]
    return QuestionSet(whole + general_questions(), find_faults(whole, documents) + find_leaks(whole, rows))


def _reworded(literal: Sequence[Question], ask: Callable[[str], str]) -> Iterator[Question]:
    """What a model makes of questions, as far as its words pass."""
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
    """The fixed set that has nothing to do with any text, to see what is forgotten."""
    return list(_general())


def replace_question(
    paper: QuestionSet, question: Question, documents: Sequence[Document], rows: Sequence[TaughtItem]
) -> QuestionSet:
    """The paper with one question changed (the one of its id), checked anew."""
    questions = [question if each.id == question.id else each for each in paper.questions]
    return recheck(replace(paper, questions=questions), documents, rows)


def delete_questions(paper: QuestionSet, ids: Sequence[str]) -> QuestionSet:
    """The paper without these questions."""
    gone = set(ids)
    return QuestionSet(
        [each for each in paper.questions if each.id not in gone],
        [each for each in paper.findings if each.question not in gone],
    )


def recheck(paper: QuestionSet, documents: Sequence[Document], rows: Sequence[TaughtItem]) -> QuestionSet:
    """The paper with what is found wrong now."""
    own = [each for each in paper.questions if each.kind != GENERAL]
    return replace(paper, findings=find_faults(own, documents) + find_leaks(own, rows))


def _faultless(
    found: Sequence[Question], chosen: Sequence[Question], documents: Sequence[Document], rows: Sequence[TaughtItem]
) -> list[Question]:
    """Those without a fault that no question chosen before asks already, not even with its section withheld."""
    taken = {each.question for each in chosen}
    fresh = [each for each in found if each.question not in taken]
    faulty = {each.question for each in find_faults(fresh, documents) + find_leaks(fresh, rows)}
    return [each for each in fresh if each.id not in faulty]
