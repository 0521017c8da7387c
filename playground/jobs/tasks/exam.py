"""Runs an exam of a visitor's text: questions from the run's folder; answers and report are written there.

A part of an exam, with PART in its config, answers only.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playground import device
from playground.evaluation import exam as evaluation_exam
from playground.evaluation import report
from playground.evaluation.arm_models import ArmModels
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import QUESTIONS, Plan, read_exam
from playground.models.chat_choice import check_room, listed_source
from playground.models.chat_model import load_chat
from playground.settings import Settings
from playground.storage.run_folder import PART, read_config, read_documents

LANGUAGE = "language"  # a file in the folder with the language of the report


def run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """See `playground.jobs.tasks`; a step is an answer. Each answer is written at once, so no checkpoint is needed."""
    plan, _ = read_exam(folder)
    is_part = PART in read_config(folder)
    models = _load_models(plan, settings)
    documents = read_documents(folder)
    at_hand = evaluation_exam.load_material(plan, documents, models.tuned, settings)
    last: dict[str, Any] = {"step": 0, "steps": 0}
    for outcome in evaluation_exam.run_exam(folder, models, at_hand, should_stop, not is_part):
        if isinstance(outcome, Report):
            language = (folder / LANGUAGE).read_text(encoding="utf-8") if (folder / LANGUAGE).exists() else "en"
            again = report.reproduce_command(report.hide_paths(plan), Path(QUESTIONS))
            report.write_report(outcome, folder, again, language)
            yield {"event": "finished", "reason": "done", **last, **_figures(outcome)}
            return
        last = {"step": outcome.done, "steps": outcome.total, "seconds": outcome.seconds}
        now = {"arm": outcome.arm, "model": models.names.get(outcome.arm, "")}
        yield {"event": "progress", **last, "seconds_left": outcome.seconds_left, **now}
    reason = "done" if is_part and not should_stop() else "stopped"
    yield {"event": "finished", "reason": reason, **last}


def _load_models(plan: Plan, settings: Settings) -> ArmModels:
    """The chat models of the plan, one or two. Raises UserError where one is not here, or two have no room."""
    sources, here = {name: listed_source(settings, name) for name in plan.models}, device.choose()
    check_room([*sources.values()], here, settings.answer_bits)
    return ArmModels.load(plan.models, lambda name: load_chat(sources[name], here, settings.answer_bits))


def _figures(outcome: Report) -> dict[str, Any]:
    """Figures for the list of exams: every arm's share of right choices."""
    shares = {arm.arm: round(arm.choice.value, 4) for arm in outcome.figures.arms.values() if arm.choice.questions}
    return {"choice": shares, "questions": len(outcome.questions)}
