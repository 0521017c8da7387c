"""Plausible wrong answers: from the same text, of the same shape, one of them from the same section."""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from playground.evaluation.metrics import LONG, contains_answer, normalise
from playground.evaluation.questions import Question

COUNT = 3  # beside the true answer: a guess is right one time in four
NEAR = 1  # of them from the question's own section, so that finding the section is not enough
SIMILAR = 12  # of the candidates most like the true answer, from which the others are drawn
LENGTHY = "long"
_YEAR = re.compile(r"1\d{3}|20\d{2}")
_NUMBER = re.compile(r"\d")


@dataclass(frozen=True)
class Candidate:
    """An answer to some question of the text, and its section."""

    text: str
    section: str


class DistractorPool:
    """The answers of a text, from which wrong ones are drawn; the same seed draws the same."""

    def __init__(self, candidates: Iterable[Candidate], seed: int) -> None:
        self._by_shape: dict[str, list[Candidate]] = {}
        for each in sorted(set(candidates), key=lambda each: (each.text, each.section)):
            self._by_shape.setdefault(answer_shape(each.text), []).append(each)
        self._seed = seed

    def add_distractors(self, question: Question) -> Question:
        """The question with distractors, unchanged if it has some or can have none."""
        if question.distractors or not question.answers or question.parts:
            return question
        return replace(question, distractors=tuple(self._draw(question)))

    def _draw(self, question: Question) -> list[str]:
        truth = question.answers[0]
        candidates = self._candidates(question, [answer_shape(truth)])
        if len(candidates) < COUNT and answer_shape(truth) != LENGTHY:
            candidates += self._candidates(
                question, [each for each in self._by_shape if each not in (answer_shape(truth), LENGTHY)]
            )
        rng = random.Random(f"{self._seed} {question.id}")
        near = [each.text for each in candidates if each.section == question.section][: 2 * NEAR]
        far = [each.text for each in candidates if each.section != question.section][:SIMILAR]
        rng.shuffle(near)
        rng.shuffle(far)
        return list(_unique([*near[:NEAR], *far, *near[NEAR:]]))[:COUNT]

    def _candidates(self, question: Question, shapes: Sequence[str]) -> list[Candidate]:
        """Wrong answers of these shapes, those closest in length to the true one first."""
        truth = question.answers[0]
        found = [
            each for kind in shapes for each in self._by_shape.get(kind, []) if not self._unusable(each.text, question)
        ]
        return sorted(found, key=lambda each: (abs(len(each.text) - len(truth)), each.text))

    def _unusable(self, text: str, question: Question) -> bool:
        """Whether it is not wrong, is empty, or occurs in the question."""
        alike = any(contains_answer(text, each) or contains_answer(each, text) for each in question.answers)
        return alike or not normalise(text) or contains_answer(question.question, text)


def answer_shape(answer: str) -> str:
    """The surface type of an answer: year, number, name, words or long."""
    if len(answer.split()) >= LONG:
        return LENGTHY
    if _YEAR.fullmatch(answer.strip()):
        return "year"
    if _NUMBER.search(answer):
        return "number"
    return "name" if answer[:1].isupper() else "words"


def _unique(texts: Sequence[str]) -> Iterable[str]:
    """Each text once, ignoring case and punctuation."""
    return {normalise(each): each for each in reversed(texts)}.values().__reversed__()
