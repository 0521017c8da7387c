"""What a visitor's conversation keeps when several questions are under way at once."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from playground.chat.answer import Answer, Decoding
from playground.services import conversations
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret

STAMP = SimpleNamespace(id="0" * 12, to_dict=lambda: {})


def answer_of(text: str, done: bool, ahead: int = 0) -> Answer:
    return Answer("base", text, "", 1, 1, None, None, (), None, None, 0, STAMP, done, False, ahead)  # type: ignore[arg-type]


@pytest.fixture
def services(settings: Settings) -> Services:
    found = Services(settings)

    def answer(visitor: str, arms: Sequence[Any], question: str, *more: Any) -> Iterator[list[Answer]]:
        yield [answer_of("", False, ahead=2)] * len(arms)
        yield [answer_of(f"{question} Yes.", True)] * len(arms)

    found.answer = answer
    return found


def questions(services: Services, visitor: str) -> list[str]:
    return [turn.question for turn in conversations.load(services, visitor).get("base", [])]


def test_two_questions_at_a_time_both_stay_in_the_conversation(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    first = conversations.ask(services, visitor, "One?", ["base"], Decoding(), False)
    second = conversations.ask(services, visitor, "Two?", ["base"], Decoding(), False)
    next(first)
    next(second)
    assert [turn.question for turn in list(first)[-1]["base"]] == ["One?"]
    list(second)
    assert questions(services, visitor) == ["One?", "Two?"]


def test_a_question_left_in_the_line_is_kept_as_stopped(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    waiting = conversations.ask(services, visitor, "One?", ["base"], Decoding(), False)
    assert next(waiting)["base"][-1].ahead == 2
    waiting.close()
    (kept,) = conversations.load(services, visitor)["base"]
    assert (kept.ahead, kept.done, kept.stopped) == (0, True, True)


def test_a_conversation_cleared_meanwhile_keeps_only_what_came_after(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    list(conversations.ask(services, visitor, "One?", ["base"], Decoding(), False))
    going = conversations.ask(services, visitor, "Two?", ["base"], Decoding(), False)
    next(going)
    conversations.save(services, visitor, {})
    list(going)
    assert questions(services, visitor) == ["Two?"]
