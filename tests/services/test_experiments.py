"""The Fine-tune tab's panels for runs, without a browser: pausing, bake-off, history, sweep; each visitor's own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.components import Component

from playground.jobs.worker import work
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import RunRow, new_secret
from playground.training.config import TrainSettings
from playground.ui.shared.controls import RUN_KNOBS
from playground.ui.train.run_panel import pause_button
from playground.ui.train.tab import TrainTab
from retrieval.document import Document
from tests.fakes.page import event_handler, page_request
from tests.fakes.texts import CLUB_RULES


class Visit:
    """A visitor with a text, and the tab as they meet it."""

    def __init__(self, page: gr.Blocks, tab: TrainTab) -> None:
        self.services, self.tab, self.page = tab.services, tab, page
        secret = new_secret()
        self.request = page_request(secret, **{"accept-language": "en"})
        self.id = self.services.store.visitor(secret)
        self.services.store.add_document(
            self.id, "club.txt", Document("club.txt", CLUB_RULES).to_dict(), len(CLUB_RULES), len(CLUB_RULES)
        )

    def train(self, **settings: Any) -> str:
        """Queue a short run."""
        config, cost = self.services.runs.plan(
            self.id, "lora", "quick", {"rank": 2}, {"steps": 3, "window": 64, **settings}
        )
        return self.services.runs.start(self.id, config, "mine", cost.seconds)

    def finish(self) -> RunRow:
        """Do the run whose turn it is."""
        row = self.services.store.runs.claim_next()
        assert row
        assert work(row.folder, self.services.settings) == "finished"
        self.services.supervisor.record_ending(row, 0)
        return row

    def states(self, kind: str = "train") -> list[str]:
        """Of all their runs, oldest first."""
        return [run.state for run in self.services.store.runs.all(self.id, kind)]

    def act(self, part: Component, *values: Any, event: str = "click") -> Any:
        """Do something to a part of the tab; returns the updates that the page gets."""
        return event_handler(self.page, part, event)(self.request, *values)

    def press(self, button: str) -> None:
        """Press pause or resume as it was seen."""
        self.act(self.tab.panel.pause, 0, button)


@pytest.fixture(scope="module")
def page(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[gr.Blocks, TrainTab]:
    settings = Settings(data=tmp_path_factory.mktemp("data"), chat_model=str(tiny_model_folder))
    services = Services(settings)
    with gr.Blocks() as page, gr.Tab() as opening:
        tab = TrainTab(services, opening)
    return page, tab


@pytest.fixture
def tab(page: tuple[gr.Blocks, TrainTab]) -> TrainTab:
    return page[1]


@pytest.fixture
def visit(page: tuple[gr.Blocks, TrainTab]) -> Iterator[Visit]:
    visit = Visit(*page)
    yield visit
    for kind in ("train", "sweep"):
        for run in visit.services.store.runs.all(visit.id, kind):
            visit.services.jobs.stop(visit.id, run.id)


def test_pausing_twice_pauses_once_and_resuming_twice_resumes_once(visit: Visit) -> None:
    visit.train()
    for button, state in (("Pause", "stopped"), ("Pause", "stopped"), ("Resume", "queued"), ("Resume", "queued")):
        visit.press(button)
        assert visit.states() == [state]


def test_the_button_says_what_it_will_do(visit: Visit) -> None:
    seen = {state: pause_button("en", state) for state in ("", "queued", "running", "stopping", "stopped", "done")}
    assert [state for state, each in seen.items() if each["visible"]] == ["queued", "running", "stopping", "stopped"]
    assert {seen[state]["value"] for state in ("queued", "running", "stopping")} == {"Pause"}
    assert seen["stopped"]["value"] == "Resume"
    assert not seen["stopping"]["interactive"]


def test_runs_of_a_bake_off_are_paused_resumed_and_cancelled_together(visit: Visit) -> None:
    run = {name: vars(TrainSettings())[name] for name in RUN_KNOBS}
    run |= {"steps": 3, "window": 64, "pairs_share": 0.0, "passages_share": 0.0}
    visit.act(visit.tab.bakeoff.start, 0, False, ["lora", "vera"], "quick", *run.values())
    line, *_ = visit.tab.panel.follow("en", visit.id)
    assert line.startswith("1 of 2, LoRA: Waiting: number 1")
    visit.press("Pause")
    assert visit.states() == ["stopped", "stopped"]
    visit.press("Resume")
    assert visit.states() == ["queued", "queued"]
    visit.act(visit.tab.panel.cancel, 0)
    assert visit.states() == ["stopped", "stopped"]


def test_the_bake_off_s_figures_are_shown_as_they_come(visit: Visit) -> None:
    visit.services.jobs.stop(visit.id, visit.train())
    visit.services.experiments.start_bake_off(
        visit.id, ["lora", "vera"], "quick", {"steps": 3, "window": 64}, kept=False
    )
    visit.finish()
    table, axis, plot, caveat = visit.tab.bakeoff.refresh("en", visit.id, "file_bytes")
    lora, vera = table["value"]["data"]
    assert "→" in lora[2]
    assert "time" in lora[-1], "beaten by none"
    assert vera[1:] == ["waiting", *["–"] * 6]
    assert axis["visible"]
    assert list(plot["value"]["method"]) == ["LoRA"]
    assert plot["x_title"] == "File, MB"
    assert "holds only the adapter" in caveat


def test_two_runs_stand_side_by_side_and_nobody_else_s(visit: Visit, tab: TrainTab) -> None:
    first = visit.train(seed=1)
    visit.finish()
    second = visit.train(seed=2)
    visit.finish()
    folded, one, other, plot, left, right = tab.history.refresh("en", visit.id, "", "")
    assert (one["value"], other["value"]) == (second, first)
    assert sorted(plot["value"]["run"].unique()) == ["1: mine", "2: mine"]
    assert (left["settings"]["seed"], right["settings"]["seed"]) == (2, 1)
    assert left["data_hash"] == right["data_hash"]
    assert "torch" in left["versions"]
    assert folded["visible"]
    stranger = Visit(visit.page, tab)
    refusal, *shown = stranger.act(tab.history.one, first, "", event="change")
    assert "not found" in refusal["value"]
    assert all(each == gr.skip() for each in shown)
    visit.act(tab.history.again, 0, False, first)
    assert visit.states() == ["done", "done", "queued"]


def test_a_sweep_s_winner_is_put_into_the_form(visit: Visit, tab: TrainTab) -> None:
    values = {"steps": 4, "batch_tokens": 64, "window": 64, "pairs_share": 0.0, "passages_share": 0.0}
    all_values = {**{name: vars(TrainSettings())[name] for name in RUN_KNOBS}, **values}
    run = tab.services.experiments.start_sweep(visit.id, "vera", "quick", {}, all_values, False)
    assert visit.services.jobs.active_run(visit.id) is None, "a sweep stands in no training run's way"
    assert tab.services.experiments.start_sweep(visit.id, "vera", "quick", {}, values, False) == run
    assert visit.services.store.runs.get(visit.id, run).expected > 0
    visit.act(tab.sweep.pause, 0, "Pause")
    assert visit.states("sweep") == ["stopped"]
    visit.act(tab.sweep.pause, 0, "Resume")
    visit.finish()
    start, pause, use, line, plot, table, timer = tab.sweep.refresh("en", visit.id)
    assert [each["visible"] for each in (start, pause, use, plot, table)] == [True, False, True, True, True]
    assert len(table["value"]["data"]) == 6
    assert not timer["active"]
    _, method, *filled = visit.act(tab.sweep.use)
    won = visit.services.store.runs.get(visit.id, run).figures
    set_ = [each["value"] for each in filled if "value" in each]
    assert method == "vera"
    assert set_ == [won["learning_rate"], won["batch_tokens"]]
    assert f"{won['learning_rate']:.1e}" in line


def test_a_new_sweep_takes_the_place_of_those_before(visit: Visit, tab: TrainTab) -> None:
    values = {"steps": 4, "batch_tokens": 64, "window": 64, "pairs_share": 0.0, "passages_share": 0.0}
    for _ in range(2):
        run = tab.services.experiments.start_sweep(visit.id, "vera", "quick", {}, values, False)
        visit.services.jobs.stop(visit.id, run)
    (kept,) = visit.services.store.runs.all(visit.id, "sweep")
    assert kept.id == run
    assert [folder.name for folder in kept.folder.parent.iterdir()] == [run]


def test_the_box_shows_what_the_run_at_work_does(visit: Visit, tab: TrainTab) -> None:
    run = visit.train()
    visit.act(tab.panel.kept, True, event="input")
    assert visit.services.store.runs.get(visit.id, run).kept
    assert tab.panel.keep_update(visit.id)["value"] is True
    visit.act(tab.panel.kept, False, event="input")
    assert not visit.services.store.runs.get(visit.id, run).kept
