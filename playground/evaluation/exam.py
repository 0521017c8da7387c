"""An exam in a folder: its plan, questions, answers and report. It can be stopped and resumed like a run."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import transformers

from adapters.options import build
from playground.chat.turns import TUNING
from playground.errors import UserError
from playground.evaluation import knowledge_edit as drilling
from playground.evaluation import questions, results
from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.arm_models import ArmModels, ModelNames, counterparts
from playground.evaluation.arms import Material, right_passages
from playground.evaluation.bootstrap import Figure
from playground.evaluation.config import ExamSettings
from playground.evaluation.contamination import QuestionFault
from playground.evaluation.costs import BreakEven, Costs, break_even, measure_costs
from playground.evaluation.error_analysis import count_causes
from playground.evaluation.fact_test import FactTest, measure_facts, read_facts, write_facts
from playground.evaluation.figures import Figures
from playground.evaluation.knowledge_edit import Drill
from playground.evaluation.order_test import OrderTest, measure_orders, tell_orders
from playground.evaluation.question_set import QuestionSet
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult
from playground.evaluation.runner import ExamProgress, run_arms
from playground.evaluation.statements import Statement
from playground.evaluation.verdict import VerdictInput, draw_verdict
from playground.files import never
from playground.inference.forward import forward_of
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel
from playground.storage.run_folder import (
    ANSWERS,
    holds_run,
    read_config,
    read_documents,
    read_hashes,
    write_config,
    write_documents,
    write_hashes,
)
from playground.training.config import RunConfig
from retrieval.build import build as build_index
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.persistence import load

QUESTIONS = "questions.jsonl"
SECOND = "untuned_base"  # the hash of the model of the arms without an adapter, where that is another one
DRILL, FACTS = "drill", "facts"  # stand in the place of an arm in the progress of these, like ORDERS


@dataclass(frozen=True)
class Plan:
    """The plan of an exam. `adapter` and `index` are folders, `hashes` identify their content at planning time.

    If the index has been deleted since, it is built again with the embedder of the name `embedder`, or with the host's
    own where that is empty. `base` names the chat model; empty is the host's own. `untuned_base` names that of the arms
    without an adapter; empty is the same.

    Raises:
        UserError: a drill with two models; it changes and asks one.
    """

    settings: ExamSettings
    arms: tuple[str, ...]
    adapter: Path | None
    index: Path | None
    findings: tuple[QuestionFault, ...] = ()
    hashes: Mapping[str, str] | None = None
    embedder: str = ""
    drill: bool = False
    base: str = ""
    untuned_base: str = ""

    def __post_init__(self) -> None:
        tuned, untuned = self.models
        if self.drill and tuned != untuned:
            raise UserError(
                f"The edit-a-fact drill trains and asks one chat model, but the ways of answering without an adapter "
                f"are to use {untuned}. Let all of them use the same model, or leave the drill out."
            )

    @property
    def models(self) -> tuple[str, str]:
        """The names of the chat models of the arms with an adapter and of those without, where both are asked.

        Where only one kind is asked, both names are that kind's: no other model has to be loaded.
        """
        other = self.untuned_base or self.base
        if self.adapter is None:
            return other, other
        only_tuned = self.arms and all(arm in TUNING for arm in self.arms)
        return self.base, self.base if only_tuned else other

    def to_dict(self) -> dict[str, Any]:
        """JSON form as in the exam's folder; `kind` distinguishes it from a training run's config."""
        paths = {name: str(path) if path else None for name, path in (("adapter", self.adapter), ("index", self.index))}
        return {"kind": "exam", **asdict(self), **paths}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Plan":
        """The inverse of `to_dict`."""
        return cls(
            settings=build(ExamSettings, stored["settings"]),
            arms=tuple(stored["arms"]),
            adapter=Path(stored["adapter"]) if stored["adapter"] else None,
            index=Path(stored["index"]) if stored["index"] else None,
            findings=tuple(QuestionFault(**each) for each in stored["findings"]),
            hashes=stored["hashes"],
            embedder=stored["embedder"],
            drill=stored["drill"],
            base=stored.get("base", ""),
            untuned_base=stored.get("untuned_base", ""),
        )


def load_material(
    plan: Plan, documents: Sequence[Document], chat: ChatModel, embedder: Callable[[str], Embedder]
) -> Material:
    """Load what the plan's arms work with; `chat` is the adapter's model.

    `embedder` loads one by name, and only if an arm needs it.

    Raises:
        UserError, RetrievalError, MethodError: adapter or index cannot be used.
    """
    adapter = load_adapter(plan.adapter, chat) if plan.adapter else None
    if plan.index is None:
        return Material(documents, adapter=adapter)
    encoder = embedder(plan.embedder)
    index = load(plan.index, encoder) if plan.index.is_dir() else build_index(documents, encoder)
    return Material(documents, index, encoder, adapter)


@dataclass(frozen=True)
class Report:
    """The outcome of an exam.

    `known` are the ids of the questions left out of the figures because the base model knows their answers; `judged`
    is the share of right answers per arm in the opinion of a judge model. `models` names each arm's model if there are
    two.
    """

    plan: Plan
    questions: Sequence[Question]
    results: Sequence[ArmResult]
    known: set[str]
    figures: Figures
    causes: Mapping[str, Mapping[str, int]]
    costs: Costs
    even: BreakEven | None
    verdict: Sequence[Statement]
    drill: Drill | None
    stamp: Mapping[str, Any]
    judged: Mapping[str, Figure] = field(default_factory=dict)
    facts: FactTest | None = None
    orders: OrderTest | None = None
    models: ModelNames = field(default_factory=dict)


def write_exam(folder: Path, plan: Plan, drawn: QuestionSet, documents: Sequence[Document]) -> None:
    """Write the plan, the questions and the text of an exam that starts later."""
    folder.mkdir(parents=True, exist_ok=True)
    write_documents(folder, documents)
    write_config(folder, plan.to_dict())
    questions.write_questions(drawn.questions, folder / QUESTIONS)


def read_exam(folder: Path) -> tuple[Plan, list[Question]]:
    """The plan and the questions in an exam's folder.

    Raises:
        UserError: the folder is damaged, or has no exam.
    """
    try:
        plan = Plan.from_dict(read_config(folder))
        plan = replace(plan, hashes=plan.hashes or read_hashes(folder))
        return plan, questions.read_questions(folder / QUESTIONS)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise UserError(f"The exam in {folder} is damaged and cannot go on. Start it anew.") from fault


def run_exam(
    folder: Path, models: ArmModels, material: Material, should_stop: Callable[[], bool] = never
) -> Iterator[ExamProgress | Report]:
    """Answer the open questions of the exam in the folder, yielding progress, then the report unless stopped.

    Raises:
        UserError: the folder is damaged, or adapter, index or models are not those of the plan.
    """
    plan, asked = read_exam(folder)
    now = content_hashes(models, material)
    if plan.hashes is None:
        plan = replace(plan, hashes=now)
        write_hashes(folder, now)
    elif not _is_same(plan.hashes, now):
        raise UserError(f"The model, adapter or index of the exam in {folder} has changed since. Start it anew.")
    step = None
    for step in run_arms(models, asked, plan.arms, material, plan.settings, folder / ANSWERS, should_stop):
        yield step
    if step is None or step.done < step.total:
        return
    facts = orders = drill = None
    for outcome in chain(
        _measure_or_read_facts(plan, folder, models.tuned, material, should_stop),
        measure_orders(models, plan.arms, asked, material, plan.settings, folder, should_stop),
        _run_or_read_drill(plan, folder, asked, models.tuned, material, should_stop),
    ):
        if isinstance(outcome, FactTest):
            facts = outcome
        elif isinstance(outcome, OrderTest):
            orders = outcome
        elif isinstance(outcome, Drill):
            drill = outcome
        else:
            yield replace(step, arm=outcome if isinstance(outcome, str) else DRILL, seconds_left=None)
    open_tests = (
        not facts and _has_fact_test(plan, material),
        not orders and plan.settings.orders,
        not drill and plan.drill,
    )
    if not any(open_tests) or not should_stop():
        found = results.read_results(folder / ANSWERS)
        yield build_report(plan, asked, found, models, material, drill, facts, orders)


def _has_fact_test(plan: Plan, material: Material) -> bool:
    """Whether the plan wants facts, and has an adapter for which they show what training changed."""
    return plan.settings.facts > 0 and material.adapter is not None


def _measure_or_read_facts(
    plan: Plan, folder: Path, chat: ChatModel, material: Material, should_stop: Callable[[], bool]
) -> Iterator[str | FactTest]:
    """FACTS before it begins, then the fact test of base and adapter; only the test where the folder has it.

    `chat` is the adapter's model, with and without the adapter, whatever the arms without one answer with. No test for
    a text without facts, or once stopped.
    """
    if not _has_fact_test(plan, material):
        return
    settings = plan.settings
    found = read_facts(folder, settings.seed)
    if found is None:
        yield FACTS
        found = measure_facts(chat, material.documents, settings.facts, material.adapter, settings.seed, should_stop)
        if found is None:
            return
        write_facts(found, folder)
    yield found


def _run_or_read_drill(
    plan: Plan,
    folder: Path,
    asked: Sequence[Question],
    chat: ChatModel,
    material: Material,
    should_stop: Callable[[], bool],
) -> Iterator[float | Drill]:
    """Progress as a share, then the drill, if it was planned and the run can be trained again.

    A drill that has finished before is read from the folder.
    """
    done = folder / drilling.RESULT
    if done.exists():
        yield Drill.from_dict(json.loads(done.read_text(encoding="utf-8")))
        return
    changed = drilling.choose_fact(asked, material.documents, plan.settings.seed)
    run = plan.adapter.parent if plan.adapter else None
    if not plan.drill or run is None or changed is None or not holds_run(run):
        return
    config = RunConfig.from_dict(read_config(run))
    trained_on = read_documents(run)
    yield from drilling.run_drill(chat, changed, material, config, trained_on, folder / drilling.FOLDER, should_stop)


def build_report(
    plan: Plan,
    asked: Sequence[Question],
    found: Sequence[ArmResult],
    models: ArmModels,
    material: Material,
    drill: Drill | None = None,
    facts: FactTest | None = None,
    orders: OrderTest | None = None,
) -> Report:
    """The report on the answers `found`: figures, causes, costs and verdict, without the questions known to base."""
    known_to_base, names = results.known_to_base(asked, found), models.names
    known = left_out(known_to_base, names)
    counted = [each for each in asked if each.id not in known]
    leaked = {each.question for each in plan.findings if each.fault == "leak"}
    figures = aggregate_results(counted, found, leaked, plan.settings.seed, names)
    not_in_text = {each.id for each in counted if each.kind in OF_THE_TEXT and not right_passages(each, material)}
    why = count_causes(counted, found, not_in_text, names)
    costs = measure_costs(material, plan.adapter)
    tuned, rag = (figures.arms.get(name) for name in ("tuned", "rag"))
    even = break_even(costs, tuned.seconds, rag.seconds) if tuned and rag else None
    undrilled = plan.drill and drill is None
    leaks = len(leaked & {each.id for each in counted})
    kept = len(known_to_base - known)
    rests_on = VerdictInput(figures, why, costs, even, leaks, len(known), drill, undrilled, facts, kept, names)
    verdict = [*draw_verdict(rests_on), *tell_orders(orders)]
    stamp = _stamp(models, material)
    return Report(plan, asked, found, known, figures, why, costs, even, verdict, drill, stamp, {}, facts, orders, names)


def left_out(known: set[str], models: ModelNames) -> set[str]:
    """Of the questions that the base model knows without the text, the ids of those that the figures leave out.

    With one model all of them: they do not show what training or retrieval adds to it. With two models none. The
    adapter's model is not asked without its adapter, so what it knew before cannot be left out. To leave out only what
    the other one knows would take right answers from that one's arms alone, and the question is now which of the two
    sides answers better, whatever they know it from.
    """
    return known if counterparts(models) else set()


def content_hashes(models: ArmModels, material: Material) -> dict[str, str]:
    """Hashes of all that the answers depend on: models, weights, text, adapter and index."""
    digest = hashlib.sha256()
    for document in material.documents:
        digest.update(f"{document.name}\0{document.text}\0".encode())
    named = {"base": models.tuned.hash, "weights": _weights(models.tuned), "text": digest.hexdigest()[:16]}
    if models.are_two:
        named |= {SECOND: models.untuned.hash, "untuned_weights": _weights(models.untuned)}
    if material.adapter is not None:
        named["adapter"] = material.adapter.hash
    if material.index is not None:
        named["index"] = material.index.hash
    return named


def _is_same(planned: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether what was planned is at hand, and no second model beside it; what an older plan does not name is free."""
    return all(now.get(name) == planned.get(name) for name in {*planned, SECOND})


def _weights(chat: ChatModel) -> str:
    return forward_of(chat.model, chat.bits).weight_dtype


def _stamp(models: ArmModels, material: Material) -> dict[str, Any]:
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    named = {"model": models.tuned.name, **({"untuned_model": models.untuned.name} if models.are_two else {})}
    return {**named, **content_hashes(models, material), "versions": versions}
