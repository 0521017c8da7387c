"""The Compare tab with the tiny model: asked at once, and in Chromium, where frames are drawn until it is answered."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import expect

from benchmarks.journey import free_port
from benchmarks.page_client import Sheet
from playground.chat.answer import Answer, Decoding
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from playground.ui.compare.arm_choice import NONE
from playground.ui.compare.pane import PANES
from playground.ui.compare.tab import CompareTab
from playground.ui.shared.session import COOKIE
from tests.fakes.answers import answer_briefly, answer_of
from tests.fakes.page import MINUTES, chromium, event_handler, page_request, served_page
from tests.fakes.texts import CLUB_RULES

QUESTION = "What does rule 3 say?"


def test_a_question_is_answered_before_the_page_knows_the_adapters(long_window_folder: Path, tmp_path: Path) -> None:
    services = Services(Settings(data=tmp_path, chat_model=str(long_window_folder)))
    assert services.chat
    secret = new_secret()
    services.library.add_text(services.store.visitor(secret), CLUB_RULES)
    services.indexes.index(services.store.visitor(secret))
    with gr.Blocks() as page:
        tab = CompareTab(services)
    asked = next(each for each in page.fns.values() if each.fn and (tab.ask._id, "click") in each.targets)
    shown, first_values = Sheet(), [part.value for part in asked.inputs[1:]]
    for updates in asked.fn(page_request(secret), QUESTION, *first_values):
        shown.read(updates if isinstance(updates, str) else updates[0])
    assert shown.updates()[0] == {"value": "", "visible": False}
    turns = services.conversations.load(services.store.visitor(secret))
    assert {arm: [turn.done for turn in each] for arm, each in turns.items()} == {"base": [True], "rag": [True]}


def test_a_redraw_keeps_the_answer_of_a_pane_that_is_done_while_another_goes_on(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(visitor: str, arms: Sequence[Any], *more: Any) -> Iterator[list[Answer]]:
        yield [answer_of("At noon.", True), answer_of("At", False)]
        yield [answer_of("At noon.", True), answer_of("At one.", True)]

    secret = new_secret()
    monkeypatch.setattr(services.answers, "stream", stream)
    with gr.Blocks():
        tab = CompareTab(services)
    arms = ["base", "few_shot"]
    services.library.add_text(services.store.visitor(secret), CLUB_RULES)
    going = services.conversations.ask(services.store.visitor(secret), QUESTION, arms, Decoding(), False)
    next(going)
    drawn = tab.refresh(page_request(secret), None, *arms, *[NONE] * (PANES - 2), *arms, "text")
    chats = [drawn[tab.tab.outputs.index(pane.chat)]["value"] for pane in tab.panes[:2]]
    assert [chat[-1]["content"] for chat in chats] == ["At noon.", "At"]


def test_a_question_that_cannot_be_asked_again_keeps_its_answer(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = new_secret()
    visitor = services.store.visitor(secret)
    with gr.Blocks() as page:
        tab = CompareTab(services)
    row = services.library.add_text(visitor, CLUB_RULES).documents[0]
    monkeypatch.setattr(services.answers, "stream", lambda _, arms, *more: iter([[answer_of("No.", True)] * len(arms)]))
    list(services.conversations.ask(visitor, QUESTION, ["base", "rag"], Decoding(), False))
    values = [*("base", "rag", NONE, NONE), False, *(knob.value for knob in tab.decoding)]
    services.library.remove(visitor, row.id)
    for button in (tab.retry, tab.panes[1].sources.anyway):
        *_, (told, *_) = shown_by(event_handler(page, button, "click"), page_request(secret), *values)
        assert "reads your text" in told["value"]
    assert {arm: [turn.answer for turn in turns] for arm, turns in services.conversations.load(visitor).items()} == {
        "base": ["No."], "rag": ["No."],
    }  # fmt: skip
    services.library.add_text(visitor, CLUB_RULES)
    monkeypatch.setattr(
        services.answers, "stream", lambda _, arms, *more: iter([[answer_of("Yes.", True)] * len(arms)])
    )
    *_, (_, chat, *_) = shown_by(event_handler(page, tab.retry, "click"), page_request(secret), *values)
    assert [each["content"][0]["text"] for each in chat["value"]] == [QUESTION, "Yes."]
    assert [turn.answer for turn in services.conversations.load(visitor)["rag"]] == ["Yes."]


def shown_by(handler: Any, *values: Any) -> Iterator[list[Any]]:
    """What a handler of the panes draws, frame by frame."""
    sheet = Sheet()
    for updates in handler(*values):
        sheet.read(updates if isinstance(updates, str) else updates[0])
        yield sheet.updates()


def test_nothing_to_save_leaves_no_folder(services: Services) -> None:
    with gr.Blocks() as page:
        tab = CompareTab(services)
    notice, _ = event_handler(page, tab.save, "click")(page_request(new_secret()))
    assert "no conversation to save" in notice["value"]
    assert not list(services.exchange.folder.glob("*/downloads/*"))


@pytest.mark.slow
def test_an_answer_is_drawn_asked_again_drawn_anew_and_saved(long_window_folder: Path, tmp_path: Path) -> None:
    services = Services(Settings(data=tmp_path, chat_model=str(long_window_folder), port=free_port()))
    assert services.chat
    answer_briefly(services.conversations)
    secret = new_secret()
    services.library.add_text(services.store.visitor(secret), CLUB_RULES)
    services.indexes.index(services.store.visitor(secret))
    with served_page(services) as url, chromium() as tab:
        tab.context.add_cookies([{"name": COOKIE, "value": secret, "url": url}])
        tab.goto(url)
        tab.get_by_role("tab", name="Compare").click(timeout=2 * MINUTES)
        expect(tab.get_by_label("First pane")).to_have_value("Base model", timeout=2 * MINUTES)
        for turns in (1, 2):
            tab.get_by_label("Your question").fill(QUESTION)
            tab.get_by_role("button", name="Ask", exact=True).click()
            expect(tab.locator(".pane").first.get_by_text(QUESTION)).to_have_count(turns, timeout=2 * MINUTES)
            expect(tab.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=2 * MINUTES)
            expect(tab.get_by_label("Figures").first).to_have_value(re.compile(r"stamp [0-9a-f]{12}"))
        tab.get_by_role("button", name="Save", exact=True).click()
        with tab.expect_download(timeout=MINUTES) as download:
            tab.locator('a[download="conversation.jsonl"]').click()
        lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
        assert {line["question"] for line in lines} == {QUESTION}
        assert all(line["stamp"] for line in lines)
