"""An exam in a folder: its plan, questions, answers and report. It can be stopped and resumed like a run."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.evaluation import knowledge_edit as drilling
from playground.evaluation import results
from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.arm_models import ArmModels, ModelNames, counterparts
from playground.evaluation.arms import Material, right_passages
from playground.evaluation.bootstrap import Figure
from playground.evaluation.costs import BreakEven, Costs, break_even, measure_costs
from playground.evaluation.error_analysis import count_causes
from playground.evaluation.exam_plan import Plan, read_exam
from playground.evaluation.fact_test import FactTest, measure_facts, read_facts, write_facts
from playground.evaluation.figures import Figures
from playground.evaluation.knowledge_edit import Drill
from playground.evaluation.order_test import OrderTest, measure_orders, tell_orders
from playground.evaluation.provenance import content_hashes, draw_stamp, is_same_content
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult
from playground.evaluation.runner import ExamProgress, run_arms
from playground.evaluation.statements import Statement
from playground.evaluation.verdict import VerdictInput, draw_verdict
from playground.files import never
from playground.inference.served_adapter import load_adapter
from playground.models import registry
from playground.models.chat_model import ChatModel
from playground.settings import Settings
from playground.storage.run_folder import (
    ANSWERS,
    holds_run,
    read_config,
    read_documents,
    write_hashes,
)
from playground.training.config import RunConfig
from retrieval.build import build as build_index
from retrieval.document import Document
from retrieval.embed import Embedder
from retrieval.persistence import load, saved_encoder

DRILL, FACTS = "drill", "facts"  # stand in the place of an arm in the progress of these, like ORDERS


def load_material(plan: Plan, documents: Sequence[Document], chat: ChatModel, settings: Settings) -> Material:
    """Load what the plan's arms work with; `chat` is the adapter's model.

    Raises:
        UserError, RetrievalError, MethodError: adapter or index cannot be used.
    """
    adapter = load_adapter(plan.adapter, chat) if plan.adapter else None
    if plan.index is None:
        return Material(documents, adapter=adapter)
    encoder = load_embedder(plan, settings)
    index = load(plan.index, encoder) if plan.index.is_dir() else build_index(documents, encoder)
    return Material(documents, index, encoder, adapter)


def load_embedder(plan: Plan, settings: Settings) -> Embedder:
    """The embedder that the plan's index was built with; where the index is gone, the one that the plan names.

    Raises:
        UserError, RetrievalError: it is not on this machine, or the index is damaged.
    """
    if plan.index and plan.index.is_dir():
        source = registry.embedder_by_hash(settings, *saved_encoder(plan.index))
    else:
        source = registry.installed_embedder(settings, plan.embedder)
    return Embedder(source.folder, name=source.name)


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


def run_exam(
    folder: Path,
    models: ArmModels,
    material: Material,
    should_stop: Callable[[], bool] = never,
    with_report: bool = True,
) -> Iterator[ExamProgress | Report]:
    """Answer the open questions of the exam in the folder, yielding progress, then the report unless stopped.

    A part of an exam has no report: whoever joins the parts writes it.

    Raises:
        UserError: the folder is damaged, or adapter, index or models are not those of the plan.
    """
    plan, asked = read_exam(folder)
    now = content_hashes(models, material)
    if plan.hashes is None:
        plan = replace(plan, hashes=now)
        write_hashes(folder, now)
    elif not is_same_content(plan.hashes, now):
        raise UserError(f"The model, adapter or index of the exam in {folder.name} has changed since. Start it anew.")
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
    if with_report and (not any(open_tests) or not should_stop()):
        found = results.in_order(results.read_results(folder / ANSWERS), plan.arms, asked)
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
    stamp = draw_stamp(models, material)
    return Report(plan, asked, found, known, figures, why, costs, even, verdict, drill, stamp, {}, facts, orders, names)


def left_out(known: set[str], models: ModelNames) -> set[str]:
    """Of the questions that the base model knows without the text, the ids of those that the figures leave out.

    With one model all of them: they do not show what training or retrieval adds to it. With two models none. The
    adapter's model is not asked without its adapter, so what it knew before cannot be left out. To leave out only what
    the other one knows would take right answers from that one's arms alone, and the question is now which of the two
    sides answers better, whatever they know it from.
    """
    return known if counterparts(models) else set()
