"""What is left of a visitor who starts over, or who stayed away too long: nothing, on disk or in memory."""

import errno
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from playground.chat.answer import Decoding
from playground.errors import UserError
from playground.inference.engine import scheduler_of
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import DAY, new_secret
from playground.training.config import TrainSettings
from retrieval.errors import IndexingStopped
from tests.conftest import Write
from tests.fakes.memory import held_in_memory
from tests.fakes.texts import CLUB_RULES

SHORT = Decoding(max_new_tokens=3)


@pytest.fixture
def settings(settings: Settings, long_window_folder: object) -> Settings:
    return Settings(data=settings.data, chat_model=str(long_window_folder))


def use_everything(services: Services, visitor: str, pairs: Path) -> None:
    """Leave something in the memory of every service."""
    services.library.add_text(visitor, CLUB_RULES)
    services.library.add(visitor, [(pairs, pairs.name)])
    services.indexes.index(visitor)
    services.training_text.token_counts(visitor)
    services.training_text.findings(visitor)
    services.training_text.preview(visitor, TrainSettings(window=64))
    list(services.conversations.ask(visitor, "What does rule 3 say?", ["base", "rag", "few_shot"], SHORT, True))
    list(services.votes.ask(visitor, "What does rule 3 say?", ["base", "rag"], SHORT))
    services.library.add_text(visitor, "One more rule.", "more")
    with pytest.raises(IndexingStopped):
        services.indexes.index(visitor, should_stop=lambda: True)
    services.indexes.cancel(visitor)
    services.answers.stop(visitor)
    services.question_writer.stop(visitor)
    with pytest.raises(UserError, match="no embedder"):
        services.indexes.choose_embedder(visitor, "none such")


def in_memory(services: Services, visitor: str) -> bool:
    return held_in_memory(services, visitor) or held_in_memory(scheduler_of(services.chat.model), visitor)


@pytest.mark.parametrize(
    "leave",
    [
        lambda services, visitor: services.visitors.forget(visitor),
        lambda services, visitor: services.visitors.sweep(time.time() + (services.settings.keep_days + 1) * DAY),
    ],
    ids=["start over", "stay away"],
)
def test_nothing_of_a_visitor_who_left_stays_in_memory(
    services: Services, leave: Callable[[Services, str], object], write: Write
) -> None:
    visitor = services.store.visitor(new_secret())
    use_everything(
        services, visitor, write("pairs.csv", "question,answer\nWho rings the bell?,Ann does.\nWho sings?,Ben does.\n")
    )
    assert in_memory(services, visitor)
    leave(services, visitor)
    assert not in_memory(services, visitor)
    assert not list((services.settings.data / "visitors").iterdir())


def test_a_visitor_who_may_not_start_over_yet_keeps_everything(services: Services) -> None:
    visitor = services.store.visitor(new_secret())
    services.library.add_text(visitor, CLUB_RULES)
    services.store.runs.add(visitor, "train", "a run", "lora", {}, lease_until=time.time() + 60)
    services.store.runs.claim_next()
    with pytest.raises(UserError, match="Stop it first"):
        services.visitors.forget(visitor)
    assert services.library.has_text(visitor)


class Days(threading.Event):
    """An event that lets a sweeper pass a number of days, each by `pass_day`."""

    def __init__(self, count: int, pass_day: Callable[[], None]) -> None:
        super().__init__()
        self._left, self._pass_day = count, pass_day

    def wait(self, timeout: float | None = None) -> bool:
        """See threading.Event.wait."""
        self._pass_day()
        self._left -= 1
        if not self._left:
            self.set()
        return self.is_set()


@pytest.mark.parametrize(("true_days", "days_set_ahead", "kept"), [(0, 30, True), (8, 0, False), (1, -30, True)])
def test_a_clock_that_is_set_makes_nobody_absent(
    services: Services, monkeypatch: pytest.MonkeyPatch, true_days: int, days_set_ahead: int, kept: bool
) -> None:
    visitor = services.store.visitor(new_secret())
    wall, steady, sweep = [time.time()], [time.monotonic()], services.visitors.sweep
    gone: list[str] = []

    def pass_day() -> None:
        steady[0] += true_days * DAY
        wall[0] += (true_days + days_set_ahead) * DAY

    clock = SimpleNamespace(time=lambda: wall[0], monotonic=lambda: steady[0])
    monkeypatch.setattr("playground.services.visitors.time", clock)
    monkeypatch.setattr(services.visitors, "sweep", lambda now: gone.extend(sweep(now)) or gone)
    services.visitors.sweep_daily(Days(2, pass_day))
    assert (gone == []) == kept
    assert set(gone) <= {visitor}


def test_a_sweep_that_failed_is_tried_again(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def sweep(now: float) -> list[str]:
        tried.append(now)
        if len(tried) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return []

    monkeypatch.setattr(services.visitors, "sweep", sweep)
    services.visitors.sweep_daily(Days(2, lambda: None))
    assert len(tried) == 2
