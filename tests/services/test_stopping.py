"""A stop reaches the question it was meant for, wherever that is answered, and no other."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from playground.chat.answer import Decoding
from playground.errors import UserError
from playground.prompts import Turn
from playground.services import answers as answers_module
from playground.services.app import Services
from playground.services.keyed_locks import KeyedLocks
from playground.services.stop_signals import StopSignals
from playground.settings import Settings
from playground.storage.store import new_secret
from tests.fakes.forking_gpu import forking_gpu


class Said(str):
    """What stands for the answer of one arm."""

    tokens, done, stopped = 1, True, False


def until_stopped(*arguments: Any, **more: Any) -> Iterator[list[str]]:
    """Answers like `chat.answer.answer`, but goes on until it is stopped, for ten seconds at most."""
    should_stop: Callable[[], bool] = arguments[6]
    yield [Said("begun")]
    ends = time.monotonic() + 10
    while not should_stop():
        if time.monotonic() > ends:
            yield [Said("never stopped")]
            return
        time.sleep(0.01)
    yield [Said("stopped")]


def start(services: Services, visitor: str) -> Iterator[Sequence[Any]]:
    """A question to the base model whose answer has begun."""
    histories: list[list[Turn]] = [[]]
    arms = [services.answers.arm(visitor, "base")]
    answer = services.answers.stream(visitor, arms, "Why?", histories, Decoding(), False)
    assert next(answer) == ["begun"]
    return answer


@pytest.fixture
def services(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setattr(answers_module.chat_answer, "answer", until_stopped)
    return Services(settings)


def test_a_later_question_does_not_take_an_earlier_stop_back(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    first = start(services, visitor)
    services.answers.stop(visitor)
    second = start(services, visitor)
    assert list(first) == [["stopped"]]
    services.answers.stop(visitor)
    assert list(second) == [["stopped"]]


def test_a_stop_does_not_reach_a_later_question_or_another_visitor(services: Services) -> None:
    visitor, stranger = (services.store.visitor(new_secret()) for _ in range(2))
    services.answers.stop(visitor)
    later, others = start(services, visitor), start(services, stranger)
    services.answers.stop(stranger)
    assert list(others) == [["stopped"]]
    services.answers.stop(visitor)
    assert list(later) == [["stopped"]]


def test_a_stop_reaches_an_answer_in_a_forked_process(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers_module.chat_answer, "answer", until_stopped)
    monkeypatch.setattr(answers_module, "gpu", forking_gpu)
    services = Services(settings)
    assert services.chat, "loaded before the fork, as on ZeroGPU"
    visitor = services.store.visitor(new_secret())
    answer = start(services, visitor)
    services.answers.stop(visitor)
    assert list(answer) == [["stopped"]]


def test_a_signal_is_gone_when_its_work_has_ended() -> None:
    signals = StopSignals()
    with signals.open("a") as signal:
        assert signals.working("a")
        signals.stop("b")
        assert not signal.is_set()
        signals.stop("a")
        assert signal.is_set()
    assert not signals.working("a")
    assert not signal.is_set()


def test_a_stop_arrives_where_the_system_has_cleaned_its_temporary_files() -> None:
    signals = StopSignals()
    with signals.open("a") as signal:
        shutil.rmtree(signal.file.parent)
        signals.stop("a")
        assert signal.is_set()


def test_a_lock_of_a_key_is_gone_when_nobody_uses_it() -> None:
    locks = KeyedLocks()
    with locks.hold("a"), locks.hold("a"), locks.hold("b"):
        assert locks.is_held("a")
        assert locks.is_held("b")
    assert not locks.is_held("a")
    assert not locks.is_held("b")


def test_a_host_is_full_while_as_many_questions_are_open_as_it_takes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_module.chat_answer, "answer", until_stopped)
    services = Services(replace(settings, queue_size=2))
    visitors = [services.store.visitor(new_secret()) for _ in range(2)]
    begun = [start(services, each) for each in visitors]
    assert services.answers.is_full()
    services.answers.stop(visitors[0])
    assert list(begun[0]) == [["stopped"]]
    assert not services.answers.is_full()
    services.answers.stop(visitors[1])
    assert list(begun[1]) == [["stopped"]]


def test_a_server_that_ends_takes_no_question_and_stops_what_does_not_end_in_time(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    going = start(services, visitor)
    read: list[Any] = []
    reader = threading.Thread(target=lambda: read.extend(going))
    reader.start()
    assert services.answers.finish(0.2) == 1
    reader.join()
    assert read == [["stopped"]]
    with pytest.raises(UserError, match="takes no more questions"):
        start(services, visitor)


def test_a_server_that_ends_lets_an_answer_end_that_does_in_time(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    going = start(services, visitor)
    threading.Timer(0.2, going.close).start()
    begun = time.monotonic()
    assert services.answers.finish(60) == 0
    assert time.monotonic() - begun < 10
