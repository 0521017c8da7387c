"""An exam as files to keep: HTML without scripts, JSON with everything, CSV that no spreadsheet takes for formulas."""

import csv
import io
import json
import math
import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import Plan
from playground.evaluation.report_html import render_html
from playground.evaluation.statements import statement_record
from playground.files import spreadsheet_cell

HTML, JSON, CSV = FILES = ("report.html", "report.json", "answers.csv")
COLUMNS = (
    "arm", "kind", "question", "truth", "answer", "outcome", "choice_right", "exact", "f1", "rouge_l",
    "seconds", "tokens", "prompt_tokens", "stamp", "useful", "fact_recall", "term_support", "ended", "loops", "echo",
    "new_names",
)  # fmt: skip


def reproduce_command(plan: Plan, questions: Path) -> str:
    """The command that gives the same exam again, on a machine that has the plan's folders."""
    words = ["python", "-m", "playground", "exam"]
    words += [f"--adapter={plan.adapter}"] if plan.adapter else []
    words += [f"--index={plan.index}"] if plan.index else []
    words += [f"--questions={questions}", f"--arms={','.join(plan.arms)}"]
    words += [f"--model={plan.base}"] if plan.base in plan.models and plan.base else []
    words += [f"--untuned-model={plan.untuned_base}"] if plan.untuned_base else []
    words += ["--drill"] if plan.drill else []
    words += [f"--facts={plan.settings.facts}"] if plan.settings.facts != ExamSettings().facts else []
    words += [f"--orders={plan.settings.orders}"] if plan.settings.orders != ExamSettings().orders else []
    return shlex.join([*words, f"--seed={plan.settings.seed}", "--out=DIR"])


def hide_paths(plan: Plan) -> Plan:
    """The plan with placeholders for its folders: a report does not show where the host keeps them."""
    adapter, index = Path("ADAPTER") if plan.adapter else None, Path("INDEX") if plan.index else None
    base = "BASE" if Path(plan.base).is_absolute() else plan.base
    untuned = "MODEL" if Path(plan.untuned_base).is_absolute() else plan.untuned_base
    return replace(plan, adapter=adapter, index=index, base=base, untuned_base=untuned)


def write_report(report: Report, folder: Path, command: str, language: str = "en") -> None:
    """Write all three files; `command` is what would give the same exam again."""
    (folder / JSON).write_text(json.dumps(record(report, command), indent=1, ensure_ascii=False), encoding="utf-8")
    (folder / HTML).write_text(render_html(report, command, language), encoding="utf-8")
    (folder / CSV).write_text(answers_csv(report), encoding="utf-8", newline="")


def record(report: Report, command: str) -> dict[str, Any]:
    """Everything, ready for JSON: questions, answers, grades, figures, verdict, stamp, and how to get them again.

    A figure without a finite value is null.
    """
    return _finite(
        {
            "command": command,
            "stamp": dict(report.stamp),
            "plan": hide_paths(report.plan).to_dict(),
            "models": dict(report.models),
            "verdict": [statement_record(each, report.models) for each in report.verdict],
            "figures": report.figures.to_dict(),
            "causes": {arm: dict(counted) for arm, counted in report.causes.items()},
            "costs": asdict(report.costs),
            "break_even": asdict(report.even) if report.even else None,
            "drill": asdict(report.drill) if report.drill else None,
            "judged": {arm: asdict(share) for arm, share in report.judged.items()},
            "facts": report.facts.to_dict() if report.facts else None,
            "orders": report.orders.to_dict() if report.orders else None,
            "left_out": sorted(report.known),
            "questions": [each.to_dict() for each in report.questions],
            "answers": [each.to_dict() for each in report.results],
        }
    )


def answers_csv(report: Report) -> str:
    """One row per answer, in the order of COLUMNS; no cell is read as a formula."""
    by_id = {each.id: each for each in report.questions}
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for each in report.results:
        question = by_id[each.question]
        truth = " | ".join(question.answers)
        row = [each.arm, question.kind, question.question, truth, each.text, each.outcome, each.choice == 0]
        row += [each.exact, each.f1, each.rouge_l, each.seconds, each.tokens, each.prompt_tokens, each.stamp]
        row += [each.useful, each.fact_recall, each.term_support, each.ended, each.loops, each.echo]
        row += [" | ".join(each.new_names) if each.new_names is not None else None]
        writer.writerow([spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def _finite(value: Any) -> Any:
    """The same value for JSON, which has no NaN and no infinity: null in their place."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
