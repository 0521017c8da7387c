"""Puts every question to every arm, in batches, and keeps each answer as soon as it is there: stops and goes on.

Which answers are there already is read from their file, not remembered, so a killed exam goes on where it was.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.evaluation import results
from playground.evaluation.answer import answer_questions
from playground.evaluation.arms import Material, is_asked
from playground.evaluation.config import ExamSettings
from playground.evaluation.questions import Question
from playground.files import never
from playground.models.chat_model import ChatModel


@dataclass(frozen=True)
class ExamProgress:
    """Some more answers are there: `done` of `total`, and the seconds that are left, by the pace so far."""

    arm: str
    done: int
    total: int
    seconds: float
    seconds_left: float | None

    def to_dict(self) -> dict[str, Any]:
        """The event as a log and the command line write it."""
        return {"event": "progress", **asdict(self)}


def run_arms(
    chat: ChatModel,
    questions: Sequence[Question],
    names: Sequence[str],
    material: Material,
    settings: ExamSettings,
    answers: Path,
    should_stop: Callable[[], bool] = never,
) -> Iterator[ExamProgress]:
    """Ask what is not answered in the file yet, arm by arm; ends early, silently, once `should_stop`.

    Raises:
        UserError: an arm lacks what it needs, or a question does not fit the model's window.
    """
    missing = [name for name in names if name not in material.able()]
    if missing:
        raise UserError(f"The arm {missing[0]} lacks its adapter, index or text. Give it one, or leave the arm out.")
    there = {(each.arm, each.question) for each in results.read_results(answers)}
    put = [(name, each) for name in names for each in questions if is_asked(name, each, material)]
    waiting = [(name, each) for name, each in put if (name, each.id) not in there]
    began, before = time.monotonic(), len(put) - len(waiting)
    done = before
    yield ExamProgress("", done, len(put), 0.0, None)
    for name, part in _batches(waiting, settings.rows):
        found = answer_questions(chat, name, part, material, settings, should_stop)
        if found is None:
            return
        results.append_results(answers, found)
        done += len(found)
        seconds = time.monotonic() - began
        yield ExamProgress(name, done, len(put), seconds, seconds / (done - before) * (len(put) - done))


def _batches(waiting: Sequence[tuple[str, Question]], rows: int) -> Iterator[tuple[str, list[Question]]]:
    """Questions of one arm, some at a time."""
    for name in dict.fromkeys(name for name, _ in waiting):
        mine = [question for each, question in waiting if each == name]
        for start in range(0, len(mine), rows):
            yield name, mine[start : start + rows]
