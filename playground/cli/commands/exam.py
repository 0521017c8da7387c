"""`exam`: asks every arm questions about a text; one line per arm, then the verdict, and a report in the folder."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adapters.options import build
from playground.cli.commands.arguments import Line
from playground.cli.commands.train import stoppable
from playground.device import choose
from playground.evaluation import exam as evaluation_exam
from playground.evaluation import report
from playground.evaluation.arm_models import ArmModels, ModelNames
from playground.evaluation.arms import Material
from playground.evaluation.bootstrap import Difference
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import Plan, read_exam
from playground.evaluation.fact_test import FactTest
from playground.evaluation.figures import ArmFigures
from playground.evaluation.llm_judge import add_judgements
from playground.evaluation.order_test import OrderTest
from playground.evaluation.statements import FIRST, render_statement, share_text, statement_record
from playground.models.chat_model import load_chat
from playground.models.registry import ModelSource
from playground.settings import Settings
from playground.storage.run_folder import DOCUMENTS, read_documents
from playground.surface.exam import begin_exam, load_models, name_other_model, write_report
from retrieval.document import Document


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per arm, and one with the verdict.

    Raises:
        KeyboardInterrupt: Ctrl-C stopped the exam; all answers so far are kept.
    """
    plan = read_exam(args.out)[0] if args.resume else _plan_exam(args, settings)
    models = load_models(plan, settings)
    documents = read_documents(args.out) if args.resume else _documents(args)
    at_hand = evaluation_exam.load_material(plan, documents, models.tuned, settings)
    if not args.resume:
        yield from _begin(args, plan, at_hand, models)
    outcome = None
    with stoppable() as should_stop:
        for outcome in evaluation_exam.run_exam(args.out, models, at_hand, should_stop):
            if not isinstance(outcome, Report) and outcome.arm:
                remaining = f", {outcome.seconds_left:.0f} s left" if outcome.seconds_left else ""
                yield None, f"{outcome.done} of {outcome.total} answers ({outcome.arm}){remaining}"
    if not isinstance(outcome, Report):
        raise KeyboardInterrupt(f"Stopped; continue with `python -m playground exam --resume --out {args.out}`.")
    if args.judge:
        source = ModelSource("chat", args.judge.name, "folder", args.judge.resolve())
        outcome = add_judgements(outcome, load_chat(source, choose()))
    write_report(outcome, args.out)
    yield from _lines(outcome, args.out)


def _plan_exam(args: Namespace, settings: Settings) -> Plan:
    values = {name: vars(args)[name] for name in ("limit", "seed", "facts", "orders")}
    asked = build(ExamSettings, {name: value for name, value in values.items() if value is not None})
    base = name_other_model(settings, args.model)
    other = name_other_model(settings, args.untuned_model, base)
    arms = tuple(args.arms or ())
    return Plan(asked, arms, args.adapter, args.index, drill=args.drill, base=base, untuned_base=other)


def _documents(args: Namespace) -> list[Document]:
    """The documents of the index or, without one, of the run."""
    folders = [args.index] if args.index else [args.adapter, args.adapter.parent] if args.adapter else []
    return next((read_documents(folder) for folder in folders if (folder / DOCUMENTS).is_file()), [])


def _begin(args: Namespace, plan: Plan, at_hand: Material, models: ArmModels) -> Iterator[Line]:
    """Generate or read the questions and write the exam's folder, in place of an earlier exam."""
    drawn = begin_exam(args.out, plan, at_hand, models, args.questions, args.limit)
    total, leaked = len(drawn.questions), len(drawn.leaked_ids())
    yield None, f"{total} questions, of which {leaked} are in the training data"


def _lines(outcome: Report, out: Path) -> Iterator[Line]:
    for arm in outcome.figures.arms.values():
        yield _record(arm), _text(arm, outcome.models)
    sentences = [render_statement(each, models=outcome.models) for each in outcome.verdict]
    warnings = [each for each in outcome.verdict if each.topic in FIRST]
    record = {
        "verdict": "\n".join(sentences[: len(warnings) + 1]),
        "sentences": [statement_record(each, outcome.models) for each in outcome.verdict],
        "differences": _differences(outcome.figures.choices),
        "causes": {arm: dict(counted) for arm, counted in outcome.causes.items()},
        "leaked": sorted(each.question for each in outcome.plan.findings if each.fault == "leak"),
        "judged": {arm: vars(share) for arm, share in outcome.judged.items()},
        "left_out": len(outcome.known),
        "drill": asdict(outcome.drill) if outcome.drill else None,
        "quality_differences": {name: _differences(found) for name, found in outcome.figures.qualities.items()},
        "facts": _fact_record(outcome.facts) if outcome.facts else None,
        "orders": _order_record(outcome.orders) if outcome.orders else None,
        "models": dict(outcome.models),
        "report": str(out / report.HTML),
    }
    yield record, "\n".join([*sentences, f"The report is {out / report.HTML}"])


def _record(arm: ArmFigures) -> dict[str, Any]:
    return {
        "arm": arm.arm,
        "questions": arm.questions,
        "choice_accuracy": arm.choice.value,
        "choice_low": arm.choice.low,
        "choice_high": arm.choice.high,
        "f1": arm.f1.value,
        "f1_low": arm.f1.low,
        "f1_high": arm.f1.high,
        "right": arm.right.value,
        "right_low": arm.right.low,
        "right_high": arm.right.high,
        "exact": arm.exact.value,
        "rouge_l": arm.rouge_l.value,
        "format_errors": arm.broken.value,
        "invention_rate": arm.invention.value,
        "abstention_precision": arm.abstention_precision,
        "abstention_recall": arm.abstention_recall,
        "support": arm.support.value,
        "recall_at": {str(k): figure.value for k, figure in arm.recall.items()},
        "perplexity": arm.perplexity.value,
        "kinds": {kind: figure.value for kind, figure in arm.kinds.items() if figure.questions},
        "general_accuracy": arm.general_choice.value,
        "general_loss": arm.general_loss.value,
        "seconds_per_answer": arm.seconds,
        "tokens_per_answer": arm.tokens,
        "prompt_tokens": arm.prompt_tokens,
        "memory_bytes": arm.memory_bytes,
        "quality": {name: vars(figure) for name, figure in vars(arm.quality).items()},
    }


def _differences(found: Sequence[Difference]) -> list[dict[str, Any]]:
    return [{**vars(each), "differs": each.differs} for each in found]


def _fact_record(found: FactTest) -> dict[str, Any]:
    """The shares per arm and the gain; the sentences stand in the report."""
    return {
        "sentences": len(found.pairs),
        "shares": {arm: vars(share) for arm, share in found.shares.items()},
        "gain": vars(found.gain) if found.gain else None,
        "margins": {arm: vars(margin) for arm, margin in found.margins.items()},
        "margin_gain": vars(found.margin_gain) if found.margin_gain else None,
    }


def _order_record(found: OrderTest) -> dict[str, Any]:
    """What the report says without the answers."""
    return {name: each for name, each in found.to_dict().items() if name != "answers"}


def _text(arm: ArmFigures, models: ModelNames) -> str:
    name = f"{arm.arm} ({models[arm.arm]})" if arm.arm in models else arm.arm
    shares = {"choice": arm.choice, "free answer": arm.right, "F1": arm.f1, "useful": arm.quality.useful}
    shown_shares = [f"{name} {share_text(each)}" for name, each in shares.items()]
    return f"{name:9} {', '.join(shown_shares)}, {arm.seconds:.1f} s per answer"
