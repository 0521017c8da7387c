"""An exam in a folder: questions about a text to every arm, graded here, with a verdict and a report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.options import build
from playground.chat.turns import FEW_SHOT
from playground.device import choose
from playground.evaluation import contamination, exam, question_set, questions, report
from playground.evaluation.arm_models import ArmModels
from playground.evaluation.arms import Material
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import QUESTIONS, Plan, write_exam
from playground.evaluation.paraphrase import completer
from playground.evaluation.question_set import QuestionSet
from playground.evaluation.runner import ExamProgress
from playground.evaluation.statements import render_statement
from playground.models.chat_choice import check_room, listed_chats
from playground.models.chat_model import ChatModel, load_chat
from playground.models.gguf_model import find_unpacked, is_gguf, unpack_gguf
from playground.models.registry import ModelSource, chat_source, gguf_file
from playground.settings import Settings
from playground.storage.run_folder import EXAM_FILES, write_documents
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
        return [render_statement(each, models=self.report.models) for each in self.report.verdict]


def examine(
    arms: Arms,
    out: Path | str,
    names: Sequence[str] = (),
    file: Path | str | None = None,
    on_progress: Callable[[ExamProgress], object] = lambda _: None,
    untuned_model: str = "",
    **settings: object,
) -> Examined:
    """Ask these arms, or all that can answer, questions made from the text or read from a `file`; grade and compare.

    The folder gets the questions, the answers and report.html; an earlier exam there is replaced. The arms without an
    adapter answer with the chat model `untuned_model` (a name of the host's list, a folder or a GGUF file), or with
    that of the adapter. `settings` holds `limit` (of questions), `seed`, `facts` and others of `ExamSettings`.

    Raises:
        UserError: a setting, the file, the model or an arm cannot be used.
    """
    folder, index = Path(out), arms.index
    place = arms.folder
    if index is not None and place is None:
        place = folder / INDEX
        save(index, place)
        write_documents(place, arms.documents)
    adapter, other = arms.adapter_folders.get("adapter"), name_other_model(arms.settings, untuned_model)
    plan = Plan(build(ExamSettings, settings), tuple(names), adapter, place, untuned_base=other)
    models = load_models(plan, arms.settings, arms.chat)
    embedder = arms.embedder if index is not None else None
    material = Material(arms.documents, index, embedder, arms.adapters.get("adapter"))
    begin_exam(folder, plan, material, models, Path(file) if file else None, plan.settings.limit)
    for outcome in exam.run_exam(folder, models, material):
        if isinstance(outcome, Report):
            write_report(outcome, folder)
            return Examined(folder, outcome)
        on_progress(outcome)
    raise RuntimeError("The exam ended without a report.")


def name_other_model(settings: Settings, wanted: str, own: str = "") -> str:
    """How a plan names a chat model; "" where that is `own`, or without this the host's own.

    A path is made absolute, for a resumption.

    Raises:
        UserError: it is not on this machine.
    """
    if not wanted or _source(settings, wanted).folder == _source(settings, own).folder:
        return ""
    path = Path(wanted).expanduser()
    return str(path.resolve()) if path.exists() else wanted


def load_models(plan: Plan, settings: Settings, own: ChatModel | None = None) -> ArmModels:
    """The plan's chat models, each loaded once; `own` is the host's, where it is loaded already.

    Raises:
        UserError: one cannot be loaded, or the memory has no room for two.
    """
    sources, here = {name: _source(settings, name) for name in plan.models}, choose()
    check_room([*sources.values()], here, settings.answer_bits, loaded=int(own is not None and not plan.models[0]))

    def load(name: str) -> ChatModel:
        return own if own and not name else load_chat(sources[name], here, settings.answer_bits)

    return ArmModels.load(plan.models, load)


def begin_exam(
    out: Path, plan: Plan, material: Material, models: ArmModels, file: Path | None, most: int | None = None
) -> QuestionSet:
    """Generate the questions, or read at most so many, and write the exam's folder in place of an earlier exam's."""
    rows = contamination.read_taught_items(plan.adapter.parent, models.tuned.tokenizer) if plan.adapter else []
    if file is not None:
        own = questions.read_questions(file, material.documents)[:most]
        drawn = question_set.from_file(own, material.documents, plan.settings.seed, rows)
    else:
        limit, seed = plan.settings.limit, plan.settings.seed
        drawn = question_set.from_text(material.documents, limit, seed, rows, completer(models.tuned))
    arms = plan.arms or tuple(arm for arm in material.available_arms() if arm != FEW_SHOT or material.pairs)
    hashes = exam.content_hashes(models, material)
    plan = replace(plan, arms=arms, findings=tuple(drawn.findings), hashes=hashes)
    remove_files(out, EXAM_FILES)  # the file of questions may be that of the earlier exam
    write_exam(out, plan, drawn, material.documents)
    return drawn


def write_report(found: Report, out: Path) -> None:
    """Write the report's files into the exam's folder."""
    report.write_report(found, out, report.reproduce_command(found.plan, out / QUESTIONS))


def _source(settings: Settings, wanted: str) -> ModelSource:
    """Where a chat model is: one of the host's list by its name, or any by its folder, GGUF file or id.

    A GGUF file is made ready first, which takes a minute once.
    """
    listed = {each.name: each.wanted for each in listed_chats(settings)}
    name = listed.get(wanted, wanted)
    if is_gguf(name):
        file = gguf_file("The exam", name)
        if find_unpacked(file, settings.models) is None:
            unpack_gguf(file, settings.models)
    return chat_source(settings, name)
