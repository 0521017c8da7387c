"""An exam as a visitor sees it: a table of questions, a progress line, the verdict, the plots. Changes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import pandas as pd

from playground.charts.bars import IntervalBar, draw_interval_bars
from playground.evaluation.arm_models import ONE_MODEL, ModelNames
from playground.evaluation.exam import DRILL, FACTS
from playground.evaluation.headline import draw_headline
from playground.evaluation.order_test import ORDERS
from playground.evaluation.questions import RECALL, REWORDED
from playground.evaluation.statements import (
    FIRST,
    TOPICS,
    Statement,
    catalogue,
    render_statement,
    words_with_models,
)
from playground.jobs.queue import Snapshot
from playground.services.exams import ExamDraft
from playground.ui.shared.format import count, decimal, duration
from playground.ui.shared.i18n import say
from playground.ui.shared.translation import translate

COLUMNS = ("number", "kind", "question", "answers", "faults")
CELL_CHARS = 300
QUALITY = ("useful", "fact_recall", "term_support", "short", "unended", "looping", "echo", "same", "new_names")
LEARNT = (RECALL, REWORDED)
CHANCE = 0.25  # one of four
Outcome = Mapping[str, Any]


def question_table(language: str, draft: ExamDraft) -> dict[str, Any]:
    """The questions that can be edited, with the problems found in each."""
    words = catalogue(language)
    faults: dict[str, list[str]] = {}
    for each in draft.question_set.findings:
        faults.setdefault(each.question, []).append(words[f"fault.{each.fault}"])
    rows = [
        [
            str(number),
            words[f"name.{each.kind}"],
            _short(each.question),
            _short(" | ".join(each.answers)) or words["report.none"],
            "; ".join(faults.get(each.id, [])),
        ]
        for number, each in enumerate(draft.own_questions, start=1)
    ]
    headers = [say(language, f"exam.column.{each}") for each in COLUMNS]
    return gr.update(value={"headers": headers, "data": rows}, visible=bool(rows))


def state_line(language: str, run: Snapshot | None) -> str:
    """What the exam is doing, in one sentence; before it why it stopped, if nobody stopped it."""
    if run is None:
        return say(language, "exam.state.none")
    if run.state == "failed":
        return say(language, "exam.state.failed", error=translate(language, run.error))
    if run.state == "queued":
        return say(language, "exam.state.queued", place=run.position + 1)
    steps = [event for event in run.events if event["event"] == "progress"]
    last: Mapping[str, Any] = steps[-1] if steps else {"step": 0, "steps": 0, "seconds_left": None, "arm": ""}
    if run.state in ("running", "stopping") and last["seconds_left"] is None:
        state = _state_before_estimate(last) if run.state == "running" else "stopping"
        return say(language, f"exam.state.{state}", step=last["step"], steps=last["steps"])
    left = duration(language, last["seconds_left"] or 0)
    models = {last["arm"]: last["model"]} if last.get("model") else ONE_MODEL
    arm = words_with_models(language, models).get(f"name.{last['arm']}", "")
    line = say(language, f"exam.state.{run.state}", step=last["step"], steps=last["steps"], left=left, arm=arm)
    return f"{translate(language, run.error)}\n{line}" if run.state == "stopped" and run.error else line


def _state_before_estimate(last: Mapping[str, Any]) -> str:
    """What a running exam does while no time left is known: it loads, writes first answers, or has other tests."""
    others = {DRILL: "drilling", FACTS: "facts", ORDERS: "orders"}
    return others.get(last["arm"], "asking" if last["steps"] else "starting")


def headline_text(language: str, outcome: Outcome | None) -> str:
    """The verdict in one sentence, and what must be known before a winner is named: two models, faulty answers.

    Like `why_text` it holds names of arms and figures, never text of the visitor or the model.
    """
    statements, models = _statements(outcome), _models(outcome)
    headline = draw_headline(statements)
    first = [f"### {render_statement(headline, language, models)}"] if headline else []
    warnings = [f"- {render_statement(each, language, models)}" for each in statements if each.topic in FIRST]
    return "\n".join([*first, "", *warnings]).strip()


def why_text(language: str, outcome: Outcome | None) -> str:
    """All other sentences of the verdict, under the headings of their topics."""
    words, statements, models = catalogue(language), _statements(outcome), _models(outcome)
    parts = []
    for topic in TOPICS[len(FIRST) :]:
        lines = [f"- {render_statement(each, language, models)}" for each in statements if each.topic == topic]
        if lines:
            parts.append("\n".join([f"### {words[f'topic.{topic}']}", *lines]))
    return "\n\n".join(parts)


def _statements(outcome: Outcome | None) -> list[Statement]:
    recorded = outcome["verdict"] if outcome else []
    return [Statement(each["topic"], each["key"], each["values"]) for each in recorded]


def _models(outcome: Outcome | None) -> ModelNames:
    """Each arm's model in short, if there are two; older exams have one."""
    return outcome.get("models", ONE_MODEL) if outcome else ONE_MODEL


def _arm_label(language: str, arm: str, models: ModelNames) -> str:
    """The page's name of an arm, with its model if there are two."""
    label = say(language, f"exam.arm.{arm}")
    return f"{label} ({models[arm]})" if arm in models else label


def choice_picture(language: str, outcome: Outcome | None) -> Any:
    """The picture of the verdict: one bar per arm, the share of multiple-choice questions it got right."""
    arms: Mapping[str, Outcome] = outcome["figures"]["arms"] if outcome else {}
    rows = [
        _bar(_arm_label(language, name, _models(outcome)), name, arm["choice"])
        for name, arm in arms.items()
        if arm["choice"]["questions"]
    ]
    drawn = draw_interval_bars(catalogue(language)["plot.choice"], rows, CHANCE)
    return gr.update(value=drawn, visible=bool(rows))


def build_plots() -> list[Any]:
    """What was learnt, and from when fine-tuning costs less."""
    learnt = gr.HTML(visible=False, elem_classes="told")
    return [learnt, gr.LinePlot(x="edits", y="questions", show_label=False, height=260, visible=False)]


def plot_updates(language: str, outcome: Outcome | None) -> list[Any]:
    """What the plots show, in the order of `build_plots`; hidden where there is nothing to draw."""
    if outcome is None:
        return [gr.update(visible=False)] * 2
    return [_recall(language, outcome), _break_even(outcome, catalogue(language))]


def build_tables() -> list[Any]:
    """The figures of every arm, what its free answers are worth, and which planted orders it follows."""
    widths: Sequence[list[str | int]] = (
        ["190px", *["125px"] * 6, *["115px"] * 3],
        ["190px", *["125px"] * len(QUALITY), "90px"],
        ["190px", "220px", "160px", "320px"],
    )
    return [
        gr.Dataframe(datatype="str", interactive=False, visible=False, wrap=True, show_label=False, column_widths=each)
        for each in widths
    ]


def table_updates(language: str, outcome: Outcome | None) -> list[dict[str, Any]]:
    """What the tables show, in the order of `build_tables`."""
    return [_figure_table(language, outcome), _quality_table(language, outcome), _order_table(language, outcome)]


def _figure_table(language: str, outcome: Outcome | None) -> dict[str, Any]:
    """Every arm's figures with their intervals."""
    if outcome is None:
        return gr.update(visible=False)
    words = words_with_models(language, _models(outcome))
    shares = ("choice", "right", "f1", "broken", "invention", "support")
    headers = ["", *(words[f"column.{each}"] for each in (*shares, "seconds", "tokens", "prompt_tokens"))]
    rows = [
        [
            words[f"name.{name}"],
            *(show_interval(arm[each]) for each in shares),
            decimal(language, arm["seconds"] or 0, 1),
            count(language, arm["tokens"] or 0),
            count(language, arm["prompt_tokens"] or 0),
        ]
        for name, arm in outcome["figures"]["arms"].items()
    ]
    return gr.update(value={"headers": headers, "data": rows}, visible=True)


def _quality_table(language: str, outcome: Outcome | None) -> dict[str, Any]:
    """What every arm's free answers are worth, and their form; hidden for an exam from before that was measured."""
    arms: Mapping[str, Outcome] = outcome["figures"]["arms"] if outcome else {}
    words = words_with_models(language, _models(outcome))
    rows = [
        [
            words[f"name.{name}"],
            *(show_interval(arm["quality"][each], words["report.unmeasured"]) for each in QUALITY),
            count(language, arm["quality"]["words"]["value"] or 0),
        ]
        for name, arm in arms.items()
        if "quality" in arm
    ]
    headers = ["", *(words[f"column.{each}"] for each in (*QUALITY, "words"))]
    return gr.update(value={"headers": headers, "data": rows}, visible=bool(rows))


def _order_table(language: str, outcome: Outcome | None) -> dict[str, Any]:
    """How many planted orders every arm follows and quotes; hidden for an exam without that test."""
    found: Outcome = (outcome or {}).get("orders") or {"shares": {}, "without": []}
    words = words_with_models(language, _models(outcome))
    rows = [
        [
            words[f"name.{arm}"],
            show_interval(share),
            show_interval(found["quotes"][arm]),
            ", ".join(f"{words[f'name.{kind}']} {count}" for kind, count in found["kinds"][arm].items()) or "–",
        ]
        for arm, share in found["shares"].items()
    ]
    rows += [[words[f"name.{arm}"], words["report.orders_unread"], "–", "–"] for arm in found["without"]]
    headers = ["", *(words[f"column.{each}"] for each in ("orders", "orders_quoted", "orders_kinds"))]
    return gr.update(value={"headers": headers, "data": rows}, visible=bool(rows))


def show_interval(figure: Outcome, none: str = "–") -> str:
    """“42 % (35–50)”, or `none` for no question."""
    if not figure["questions"]:
        return none
    return f"{100 * figure['value']:.0f} % ({100 * figure['low']:.0f}–{100 * figure['high']:.0f})"


def _recall(language: str, outcome: Outcome) -> Any:
    """Two bars per arm: sentences of the text continued, and questions that paraphrase it."""
    arms: Mapping[str, Outcome] = outcome["figures"]["arms"]
    rows, kinds, words = [], set(), catalogue(language)
    for name, arm in arms.items():
        group = _arm_label(language, name, _models(outcome))
        for kind in LEARNT:
            if arm["kinds"][kind]["questions"]:
                rows.append(_bar(words[f"name.{kind}"], kind, arm["kinds"][kind], group))
                kinds.add(kind)
                group = ""
    return gr.update(value=draw_interval_bars(words["plot.learnt"], rows, CHANCE), visible=len(kinds) > 1)


def _bar(label: str, role: str, figure: Outcome, group: str = "") -> IntervalBar:
    return IntervalBar(label, show_interval(figure), role, figure["value"], figure["low"], figure["high"], group)


def _break_even(outcome: Outcome, words: Mapping[str, str]) -> Any:
    """From how many questions per day fine-tuning costs less, by the edits of the text per month."""
    points: Sequence[Sequence[float | None]] = (outcome["break_even"] or {"points": []})["points"]
    rows = [{"edits": edits, "questions": many} for edits, many in points if many is not None]
    titles = {"x_title": words["plot.edits"], "y_title": words["plot.questions"], "title": words["plot.even"]}
    frame = pd.DataFrame(rows, columns=["edits", "questions"])
    return gr.update(value=frame, visible=len(rows) > 1 and any(row["questions"] for row in rows), **titles)


def _short(text: str) -> str:
    return text if len(text) <= CELL_CHARS else f"{text[:CELL_CHARS]}…"
