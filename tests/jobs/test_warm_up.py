"""What a waiting worker makes ready: the run finds it made, and is not kept waiting by it."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from playground.data import exercises
from playground.data.exercises import exercise_examples, read_exercises
from playground.jobs import warm_up
from playground.jobs.warm_up import shared_tokenizer, warming_up
from playground.models.registry import chat_source
from playground.settings import Settings
from playground.training.config import PRESETS, preset_settings
from tests.fakes.waiting import wait_until

SECONDS = 60


def is_at_work() -> bool:
    return any(each.name == "warm-up" for each in threading.enumerate())


def test_a_run_of_any_preset_finds_its_exercises_made(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with warming_up(settings):
        assert wait_until(lambda: not is_at_work(), SECONDS)
    monkeypatch.setattr(exercises, "pair_example", None)
    tokenizer = shared_tokenizer(chat_source(settings))
    for preset in PRESETS.values():
        mix = preset_settings(preset, {}).mix
        assert exercise_examples(read_exercises("en"), tokenizer, mix.window, 100_000, mix.seed)


def test_a_run_waits_for_one_piece_only(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made = count()

    def endless(*_: object) -> Iterator[int]:
        yield from made

    monkeypatch.setattr(warm_up, "prepare_exercises", endless)
    with warming_up(settings):
        assert wait_until(lambda: next(made) > 100, SECONDS)
        assert is_at_work()
    assert not is_at_work()


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_model_that_is_missing_is_left_to_the_run(settings: Settings) -> None:
    with warming_up(replace(settings, chat_model="none/such")):
        pass
    assert not is_at_work()
