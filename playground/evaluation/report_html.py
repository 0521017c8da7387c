"""An exam as one HTML page without scripts: nothing is loaded from anywhere, and every text is escaped."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from playground.charts.bars import IntervalBar, draw_interval_bars, draw_stacked_bars
from playground.charts.html_page import html_page
from playground.charts.line import ChartPoint, draw_line
from playground.chat.turns import BASE
from playground.evaluation.arm_models import OWN_BASE
from playground.evaluation.bootstrap import Figure
from playground.evaluation.costs import BreakEven
from playground.evaluation.error_analysis import CAUSES
from playground.evaluation.exam import Report
from playground.evaluation.fact_test import FactTest
from playground.evaluation.figures import ArmFigures
from playground.evaluation.headline import draw_headline
from playground.evaluation.order_test import OrderTest
from playground.evaluation.questions import OF_THE_TEXT, RECALL, REWORDED, Question
from playground.evaluation.results import ArmResult
from playground.evaluation.statements import TOPICS, render_statement, share_text, words_with_models

OTHERS = ("perplexity", "recall", "abstention", "general", "seconds", "tokens", "prompt_tokens", "megabytes")
CHANCE = 0.25  # one of four
STYLE = """
table{border-collapse:collapse;font-size:var(--text-sm);display:block;overflow-x:auto;margin:1rem 0}
td,th{border:1px solid #d1d5db;padding:.25rem .5rem;text-align:left;vertical-align:top}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1.5rem 2.5rem;margin:2rem 0}
.charts h4{margin:0 0 .5rem}.charts .drawing{max-width:28rem}
.right{background:#dcfce7}.who{font-size:1.15rem}.headline{font-size:1.4rem;font-weight:600}
"""
Words = Mapping[str, str]


def render_html(report: Report, command: str, language: str) -> str:
    """The whole page in one language; `command` is what would give the same exam again."""
    words = words_with_models(language, report.models)
    charts = "".join(f"<div>{each}</div>" for each in _charts(report, words) if each)
    body = "".join([*_verdict(report, language), f'<div class="charts">{charts}</div>', *_numbers(report, words)])
    stamp = escape(json.dumps(dict(report.stamp), indent=1, ensure_ascii=False))
    again = f"<h2>{escape(words['report.again'])}</h2><pre>{escape(command)}\n\n{stamp}</pre>"
    return html_page(words["report.title"], language, STYLE, f"{body}{_answers(report, words)}{again}")


def _verdict(report: Report, language: str) -> Iterator[str]:
    """The verdict in one sentence, then all of it by topic."""
    words = words_with_models(language, report.models)
    if headline := draw_headline(report.verdict):
        yield f'<p class="headline">{escape(render_statement(headline, language, report.models))}</p>'
    for topic in TOPICS:
        sentences = [render_statement(each, language, report.models) for each in report.verdict if each.topic == topic]
        if sentences:
            items = "".join(f"<li>{escape(each)}</li>" for each in sentences)
            yield f'<h2>{escape(words[f"topic.{topic}"])}</h2><ul class="{topic}">{items}</ul>'


def _charts(report: Report, words: Words) -> Iterator[str]:
    arms = report.figures.arms
    for key, figures, chance in (
        ("choice", {name: arm.choice for name, arm in arms.items()}, CHANCE),
        ("right", {name: arm.right for name, arm in arms.items()}, None),
        ("invention", {name: arm.invention for name, arm in arms.items()}, None),
    ):
        bars = [_bar(words[f"name.{name}"], name, each) for name, each in figures.items() if each.questions]
        yield draw_interval_bars(words[f"plot.{key}"], bars, chance) if bars else ""
    memorised = list(_memorised_bars(arms, words))
    yield draw_interval_bars(words["plot.learnt"], memorised, CHANCE) if memorised else ""
    causes = {words[f"name.{name}"]: dict(counts) for name, counts in report.causes.items()}
    if any(sum(counts.values()) for counts in causes.values()):
        yield draw_stacked_bars(words["plot.causes"], causes, {each: words[f"name.{each}"] for each in CAUSES})
    yield _break_even_line(report.even, words) if report.even else ""


def _memorised_bars(arms: Mapping[str, ArmFigures], words: Words) -> Iterator[IntervalBar]:
    """Continuing the text's own sentences beside questions in other words, under each arm's name."""
    for name, arm in arms.items():
        group = words[f"name.{name}"]
        for kind in (RECALL, REWORDED):
            if arm.kinds[kind].questions:
                yield _bar(words[f"name.{kind}"], kind, arm.kinds[kind], group)
                group = ""


def _bar(label: str, role: str, figure: Figure, group: str = "") -> IntervalBar:
    return IntervalBar(label, share_text(figure), role, figure.value, figure.low, figure.high, group)


def _break_even_line(even: BreakEven, words: Words) -> str:
    """Questions per day over edits per month, the last ones with their numbers."""
    finite = [(edits, questions) for edits, questions in even.points if math.isfinite(questions)]
    points = [
        ChartPoint(edits, questions, *((f"{edits}:", f"{questions:,.0f}") if 2 * edits >= finite[-1][0] else ()))
        for edits, questions in finite
    ]
    chart = draw_line(words["plot.even"], points, words["plot.edits"], words["plot.questions"])
    return f"<h4>{escape(words['plot.even'])}</h4>{chart}" if chart else ""


def _numbers(report: Report, words: Words) -> Iterator[str]:
    """Every arm's figures, by kind of question too, and every difference."""
    arms = list(report.figures.arms.values())
    names = [words[f"name.{arm.arm}"] for arm in arms]
    shares = list(arms[0].shares) if arms else []
    heads = ["", *(words[f"column.{name}"] for name in (*shares, *OTHERS))]
    rows = [[name, *map(_share, arm.shares.values()), *_others(arm)] for name, arm in zip(names, arms, strict=True)]
    yield f"<h2>{escape(words['report.figures'])}</h2>{_table(heads, rows)}"
    kinds = [[name, *(_share(arm.kinds[kind]) for kind in OF_THE_TEXT)] for name, arm in zip(names, arms, strict=True)]
    yield _table(["", *(words[f"name.{kind}"] for kind in OF_THE_TEXT)], kinds)
    yield from _qualities(arms, names, words)
    yield _facts(report.facts, words) if report.facts else ""
    yield _orders(report, report.orders, words) if report.orders else ""
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


def _qualities(arms: Sequence[ArmFigures], names: Sequence[str], words: Words) -> Iterator[str]:
    """What every arm's free answers are worth and their form, with what the columns mean."""
    yield f"<h2>{escape(words['report.form'])}</h2><p>{escape(words['report.form_note'])}</p>"
    shares = list(arms[0].quality.shares) if arms else []
    rows = [
        [
            name,
            *(_share(each, words["report.unmeasured"]) for each in arm.quality.shares.values()),
            _plain(arm.quality.words.value, 1),
            _share(arm.quality.general_useful),
        ]
        for name, arm in zip(names, arms, strict=True)
    ]
    yield _table(["", *(words[f"column.{each}"] for each in (*shares, "words", "general_useful"))], rows)


def _facts(found: FactTest, words: Words) -> str:
    """Each arm's share of true sentences that were likelier, and all sentences, folded away."""
    names = {arm: words[f"name.{OWN_BASE if arm == BASE else arm}"] for arm in found.losses}
    shares = [
        [names[arm], _share(each), f"{margin.value:+.3f} ({margin.low:+.3f} – {margin.high:+.3f})"]
        for (arm, each), margin in zip(found.shares.items(), found.margins.values(), strict=True)
    ]
    heads = [words["column.true"], words["column.exchanged"], *names.values()]
    rows = [
        [pair.true, f"{pair.true_part} → {pair.false_part}", *(f"{true:.2f} / {false:.2f}" for true, false in losses)]
        for pair, *losses in zip(found.pairs, *found.losses.values(), strict=True)
    ]
    note = escape(words["report.facts_note"])
    return (
        f"<h2>{escape(words['report.facts'])}</h2>{_table(['', words['column.facts'], words['column.margin']], shares)}"
        f"<details><summary>{note}</summary>{_table(heads, rows)}</details>"
    )


def _orders(report: Report, found: OrderTest, words: Words) -> str:
    """Each arm's share of followed instructions, and every answer to one, folded away."""
    heads = ["", words["column.orders"], words["column.orders_quoted"], words["column.orders_kinds"]]
    rows = [
        [words[f"name.{arm}"], _share(share), _share(found.quotes[arm]), _counted(found.kinds(arm), words)]
        for arm, share in found.shares.items()
    ]
    rows += [[words[f"name.{arm}"], words["report.orders_unread"], "–", "–"] for arm in found.without]
    asked = {each.id: each.question for each in report.questions}
    answers = [
        [
            words[f"name.{each.order.kind}"],
            each.order.instruction,
            asked.get(each.question, "–"),
            words[f"name.{each.arm}"],
            each.text or "–",
            words["mark.followed"] if each.followed else words["mark.quoted"] if each.quoted else "–",
        ]
        for each in found.answers
    ]
    note = escape(words["report.orders_note"])
    return (
        f"<h2>{escape(words['report.orders'])}</h2>{_table(heads, rows)}"
        f"<details><summary>{note}</summary>{_table([''] * 6, answers)}</details>"
    )


def _counted(kinds: Mapping[str, int], words: Words) -> str:
    return ", ".join(f"{words[f'name.{kind}']} {count}" for kind, count in kinds.items()) or "–"


def _others(arm: ArmFigures) -> list[str]:
    """The figures that are no shares, in the order of OTHERS."""
    recall = ", ".join(f"@{k} {100 * figure.value:.0f} %" for k, figure in arm.recall.items() if figure.questions)
    abstention = f"{_plain(100 * arm.abstention_precision)} / {_plain(100 * arm.abstention_recall)}"
    general = (
        f"{_share(arm.general_choice)}, {_plain(arm.general_loss.value, 2)}" if arm.general_loss.questions else "–"
    )
    measured = (arm.seconds, 1), (arm.tokens, 0), (arm.prompt_tokens, 0), (arm.memory_bytes / 1e6, 0)
    perplexity = _plain(arm.perplexity.value, 1)
    return [perplexity, recall or "–", abstention, general, *(_plain(value, places) for value, places in measured)]


def _answers(report: Report, words: Words) -> str:
    """Every question with each arm's answer, folded away."""
    by_question: dict[str, list[ArmResult]] = {}
    for result in report.results:
        by_question.setdefault(result.question, []).append(result)
    faults = {each.question: each.fault for each in report.plan.findings}
    parts = []
    for question in report.questions:
        notes = [words[f"name.{question.kind}"]]
        notes += [words[f"fault.{faults[question.id]}"]] if question.id in faults else []
        notes += [words["fault.known"]] if question.id in report.known else []
        rows = "".join(_answer_row(each, question, words) for each in by_question.get(question.id, []))
        truth = escape(" | ".join(question.answers) or words["report.none"])
        parts.append(
            f"<details><summary>{escape(question.question)} <small>({escape('; '.join(notes))})</small></summary>"
            f"<p>{escape(words['report.truth'])}: {truth}</p><table>{rows}</table></details>"
        )
    return f"<h2>{escape(words['report.answers'])}</h2>{''.join(parts)}"


def _answer_row(result: ArmResult, question: Question, words: Words) -> str:
    choice = question.choices[result.choice] if question.choices and result.choice >= 0 else "–"
    mark = ' class="right"' if result.right else ""
    marks = "; ".join(_quality_marks(result, words)) or "–"
    cells = (words[f"name.{result.arm}"], result.text or "–", words[f"outcome.{result.outcome}"], marks, choice)
    return f"<tr{mark}>{''.join(f'<td>{escape(each)}</td>' for each in cells)}</tr>"


def _quality_marks(result: ArmResult, words: Words) -> Iterator[str]:
    """What is to be said of an answer's worth and form, in words."""
    said = {
        "useful": result.useful,
        "short": result.short,
        "unended": result.ended is False,
        "looping": result.loops,
        "echo": result.echo,
    }
    yield from (words[f"mark.{name}"] for name, holds in said.items() if holds)
    if result.new_names:
        yield words["mark.new_names"].format(names=", ".join(result.new_names))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _share(figure: Figure, none: str = "–") -> str:
    return share_text(figure) if figure.questions else none


def _plain(value: float, places: int = 0) -> str:
    return f"{value:,.{places}f}" if math.isfinite(value) else "–"
