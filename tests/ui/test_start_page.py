"""The Start tab with the tiny model: a card opens its example beside its questions, one more click asks all panes."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import expect

from benchmarks.journey import Visitor, free_port
from playground.data.examples import examples
from playground.evaluation.config import ExamSettings
from playground.services.app import Services
from playground.settings import Settings
from playground.ui.compare.pane import PANES
from playground.ui.compare.tab import CompareTab
from playground.ui.compare.voting import ANY
from playground.ui.exam.verdict_panel import VerdictPanel
from playground.ui.shared.session import visitor_of
from tests.fakes.answers import answer_briefly
from tests.fakes.page import MINUTES, chromium, page_request, served_page
from tests.fakes.prepared import examine, prepare

NAME = "us_constitution"


@pytest.fixture(scope="module")
def app(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """The whole page, with one example prepared."""
    data = tmp_path_factory.mktemp("data")
    services = Services(Settings(data=data, chat_model=str(long_window_folder), port=free_port()))
    examine(services, prepare(services, NAME))
    answer_briefly(services.conversations)
    with served_page(services) as url:
        yield url, services


def test_a_card_says_what_is_ready_and_opens_it(app: tuple[str, Services]) -> None:
    url, services = app
    visitor = Visitor(url)
    lines = [each for each in visitor.draw("start") if isinstance(each, str)]
    assert lines[0].startswith("✓ Ready to try: search index, LoRA, exam\n\n**Too close to call between ")
    assert all(line.startswith("Being prepared") for line in lines[1:])
    assert visitor.arms() == ["none", "base", "rag", "few_shot"]
    visitor.client.predict(api_name=f"/open_{NAME}")
    (run,) = services.runs.with_adapter(services.store.visitor(visitor.secret))
    assert visitor.arms()[-2:] == [f"tuned:{run.id}", f"both:{run.id}"]
    assert visitor.draw("start")[1] == lines[0]


def test_the_verdict_of_an_example_is_shown_before_an_exam_of_ones_own(app: tuple[str, Services]) -> None:
    url, services = app
    visitor = Visitor(url)
    visitor.client.predict(api_name=f"/open_{NAME}")
    id_ = services.store.visitor(visitor.secret)
    with gr.Blocks():
        panel = VerdictPanel(services)
    shown = dict(zip(panel.outputs, panel.refresh("en", id_), strict=True))
    assert shown[panel.panel]["visible"]
    assert shown[panel.history]["choices"][0][0] == "Prepared exam (done)"
    assert shown[panel.headline].startswith("### Too close to call between ")
    assert "<svg" in shown[panel.picture]["value"]
    assert "## Which serves this text better" in shown[panel.why]
    assert (shown[panel.prepared]["visible"], shown[panel.forget]["visible"]) == (True, False)
    services.exams.create_draft(id_, "", ExamSettings(limit=8), None)
    services.exams.start(id_, ["base"], "mine", "en")
    waiting = dict(zip(panel.outputs, panel.refresh("en", id_), strict=True))
    assert [name for name, _ in waiting[panel.history]["choices"]] == ["mine (waiting)", "Prepared exam (done)"]
    assert waiting[panel.headline] == shown[panel.headline], "until the visitor's own is done"


def test_no_question_is_offered_before_the_arms_that_it_asks(
    app: tuple[str, Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, services = app
    with gr.Blocks():
        compare = CompareTab(services)
    request = page_request()
    visitor = visitor_of(services.visitors, request)
    documents, with_adapter = services.library.documents, services.runs.with_adapter

    def given(of: str, read: Callable[[str], list[Any]]) -> list[Any]:
        found = read(of)
        services.prepared.give(visitor, NAME)  # a card is opened while the page that just loaded is drawn
        return found

    monkeypatch.setattr(services.library, "documents", lambda of: given(of, documents))
    monkeypatch.setattr(services.runs, "with_adapter", lambda of: given(of, with_adapter))
    drawn = list(
        zip(compare.tab.outputs, compare.refresh(request, None, *["none"] * PANES, ANY, ANY, "text"), strict=True)
    )
    arms = [update["value"] for part, update in drawn if part in compare.arms]
    offered = [update["visible"] for part, update in drawn if part in compare.suggestions]
    assert "none" not in arms or not any(offered)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_two_clicks_bring_four_answers(app: tuple[str, Services], width: int) -> None:
    with chromium(viewport={"width": width, "height": 900}) as tab:
        tab.set_default_timeout(2 * MINUTES)
        tab.goto(app[0])
        expect(tab.get_by_role("heading", name="Teach a model your text")).to_be_visible(timeout=MINUTES)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.get_by_role("button", name="Ask this text").first.click()
        question = examples()[NAME].questions[0]
        tab.get_by_role("button", name=question).click()
        for pane in range(4):
            stamped = re.compile(r"stamp [0-9a-f]{12}")
            expect(tab.get_by_label("Figures").nth(pane)).to_have_value(stamped, timeout=4 * MINUTES)
        expect(tab.locator(".pane").nth(3)).to_contain_text(question)
        tab.get_by_role("button", name="Bring your own text").click()
        expect(tab.get_by_placeholder("Paste here")).to_be_visible(timeout=MINUTES)
