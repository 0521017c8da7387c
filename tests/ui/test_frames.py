"""Updates as one text: each line holds only what is new, no part is built anew, and the browser draws the same."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import expect

from benchmarks.journey import free_port
from benchmarks.page_client import Sheet
from playground.ui import compat
from playground.ui.shared.frames import Frames
from tests.fakes.page import chromium

EARLIER = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "She."}]


def chat(*said: str) -> dict[str, Any]:
    """A chat whose last turn says this."""
    messages = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "".join(said)}]
    return gr.update(value=[*EARLIER, *messages], visible=True)


@pytest.fixture
def frames() -> Frames:
    with gr.Blocks():
        return Frames([gr.Textbox(), gr.Chatbot(), gr.Dropdown(["a"]), gr.Accordion()])


UPDATES = [
    ("one", chat("…"), gr.update(choices=["a", "b"]), gr.update(visible=True, label="First")),
    ("one", chat("In"), gr.skip(), gr.update(visible=True, label="Second")),
    (gr.skip(), chat("In", " a 😀"), gr.skip(), gr.skip()),
    ("two", chat("In", " a 😀"), gr.skip(), gr.skip()),
]


def lines(text: str) -> list[dict[str, Any]]:
    """What each line says, by place; the first line is the stream's name."""
    return [json.loads(each) for each in text.split("\n")[1:]]


def test_a_line_holds_only_what_is_new_and_the_last_one_all(frames: Frames) -> None:
    sent = [text for text, _ in frames.stream(lambda: iter(UPDATES))()]
    assert all(later.startswith(earlier) for earlier, later in zip(sent, sent[1:], strict=False))
    first, *grown, last = lines(sent[-1])
    assert set(first) == {"0", "1", "2"}
    assert grown == [{"1": {"text": "In"}, "2": {"label": "Second"}}, {"1": {"more": " a 😀"}}, {"0": {"value": "two"}}]
    assert last["0"] == {"value": "two"}
    assert last["2"] == {"visible": True, "label": "Second"}
    assert last["1"]["value"][-1]["content"][0]["text"] == "In a 😀"


def test_a_reader_of_all_lines_and_one_of_the_last_alone_know_the_same(frames: Frames) -> None:
    sent = [text for text, _ in frames.stream(lambda: iter(UPDATES))()]
    each, last = Sheet(), Sheet()
    for text in sent:
        each.read(text)
    last.read(sent[-1])
    assert each.updates() == last.updates()


def test_what_the_server_must_know_stays_an_update_of_its_own(frames: Frames) -> None:
    sent = [known for _, known in frames.stream(lambda: iter(UPDATES))()]
    assert sent == [UPDATES[0][2], *[gr.skip()] * 3, UPDATES[0][2]]
    assert frames.once(lambda: UPDATES[0])()[1] == UPDATES[0][2]


def test_another_stream_begins_anew(frames: Frames) -> None:
    sheet = Sheet()
    for text, _ in [*frames.stream(lambda: iter(UPDATES))(), frames.once(lambda: ("three", *[gr.skip()] * 3))()]:
        sheet.read(text)
    assert sheet.updates()[0] == "three"


@pytest.fixture
def url() -> Iterator[str]:
    """A page with a button that streams UPDATES."""
    with gr.Blocks(analytics_enabled=False) as page:
        parts = [gr.Textbox(label="Line"), gr.Chatbot(), gr.Dropdown(["a"]), gr.Accordion("Part", visible=False)]
        frames, button = Frames(parts), gr.Button("Send")
        button.click(frames.stream(_slow_updates), None, frames.outputs, api_name="go")
    compat.slow_down_queue(page.queue())
    _, address, _ = page.launch(server_name="127.0.0.1", server_port=free_port(), prevent_thread_lock=True, quiet=True)
    yield address
    page.close()


def _slow_updates() -> Iterator[tuple[Any, ...]]:
    for each in UPDATES:
        time.sleep(0.2)
        yield each


@pytest.mark.slow
def test_the_browser_draws_what_was_sent(url: str, tmp_path: Path) -> None:
    with chromium() as tab:
        tab.goto(url)
        for _ in range(2):
            tab.get_by_role("button", name="Send", exact=True).click()
            expect(tab.get_by_label("Line")).to_have_value("two", timeout=30_000)
            expect(tab.get_by_text("In a 😀", exact=True)).to_be_visible()
            expect(tab.get_by_text("She.", exact=True)).to_be_visible()
            expect(tab.get_by_text("Second")).to_be_visible()
