"""A redraw, as a run that ends asks for one, leaves what a visitor has chosen to delete, change or look at."""

from collections.abc import Callable
from typing import Any, cast

import gradio as gr
import pytest
from gradio.components import Component

from playground.evaluation.config import ExamSettings
from playground.services.app import Services
from playground.storage.records import Ballot
from playground.storage.run_folder import write_record
from playground.ui.compare.tab import CompareTab
from playground.ui.exam.tab import ExamTab
from playground.ui.page import leave_newer
from playground.ui.shared.session import COOKIE
from playground.ui.shared.tab import Tab
from playground.ui.text.written_questions import WrittenView
from playground.ui.train.tab import TrainTab
from tests.fakes.exams import TEXT
from tests.fakes.page import page_request

KINDS = {"left_kind": "base", "right_kind": "rag", "left_name": "", "right_name": ""}


class Visit:
    """A tab in a visitor's browser, which keeps the values of its parts."""

    def __init__(self, services: Services, build: Callable[[Services], Any]) -> None:
        self.services, self.request = services, page_request()
        self.visitor = services.store.visitor(self.request.cookies[COOKIE])
        with gr.Blocks():
            self.view = build(services)
        self.tab: Tab = self.view.tab
        self.values: dict[Component, Any] = {each: each.value for each in self.tab.inputs}

    def redraw(self) -> None:
        """Apply what the page sends of the tab."""
        refresh = leave_newer(self.tab, self.tab.refresh)
        sent = refresh(self.request, *(self.values[each] for each in self.tab.inputs))
        for part, update in zip(self.tab.outputs, sent, strict=True):
            if not isinstance(update, dict) or "__type__" not in update:
                self.values[cast(Component, part)] = update
            elif "value" in update:
                self.values[cast(Component, part)] = update["value"]

    def choose(self, part: Component, value: Any) -> None:
        """Choose something, and let the page be redrawn."""
        self.values[part] = value
        self.redraw()


def trained(visit: Visit, name: str) -> str:
    """A run with an adapter."""

    def fill(folder: Any) -> None:
        (folder / "adapter").mkdir()
        (folder / "adapter" / "adapter_model.safetensors").touch()
        write_record(folder / "adapter", {})
        (folder / "events.jsonl").touch()

    return visit.services.store.runs.add_imported(visit.visitor, "train", name, "lora", {}, fill).id


def examined(visit: Visit, name: str) -> str:
    """A finished exam."""
    exam = visit.services.exams.start(visit.visitor, ["base"], name, "en")
    visit.services.store.runs.transition(visit.visitor, exam, ["queued"], "done")
    return exam


def with_opening(tab: Callable[[Services, gr.Tab], Any]) -> Callable[[Services], Any]:
    """The tab as a visitor opens it."""

    def build(services: Services) -> Any:
        with gr.Tab() as opening:
            pass
        return tab(services, opening)

    return build


def test_the_adapter_that_is_chosen_stays_until_a_new_one_is_trained(services: Services) -> None:
    visit = Visit(services, with_opening(TrainTab))
    first, second = trained(visit, "first"), trained(visit, "second")
    chosen = visit.view.list.chosen
    visit.redraw()
    assert visit.values[chosen] == second
    visit.choose(chosen, first)
    assert visit.values[chosen] == first
    third = trained(visit, "third")
    visit.redraw()
    assert visit.values[chosen] == third
    services.runs.delete(visit.visitor, third)
    visit.redraw()
    assert visit.values[chosen] == second


@pytest.fixture
def exam(services: Services) -> Visit:
    """The Exam tab of a visitor with questions."""
    visit = Visit(services, with_opening(ExamTab))
    services.library.add_text(visit.visitor, TEXT)
    services.exams.create_draft(visit.visitor, "", ExamSettings(limit=8), None)
    return visit


def test_the_exam_that_is_looked_at_stays_until_another_has_a_verdict(exam: Visit) -> None:
    first, second = examined(exam, "first"), examined(exam, "second")
    history = exam.view.verdict.history
    exam.redraw()
    assert exam.values[history] == second
    exam.choose(history, first)
    assert exam.values[history] == first
    exam.services.exams.start(exam.visitor, ["base"], "waits", "en")
    exam.redraw()
    assert exam.values[history] == first
    exam.services.runs.delete(exam.visitor, first)
    exam.redraw()
    assert exam.values[history] == second


def test_the_question_that_is_being_changed_and_the_adapter_to_examine_stay(exam: Visit) -> None:
    older, newer = trained(exam, "older"), trained(exam, "newer")
    first, *_, last = (each.id for each in exam.services.exams.draft(exam.visitor).own_questions)
    exam.redraw()
    assert exam.values[exam.view.chosen] == first
    exam.services.exams.create_draft(exam.visitor, newer, ExamSettings(limit=8), None)
    exam.redraw()
    exam.choose(exam.view.run, older)
    exam.choose(exam.view.chosen, last)
    assert (exam.values[exam.view.run], exam.values[exam.view.chosen]) == (older, last)
    exam.services.exams.delete(exam.visitor, [last])
    exam.redraw()
    assert exam.values[exam.view.chosen] == first


def test_the_written_question_that_is_to_be_deleted_stays(services: Services) -> None:
    visit = Visit(services, WrittenView)
    row = services.library.add_text(visit.visitor, TEXT).documents[0]
    pairs = [[f"Question {number}?", "Yes.", 0, 1] for number in range(3)]
    services.store.save_synthetic_questions(visit.visitor, row.id, {"asked": [0], "pairs": pairs})
    visit.redraw()
    assert visit.values[visit.view.chosen] == "Question 0?"
    visit.choose(visit.view.chosen, "Question 2?")
    assert visit.values[visit.view.chosen] == "Question 2?"
    services.question_writer.remove(visit.visitor, "Question 2?")
    visit.redraw()
    assert visit.values[visit.view.chosen] == "Question 0?"


def test_the_standings_are_of_the_texts_that_are_chosen(services: Services) -> None:
    visit = Visit(services, CompareTab)
    ballot = Ballot("another text", "Why?", "base", "rag", **KINDS, left_answer="a", right_answer="b", stamps=[])
    services.store.add_vote(visit.visitor, ballot, "left")
    voting = visit.view.voting
    visit.redraw()
    assert visit.values[voting.summary] == "No votes here yet."
    visit.choose(voting.scope, "mine")
    assert "1 vote(s) so far" in visit.values[voting.summary]
