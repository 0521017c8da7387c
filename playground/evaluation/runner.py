"""Asks every arm every question in batches and saves each result at once, so that an exam can stop and resume.

The file of results tells which are missing, so a killed exam resumes where it was.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.evaluation import results
from playground.evaluation.answer import answer_questions
from playground.evaluation.arm_models import ArmModels
from playground.evaluation.arms import Material, is_asked
from playground.evaluation.config import ExamSettings
from playground.evaluation.questions import Question
from playground.files import never


@dataclass(frozen=True)
class ExamProgress:
    """`done` of `total` answers exist; `seconds_left` extrapolates the pace so far, None before there is one."""

    arm: str
    done: int
    total: int
    seconds: float
    seconds_left: float | None

    def to_dict(self) -> dict[str, Any]:
        """The event as a log and the command line write it."""
        return {"event": "progress", **asdict(self)}


def run_arms(
    models: ArmModels,
    questions: Sequence[Question],
    names: Sequence[str],
    material: Material,
    settings: ExamSettings,
    answers: Path,
    should_stop: Callable[[], bool] = never,
) -> Iterator[ExamProgress]:
    """Ask the questions that the file has no result for, arm by arm; ends early without an error once `should_stop`.

    Raises:
        UserError: an arm lacks what it needs, or a question does not fit the model's window.
    """
    missing = [name for name in names if name not in material.available_arms()]
    if missing:
        raise UserError(f"The arm {missing[0]} lacks its adapter, index or text. Give it one, or leave the arm out.")
    finished = {(each.arm, each.question) for each in results.read_results(answers)}
    asked = [(name, each) for name in names for each in questions if is_asked(name, each, material)]
    open_questions = [(name, each) for name, each in asked if (name, each.id) not in finished]
    start, before = time.monotonic(), len(asked) - len(open_questions)
    done = before
    yield ExamProgress("", done, len(asked), 0.0, None)
    for name, part in _batches(open_questions, settings.rows):
        found = answer_questions(models.of(name), name, part, material, settings, should_stop)
        if found is None:
            return
        results.append_results(answers, found)
        done += len(found)
        seconds = time.monotonic() - start
        yield ExamProgress(name, done, len(asked), seconds, seconds / (done - before) * (len(asked) - done))


def _batches(open_questions: Sequence[tuple[str, Question]], rows: int) -> Iterator[tuple[str, list[Question]]]:
    """Each arm's questions, `rows` at a time."""
    for name in dict.fromkeys(name for name, _ in open_questions):
        mine = [question for each, question in open_questions if each == name]
        for start in range(0, len(mine), rows):
            yield name, mine[start : start + rows]
