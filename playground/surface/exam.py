"""An exam in a folder: questions about a text to every arm, graded here, with a verdict and a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.options import build
from playground.evaluation import contamination, exam, question_set, questions, report
from playground.evaluation.arms import ARMS, Material
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import Plan, Report
from playground.evaluation.paraphrase import completer
from playground.evaluation.question_set import QuestionSet
from playground.evaluation.runner import ExamProgress
from playground.evaluation.statements import render_statement
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import EXAM_FILES
from playground.surface.arms import Arms
from playground.surface.training import remove_files
from retrieval.persistence import save

INDEX = "index"  # of a text that was indexed in memory alone, in the exam's folder


@dataclass(frozen=True)
class Examined:
    """What an exam found; `report` has every figure, answer and difference."""

    folder: Path
    report: Report

    @property
    def verdict(self) -> list[str]:
        """The verdict in English, warnings first."""
        return [render_statement(each) for each in self.report.verdict]


def examine(
    arms: Arms,
    out: Path | str,
    names: Sequence[str] = (),
    file: Path | str | None = None,
    on_progress: Callable[[ExamProgress], object] = lambda _: None,
    **settings: object,
) -> Examined:
    """Ask these arms, or all that can answer, questions made from the text or read from a `file`; grade and compare.

    The folder gets the questions, the answers and report.html; an earlier exam there is replaced. `settings` holds
    `limit` (of questions), `seed`, `facts` and others of `ExamSettings`.

    Raises:
        UserError: a setting, the file or an arm cannot be used.
    """
    folder, index = Path(out), arms.index
    place = arms.folder
    if index is not None and place is None:
        place = folder / INDEX
        save(index, place)
    plan = Plan(build(ExamSettings, settings), tuple(names), arms.adapter_folders.get("adapter"), place)
    embedder = arms.embedder if index is not None else None
    material = Material(arms.documents, index, embedder, arms.adapters.get("adapter"))
    begin_exam(folder, plan, material, arms.chat, Path(file) if file else None, plan.settings.limit)
    for outcome in exam.run_exam(folder, arms.chat, material):
        if isinstance(outcome, Report):
            write_report(outcome, folder)
            return Examined(folder, outcome)
        on_progress(outcome)
    raise RuntimeError("The exam ended without a report.")


def begin_exam(
    out: Path, plan: Plan, material: Material, chat: ChatModel, file: Path | None, most: int | None = None
) -> QuestionSet:
    """Generate the questions, or read at most so many, and write the exam's folder in place of an earlier exam's."""
    remove_files(out, EXAM_FILES)
    rows = contamination.read_taught_items(plan.adapter.parent, chat.tokenizer) if plan.adapter else []
    if file is not None:
        own = questions.read_questions(file, material.documents)[:most]
        drawn = question_set.from_file(own, material.documents, plan.settings.seed, rows)
    else:
        limit, seed = plan.settings.limit, plan.settings.seed
        drawn = question_set.from_text(material.documents, limit, seed, rows, completer(chat))
    arms = plan.arms or tuple(arm for arm in ARMS if arm in material.available_arms())
    hashes = exam.content_hashes(chat, material)
    plan = replace(plan, arms=arms, findings=tuple(drawn.findings), hashes=hashes)
    exam.write_exam(out, plan, drawn, material.documents)
    return drawn


def write_report(found: Report, out: Path) -> None:
    """Write the report's files into the exam's folder."""
    report.write_report(found, out, report.reproduce_command(found.plan, out / exam.QUESTIONS))
