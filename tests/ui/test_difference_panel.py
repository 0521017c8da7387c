"""The differences of two panes: nothing is drawn while the switch is off, and two adapters fill all four panes."""

from dataclasses import asdict, replace
from typing import Any

import gradio as gr

from playground.chat.turns import Record
from playground.services.app import Services
from playground.ui.compare.pane import PANES
from playground.ui.compare.tab import CompareTab
from playground.ui.compare.voting import ANY
from tests.fakes.page import event_handler, page_request
from tests.fakes.prepared import train
from tests.fakes.texts import CLUB_RULES

TURN = Record("Who is it?", "", 9, 0.1, 5.0, None, 0, True, False, "0" * 12, {})
ARMS = ("base", "few_shot", "none", "none")


def test_the_last_answers_of_two_panes_are_shown_with_the_words_of_one_alone(services: Services) -> None:
    with gr.Blocks() as page:
        tab = CompareTab(services)
    request = page_request()
    (secret,) = request.cookies.values()
    visitor = services.store.visitor(secret)
    said = {"base": "It is Ann.", "few_shot": "It is Bob <b>now</b>."}
    services.store.save_conversation(visitor, {arm: [asdict(replace(TURN, answer=said[arm]))] for arm in said})
    draw = event_handler(page, tab.differences.switch, "input")
    assert draw(request, False, 0, 1, *ARMS)[1] == gr.update(visible=False)
    _, panel, *sides = draw(request, True, 0, 1, *ARMS)
    assert panel["visible"]
    assert [each["label"] for each in sides] == ["Base model", "Few-shot: examples from your text"]
    assert [_marked(each) for each in sides] == [["Ann"], ["Bob", "b", "now", "b"]]
    assert [_marked(each) for each in draw(request, True, 0, 3, *ARMS)[2:]] == [["It is Ann"], []]


def _marked(update: dict[str, Any]) -> list[str]:
    return [text for text, mark in update["value"] if mark]


def test_one_click_puts_two_adapters_side_by_side(services: Services) -> None:
    with gr.Blocks() as page:
        tab = CompareTab(services)
    request = page_request()
    (secret,) = request.cookies.values()
    visitor = services.store.visitor(secret)
    services.library.add_text(visitor, CLUB_RULES)
    older = train(services, visitor)
    told, *rest = event_handler(page, tab.two, "click")(request)
    assert "takes two adapters" in told["value"]
    assert all(each == gr.skip() for each in rest)
    *_, offered = tab.refresh(request, None, *["none"] * PANES, ANY, ANY, "text")
    assert offered["visible"] is False, "with one adapter there are no two"
    newer = train(services, visitor)
    *_, offered = tab.refresh(request, None, *["none"] * PANES, ANY, ANY, "text")
    assert offered["visible"] is True
    _, *arms = event_handler(page, tab.two, "click")(request)[: 1 + PANES]
    assert arms == [f"tuned:{newer.id}", f"tuned:{older.id}", f"both:{newer.id}", f"both:{older.id}"]
