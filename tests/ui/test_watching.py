"""What watching costs: a timer sends only news, and a page at rest asks for no frames."""

import asyncio
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pandas as pd
import pytest
from gradio import queueing
from gradio.queueing import Queue
from playwright.sync_api import Page

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import Settings
from playground.ui import page as ui
from playground.ui.compat import QUEUE_SECONDS
from playground.ui.shared.client_scripts import PACE, PATIENCE
from playground.ui.shared.polling import FRESH_SECONDS, Poll
from tests.fakes.page import chromium, served_page
from tests.fakes.waiting import wait_until

VISITOR = cast(gr.Request, SimpleNamespace(session_hash="session"))
# Real frames, counted below whatever the page's own scripts put in their place.
COUNT = """const real = window.requestAnimationFrame.bind(window);
window.frames_drawn = 0;
window.requestAnimationFrame = draw => real(time => { window.frames_drawn += 1; draw(time); });"""
LOOKS = 20  # of the queue
ANIMATE = """() => new Promise(done => {
  let left = 30;
  const draw = () => { left -= 1; left ? requestAnimationFrame(draw) : done(performance.now() - began); };
  const began = performance.now();
  requestAnimationFrame(draw);
})"""


class Shown:
    """Two parts of a page: a line and a plot of a hundred points."""

    def __init__(self) -> None:
        self.line, self.points = "Step 1 of 9", list(range(100))
        with gr.Blocks():
            self.poll = Poll("shown", self.ask, [gr.Textbox(), gr.LinePlot()])

    def ask(self, _request: gr.Request) -> tuple[Any, ...]:
        """See Polled."""
        return self.line, gr.update(value=pd.DataFrame({"loss": self.points}), visible=True)

    def changed_updates(self, sent: str) -> tuple[Any, ...]:
        """What a tick sends to a page that was sent `sent`."""
        return self.poll.changed_updates(VISITOR, sent)


def test_what_the_page_shows_is_not_sent_again() -> None:
    shown = Shown()
    line, plot, sent = shown.poll.changed_updates(VISITOR, "")
    assert line == "Step 1 of 9"
    assert len(plot["value"]) == 100
    assert shown.changed_updates(sent) == (gr.skip(), gr.skip(), sent)


def test_only_the_part_that_changed_is_sent_and_the_page_is_told_of_it() -> None:
    shown = Shown()
    *_, sent = shown.poll.changed_updates(VISITOR, "")
    shown.points[50] = -1  # where a printed table shows only dots
    line, plot, now = shown.changed_updates(sent)
    assert line == gr.skip()
    assert plot["value"]["loss"][50] == -1
    assert shown.changed_updates(now) == (gr.skip(), gr.skip(), now)


def test_what_a_button_drew_in_between_does_not_stay_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown()
    *_, sent = shown.poll.changed_updates(VISITOR, "")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + FRESH_SECONDS + 1)
    line, plot, again = shown.changed_updates(sent)
    assert (line, len(plot["value"])) == ("Step 1 of 9", 100)
    assert shown.changed_updates(again) == (gr.skip(), gr.skip(), again)


@pytest.mark.parametrize("sent", ["", "session", "session 0 00000000", "session 0 a b c d e"])
def test_a_page_that_was_sent_something_else_is_sent_everything(sent: str) -> None:
    line, plot, _ = Shown().changed_updates(sent)
    assert line == "Step 1 of 9"
    assert len(plot["value"]) == 100


@pytest.fixture
def page(tiny_model_folder: Path, tmp_path: Path) -> Iterator[Page]:
    """The whole page in Chromium, at rest, with its real frames counted."""
    services = Services(Settings(data=tmp_path, chat_model=str(tiny_model_folder), port=free_port()))
    with served_page(services) as url, chromium() as tab:
        tab.add_init_script(COUNT)
        tab.goto(url)
        tab.get_by_role("tab", name="Exam").click()
        yield tab


@pytest.mark.slow
def test_a_page_at_rest_draws_next_to_no_frames_and_an_animation_all_of_them(page: Page) -> None:
    frames = [page.evaluate("window.frames_drawn")]
    assert frames[0] > 0
    for _ in range(60):  # on a busy machine the page is still being drawn for a while
        page.wait_for_timeout(PACE)
        frames.append(page.evaluate("window.frames_drawn"))
        if len(frames) * PACE > 5 * PATIENCE and frames[-1] - frames[-4] <= 6:
            break
    else:
        pytest.fail(f"frames drawn, once a second: {frames}")
    assert page.evaluate(ANIMATE) < 2_000


def test_the_queue_of_an_app_at_rest_looks_a_few_times_a_second(
    tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(Settings(data=tmp_path, chat_model=str(tiny_model_folder), port=free_port()))
    built = ui.build(services)
    looks: list[Queue] = []
    pauses: list[float] = []

    def sleep(seconds: float) -> Coroutine[Any, Any, None]:
        pauses.append(seconds)
        return asyncio.sleep(seconds)

    length = Queue.__len__
    monkeypatch.setattr(Queue, "__len__", lambda queue: looks.append(queue) or length(queue))
    monkeypatch.setattr(queueing, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    ui.launch(built, services, prevent_thread_lock=True, quiet=True)
    looks.clear()
    pauses.clear()
    # Another app of this process, of other tests, may look more often.
    assert wait_until(lambda: looks.count(built._queue) >= LOOKS)
    built.close()
    assert looks.count(built._queue) <= 2 * pauses.count(QUEUE_SECONDS[0]) + 4, "none without a pause after two looks"
