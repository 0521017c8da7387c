"""An exam as files to keep: HTML without scripts, JSON with everything, CSV that no spreadsheet takes for formulas."""

import csv
import io
import json
import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from html import escape
from pathlib import Path
from typing import Any

from playground.charts.bars import COLOURS, IntervalBar, bars, draw_stacked_bars, line
from playground.evaluation.aggregate import ArmFigures
from playground.evaluation.bootstrap import Figure
from playground.evaluation.error_analysis import CAUSES
from playground.evaluation.exam import Plan, Report
from playground.evaluation.questions import OF_THE_TEXT, Question
from playground.evaluation.results import ArmResult
from playground.evaluation.verdict import as_record, catalogue, percent, say
from playground.files import spreadsheet_cell

HTML, JSON, CSV = FILES = ("report.html", "report.json", "answers.csv")
TOPICS = ("who", "words", "kinds", "learnt", "why", "cost", "change", "mind")
OTHERS = ("perplexity", "recall", "abstention", "general", "seconds", "tokens", "prompt_tokens", "megabytes")
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;font-size:.85rem;display:block;overflow-x:auto}
td,th{border:1px solid #d1d5db;padding:.25rem .5rem;text-align:left;vertical-align:top}
svg{width:100%;height:auto;font:12px system-ui,sans-serif}
.right{background:#dcfce7}.who{font-size:1.15rem}pre{white-space:pre-wrap;background:#f3f4f6;padding:.75rem}
"""


def command(plan: Plan, questions: Path) -> str:
    """What gives the same exam again, on a machine where the plan's folders are what they were here."""
    words = ["python", "-m", "playground", "exam"]
    words += [f"--adapter={plan.adapter}"] if plan.adapter else []
    words += [f"--index={plan.index}"] if plan.index else []
    words += [f"--questions={questions}", f"--arms={','.join(plan.arms)}"]
    words += ["--drill"] if plan.drill else []
    return shlex.join([*words, f"--seed={plan.settings.seed}", "--out=DIR"])


def without_places(plan: Plan) -> Plan:
    """The plan with words for its folders: where a host keeps them is nobody else's business."""
    adapter, index = Path("ADAPTER") if plan.adapter else None, Path("INDEX") if plan.index else None
    return replace(plan, adapter=adapter, index=index)


def write(report: Report, folder: Path, command: str, language: str = "en") -> None:
    """All three files; `command` is what would give the same exam again."""
    (folder / JSON).write_text(json.dumps(record(report, command), indent=1, ensure_ascii=False), encoding="utf-8")
    (folder / HTML).write_text(html(report, command, language), encoding="utf-8")
    (folder / CSV).write_text(table(report), encoding="utf-8", newline="")


def record(report: Report, command: str) -> dict[str, Any]:
    """Everything: every question, answer, grade and stamp, all figures, the verdict, and how to get them again."""
    return _finite(
        {
            "command": command,
            "stamp": dict(report.stamp),
            "plan": without_places(report.plan).to_dict(),
            "verdict": [as_record(each) for each in report.verdict],
            "figures": report.figures.to_dict(),
            "causes": {arm: dict(counted) for arm, counted in report.causes.items()},
            "costs": asdict(report.costs),
            "break_even": asdict(report.even) if report.even else None,
            "drill": asdict(report.drill) if report.drill else None,
            "judged": {arm: asdict(share) for arm, share in report.judged.items()},
            "left_out": sorted(report.known),
            "questions": [each.to_dict() for each in report.questions],
            "answers": [each.to_dict() for each in report.results],
        }
    )


def table(report: Report) -> str:
    """One row an answer."""
    asked = {each.id: each for each in report.questions}
    columns = ["arm", "kind", "question", "truth", "answer", "outcome", "choice_right", "exact", "f1", "rouge_l"]
    columns += ["seconds", "tokens", "prompt_tokens", "stamp"]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for each in report.results:
        question = asked[each.question]
        truth = " | ".join(question.answers)
        row = [each.arm, question.kind, question.question, truth, each.text, each.outcome, each.choice == 0]
        row += [each.exact, each.f1, each.rouge_l, each.seconds, each.tokens, each.prompt_tokens, each.stamp]
        writer.writerow([spreadsheet_cell(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def html(report: Report, command: str, language: str) -> str:
    """One page with everything in it: nothing is loaded from anywhere, and every text is escaped."""
    words = catalogue(language)
    body = "".join([*_verdict(report, language), *_pictures(report, words), *_numbers(report, words)])
    stamp = escape(json.dumps(dict(report.stamp), indent=1, ensure_ascii=False))
    ends = f"<h2>{escape(words['report.again'])}</h2><pre>{escape(command)}\n\n{stamp}</pre>"
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(words['report.title'])}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(words['report.title'])}</h1>{body}{_answers(report, words)}{ends}</body></html>"
    )


def _verdict(report: Report, language: str) -> Iterator[str]:
    words = catalogue(language)
    for topic in TOPICS:
        said = [say(each, language) for each in report.verdict if each.topic == topic]
        if said:
            items = "".join(f"<li>{escape(each)}</li>" for each in said)
            yield f'<h2>{escape(words[f"topic.{topic}"])}</h2><ul class="{topic}">{items}</ul>'


def _pictures(report: Report, words: dict[str, str]) -> Iterator[str]:
    arms = report.figures.arms
    named = {name: words[f"name.{name}"] for name in arms}
    for key, figures, chance in (
        ("choice", {name: arm.choice for name, arm in arms.items()}, 0.25),
        ("right", {name: arm.right for name, arm in arms.items()}, None),
        ("invention", {name: arm.invention for name, arm in arms.items()}, None),
    ):
        rows = [_bar(named[name], figure, COLOURS[name]) for name, figure in figures.items()]
        yield f"<h2>{escape(words[f'plot.{key}'])}</h2>{bars(words[f'plot.{key}'], rows, chance)}"
    learnt = [
        _bar(f"{named[name]}: {words[f'name.{kind}']}", arms[name].kinds[kind], COLOURS[name])
        for name in arms
        for kind in ("recall", "reworded")
    ]
    yield f"<h2>{escape(words['plot.learnt'])}</h2>{bars(words['plot.learnt'], learnt, 0.25)}"
    causes = {cause: words[f"name.{cause}"] for cause in CAUSES}
    counted = {named[name]: dict(each) for name, each in report.causes.items()}
    yield f"<h2>{escape(words['plot.causes'])}</h2>{draw_stacked_bars(words['plot.causes'], counted, causes)}"
    if report.even:
        drawn = line(words["plot.even"], report.even.points, words["plot.edits"], words["plot.questions"])
        yield f"<h2>{escape(words['plot.even'])}</h2>{drawn}" if drawn else ""


def _bar(label: str, figure: Figure, colour: str) -> IntervalBar:
    return IntervalBar(label, figure.value, figure.low, figure.high, colour)


def _numbers(report: Report, words: dict[str, str]) -> Iterator[str]:
    """Every arm's figures, by kind of question too, and every difference."""
    arms = list(report.figures.arms.values())
    named = [words[f"name.{arm.arm}"] for arm in arms]
    shares = list(arms[0].shares) if arms else []
    heads = ["", *(words[f"column.{name}"] for name in (*shares, *OTHERS))]
    rows = [[name, *map(_share, arm.shares.values()), *_others(arm)] for name, arm in zip(named, arms, strict=True)]
    yield f"<h2>{escape(words['report.figures'])}</h2>{_table(heads, rows)}"
    kinds = [[name, *(_share(arm.kinds[kind]) for kind in OF_THE_TEXT)] for name, arm in zip(named, arms, strict=True)]
    yield _table(["", *(words[f"name.{kind}"] for kind in OF_THE_TEXT)], kinds)
    gaps = [
        [
            words[f"name.{each.first}"],
            words[f"name.{each.second}"],
            f"{100 * each.value:+.0f} ({100 * each.low:+.0f} – {100 * each.high:+.0f})",
            f"{each.adjusted:.3f}",
            "∞" if math.isinf(each.needed) else f"{each.needed:,.0f}",
        ]
        for each in report.figures.choices
    ]
    yield _table(["", "", words["column.gap"], words["column.p"], words["column.needed"]], gaps)


def _others(arm: ArmFigures) -> list[str]:
    """What is no share, in the order of OTHERS."""
    recall = ", ".join(f"@{k} {100 * figure.value:.0f} %" for k, figure in arm.recall.items() if figure.questions)
    abstained = f"{_plain(100 * arm.abstention_precision)} / {_plain(100 * arm.abstention_recall)}"
    general = (
        f"{_share(arm.general_choice)}, {_plain(arm.general_loss.value, 2)}" if arm.general_loss.questions else "–"
    )
    measured = (arm.seconds, 1), (arm.tokens, 0), (arm.prompt_tokens, 0), (arm.memory_bytes / 1e6, 0)
    perplexity = _plain(arm.perplexity.value, 1)
    return [perplexity, recall or "–", abstained, general, *(_plain(value, places) for value, places in measured)]


def _answers(report: Report, words: dict[str, str]) -> str:
    """Every question with what each arm said, folded away."""
    by_question: dict[str, list[ArmResult]] = {}
    for result in report.results:
        by_question.setdefault(result.question, []).append(result)
    faults = {each.question: each.fault for each in report.plan.findings}
    parts = []
    for question in report.questions:
        notes = [words[f"name.{question.kind}"]]
        notes += [words[f"fault.{faults[question.id]}"]] if question.id in faults else []
        notes += [words["fault.known"]] if question.id in report.known else []
        rows = "".join(_said(each, question, words) for each in by_question.get(question.id, []))
        truth = escape(" | ".join(question.answers) or words["report.none"])
        parts.append(
            f"<details><summary>{escape(question.question)} <small>({escape('; '.join(notes))})</small></summary>"
            f"<p>{escape(words['report.truth'])}: {truth}</p><table>{rows}</table></details>"
        )
    return f"<h2>{escape(words['report.answers'])}</h2>{''.join(parts)}"


def _said(result: ArmResult, question: Question, words: dict[str, str]) -> str:
    chose = question.choices[result.choice] if question.choices and result.choice >= 0 else "–"
    marked = ' class="right"' if result.right else ""
    cells = (words[f"name.{result.arm}"], result.text or "–", words[f"outcome.{result.outcome}"], chose)
    return f"<tr{marked}>{''.join(f'<td>{escape(each)}</td>' for each in cells)}</tr>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _share(figure: Figure) -> str:
    return percent(figure) if figure.questions else "–"


def _plain(value: float, places: int = 0) -> str:
    return f"{value:,.{places}f}" if math.isfinite(value) else "–"


def _finite(value: Any) -> Any:
    """The same for JSON, which has no word for what is no number: null."""
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
