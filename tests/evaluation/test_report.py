"""The report's files escape every text, hold everything, and say the same in both languages."""

import csv
import io
import json
import string
from pathlib import Path

import pytest

from playground.evaluation.aggregate import aggregate_results
from playground.evaluation.bootstrap import Figure
from playground.evaluation.config import ExamSettings
from playground.evaluation.contamination import QuestionFault
from playground.evaluation.costs import Costs
from playground.evaluation.error_analysis import count_causes
from playground.evaluation.exam import Report
from playground.evaluation.exam_plan import Plan
from playground.evaluation.fact_pairs import FactPair
from playground.evaluation.fact_test import compare_facts
from playground.evaluation.questions import Question
from playground.evaluation.report import answers_csv, record, write_report
from playground.evaluation.report_html import render_html
from playground.evaluation.results import ArmResult
from playground.evaluation.statements import catalogue, share_text
from playground.evaluation.verdict import VerdictInput, draw_verdict
from playground.files import spreadsheet_cell
from tests.fakes.exams import question, result

NO_COSTS = Costs(None, None)


EVIL = "<script>alert(1)</script>"


def report(questions: list[Question], results: list[ArmResult]) -> Report:
    plan = Plan(ExamSettings(), ("base", "rag"), None, None, (QuestionFault("q", "leak"),))
    figures = aggregate_results(questions, results, {"q"}, 0)
    why = count_causes(questions, results, set())
    verdict = draw_verdict(VerdictInput(figures, why, NO_COSTS, None, 1, 0))
    pairs = [FactPair(f"{EVIL} in 1884", f"{EVIL} in 1901", "1884", "1901", str(n), "en") for n in range(3)]
    facts = compare_facts(pairs, {"base": [(1.0, 2.0)] * 3, "tuned": [(2.0, 1.0)] * 3}, 0)
    stamp = {"model": EVIL}
    return Report(plan, questions, results, set(), figures, why, NO_COSTS, None, verdict, None, stamp, facts=facts)


@pytest.fixture
def evil() -> Report:
    asked = question("q", question=f"What is {EVIL}?", answers=(f"=1+1 {EVIL}",), distractors=(EVIL, "no"))
    said = [
        result(arm, "q", 1, "wrong", text=f"=HYPERLINK({EVIL})", in_prompt=None, new_names=(f"={EVIL}",))
        for arm in ("base", "rag")
    ]
    return report([asked], said)


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_page_escapes_every_text_and_loads_nothing(evil: Report, language: str) -> None:
    page = render_html(evil, f"python -m playground exam --out {EVIL}", language)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


@pytest.mark.parametrize("language", ["en", "vi"])
def test_the_page_shows_the_form_of_the_answers_and_the_fact_test(evil: Report, language: str) -> None:
    page, words = render_html(evil, "", language), catalogue(language)
    form = page[page.index(words["report.form"]) : page.index(words["report.facts"])]
    assert form.count(words["report.unmeasured"]) == 12  # six figures of two arms that no result has
    assert "100 %" in form
    assert words["mark.new_names"].format(names="").strip() in page
    facts = page[page.index(words["report.facts"]) :]
    assert facts.count("1884 → 1901") == 3
    assert "1.00 / 2.00" in facts


def test_the_json_has_the_quality_of_every_arm_and_the_fact_test(evil: Report) -> None:
    stored = record(evil, "")
    assert stored["figures"]["arms"]["rag"]["quality"]["new_names"]["value"] == 1
    assert stored["figures"]["arms"]["rag"]["quality"]["useful"]["value"] is None
    assert (stored["facts"]["shares"]["base"]["value"], stored["facts"]["gain"]["value"]) == (1, -1)
    assert len(stored["facts"]["pairs"]) == 3


def test_no_cell_of_the_table_is_a_formula(evil: Report) -> None:
    rows = list(csv.reader(io.StringIO(answers_csv(evil))))
    assert len(rows) == 3
    assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for row in rows for cell in row)
    assert [spreadsheet_cell(each) for each in ("=1", "-1", "1", "a=b")] == ["'=1", "'-1", "1", "a=b"]


def test_the_json_has_every_question_answer_grade_and_stamp(evil: Report, tmp_path: Path) -> None:
    write_report(evil, tmp_path, "the command")
    stored = json.loads((tmp_path / "report.json").read_text())
    assert stored["answers"][0]["stamp"] == "0" * 12
    assert stored["questions"][0]["answers"] == list(evil.questions[0].answers)
    assert stored["command"] == "the command"
    assert record(evil, "the command") == stored


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    english, vietnamese = catalogue("en"), catalogue("vi")
    assert english.keys() == vietnamese.keys()
    for key in english:
        assert fields(english[key]) == fields(vietnamese[key]), key


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def test_a_share_of_nothing_is_a_dash() -> None:
    assert share_text(Figure(float("nan"), float("nan"), float("nan"), 0)) == "–"
