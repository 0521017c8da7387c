"""What the frames of a streamed answer draw: only what can be new, and everything at the start and the end."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from playground.chat.turns import Record
from playground.errors import UserError
from playground.services.app import Services
from playground.ui.compare.answer_stream import stream_updates
from playground.ui.compare.pane import FIGURES, NONE, draw_pane
from playground.ui.shared.handlers import refuse_if_full

SKIP = gr.skip()
EARLIER = Record("Who?", "She.", 9, 0.1, 20.0, None, 0, True, False, "0" * 12, {})
LATEST = replace(EARLIER, question="Where?", answer="", done=False, tokens_per_second=None)
ARMS = ["base", "few_shot", NONE]
PARTS = len(draw_pane("en", NONE, {}))


def frame(base: str, base_done: bool, few_shot: str, few_shot_done: bool) -> dict[str, list[Record]]:
    """Two panes after one earlier turn each."""
    return {
        "base": [EARLIER, replace(LATEST, answer=base, done=base_done)],
        "few_shot": [EARLIER, replace(LATEST, answer=few_shot, done=few_shot_done)],
    }


FRAMES = [
    frame("", False, "", False),
    frame("In", False, "At", True),
    frame("In a", False, "At", True),
    frame("In a", False, "At", True),
    frame("In a box.", True, "At", True),
]


STORED = {**FRAMES[-1], "few_shot": [EARLIER]}  # another event has taken the turn back


def panes(updates: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [updates[start : start + PARTS] for start in range(0, len(updates), PARTS)]


@pytest.fixture
def sent() -> list[list[tuple[Any, ...]]]:
    """The panes' updates, frame by frame."""
    return [panes(each) for each in stream_updates("en", ARMS, iter(FRAMES), lambda: STORED)]


def test_the_first_frame_sends_everything(sent: list[list[tuple[Any, ...]]]) -> None:
    assert sent[0] == [draw_pane("en", arm, FRAMES[0]) for arm in ARMS]


def test_the_last_update_is_the_whole_conversation_as_it_is_stored(sent: list[list[tuple[Any, ...]]]) -> None:
    assert len(sent) == len(FRAMES) + 1
    assert sent[-1] == [draw_pane("en", arm, STORED) for arm in ARMS]


def test_a_finished_pane_and_an_empty_one_are_not_sent_again(sent: list[list[tuple[Any, ...]]]) -> None:
    assert sent[1][1][0]["value"] == draw_pane("en", "few_shot", FRAMES[1])[0]["value"]
    assert [list(each[1]) for each in sent[2:5]] == [[SKIP] * PARTS] * 3
    assert [list(each[2]) for each in sent[1:5]] == [[SKIP] * PARTS] * 4
    assert sent[3][0] == tuple([SKIP] * PARTS), "nothing came since the frame before"


def test_a_pane_that_answers_draws_its_chat_and_its_figures_alone(sent: list[list[tuple[Any, ...]]]) -> None:
    chat, *others = sent[2][0]
    assert chat == draw_pane("en", "base", FRAMES[2])[0]
    assert others.pop(FIGURES - 1) == draw_pane("en", "base", FRAMES[2])[FIGURES]
    assert others == [SKIP] * (PARTS - 2)


def test_thoughts_grow_in_a_fold_before_the_answer() -> None:
    def drawn(thoughts: str, answer: str, done: bool = False) -> dict[str, list[Record]]:
        return {"base": [EARLIER, replace(LATEST, answer=answer, thoughts=thoughts, done=done)]}

    frames = [drawn("", ""), drawn("Hm", ""), drawn("Hm.", "In"), drawn("Hm.", "In a box.", True)]
    sent = [each[0]["value"] for each in stream_updates("en", ["base"], iter(frames), lambda: frames[-1])]
    folds = [[each["metadata"]["status"] for each in value if "metadata" in each] for value in sent]
    assert folds == [[], ["pending"], ["done"], ["done"], ["done"]]
    assert [value[-1]["content"] for value in sent] == ["…", "…", "In", "In a box.", "In a box."]
    assert all([each["content"] for each in value[:3]] == ["Who?", "She.", "Where?"] for value in sent)
    assert sent[1][3]["content"] == "Hm"
    assert sent[1] == draw_pane("en", "base", frames[1])[0]["value"]


def test_thoughts_that_took_every_token_are_said_to_be_no_answer() -> None:
    ended = {"base": [replace(LATEST, thoughts="Hm", done=True)]}
    assert draw_pane("en", "base", ended)[0]["value"][-1]["content"].startswith("No answer: the thoughts took all")


@pytest.mark.parametrize(
    ("language", "wait", "line"),
    [
        ("en", None, "Waiting: 12 ahead …"),
        ("en", 42.3, "Waiting: 12 ahead, about 42 s …"),
        ("vi", 300.0, "Đang chờ: còn 12 câu hỏi phía trước, khoảng 5 phút …"),
    ],
)
def test_who_waits_is_told_the_place_and_the_time(language: str, wait: float | None, line: str) -> None:
    waiting = {"base": [replace(LATEST, answer="", ahead=12, wait=wait)]}
    assert draw_pane(language, "base", waiting)[0]["value"][-1]["content"] == line


def test_a_host_that_takes_no_more_questions_says_so() -> None:
    full = SimpleNamespace(answers=SimpleNamespace(is_full=lambda: True), settings=SimpleNamespace(queue_size=200))
    with pytest.raises(UserError, match="Đã có 200 câu hỏi"):
        refuse_if_full(cast(Services, full), "vi")
