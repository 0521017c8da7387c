"""The range test and successive halving on a tiny model, and the sweep as a job that can be stopped anywhere."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import adapters
from playground.jobs.tasks import sweep as sweep_kind
from playground.jobs.worker import work
from playground.settings import Settings
from playground.storage.run_folder import CONFIG, DOCUMENTS, EVENTS, LEASE, log_event, read_events
from playground.training import loop as training_loop
from playground.training import lr_sweep
from playground.training.config import RunConfig, TrainSettings
from playground.training.lr_sweep import ARMS_PER_RUNG, RUNGS, RangePoint
from retrieval.document import Document
from tests.fakes.chat_model import tiny_chat

TEXT = [Document("house.txt", "\n\n".join(f"The {n}th rule is to close door {n} before {n + 1}." for n in range(40)))]


def config(method: str = "lora") -> RunConfig:
    settings = TrainSettings(steps=8, batch_tokens=128, window=64)
    return RunConfig(method, adapters.get(method).Options(), settings)


def never() -> bool:
    return False


def after(times: int) -> Callable[[], bool]:
    """A stop signal that comes once it was asked so many times."""
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > times

    return should_stop


def test_the_range_test_raises_the_rate_evenly() -> None:
    points = list(lr_sweep.range_test(config("lora_plus"), tiny_chat(), TEXT, never))
    low, high = lr_sweep.rate_range(config("lora_plus"))
    steps = [math.log(b.rate / a.rate) for a, b in zip(points, points[1:], strict=False)]
    assert points[0].rate == pytest.approx(low)
    assert max(steps) - min(steps) < 1e-9
    assert points[-1].rate <= high
    assert len(points) == lr_sweep.FINDER_STEPS


def test_the_range_test_ends_where_the_loss_rises_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([5.0, 4.0, 3.0, 4.0, 9.0, 9.0, 9.0])
    monkeypatch.setattr(training_loop, "optimizer_step", lambda run, batch: (next(losses), 1))
    points = list(lr_sweep.range_test(config(), tiny_chat(), TEXT, never))
    assert [point.loss for point in points] == [5.0, 4.0, 3.0, 4.0, 9.0]


def test_the_suggested_rate_is_where_the_loss_falls_steepest() -> None:
    losses = [3.0, 3.0, 2.9, 2.5, 2.4, 2.4, 3.5, math.nan]
    points = [RangePoint(n, 10.0 ** (n - 6), loss, loss) for n, loss in enumerate(losses)]
    assert lr_sweep.suggest_rate(points, 9.0) == points[3].rate
    assert lr_sweep.suggest_rate(points[5:], 9.0) == 9.0
    assert lr_sweep.suggest_rate([], 9.0) == 9.0


def test_all_arms_read_equally_much_and_stay_within_the_method_s_limits() -> None:
    arms = lr_sweep.build_grid(config(), 0.5)
    assert len(arms) == ARMS_PER_RUNG[0]
    assert {arm.settings.steps * arm.settings.batch_tokens for arm in arms} == {8 * 128}
    assert {arm.settings.batch_tokens for arm in arms} == {64, 128}
    assert max(arm.options.learning_rate for arm in arms) <= 1.0


def test_halving_trains_the_better_arms_further_and_the_best_to_the_end(tmp_path: Path) -> None:
    arms = lr_sweep.build_grid(config(), 3e-3)
    told: list[dict[str, Any]] = []
    steps = lr_sweep.successive_halving(arms, tiny_chat, TEXT, tmp_path, never, {})
    try:
        while True:
            told.append(next(steps))
    except StopIteration as end:
        losses = end.value
    counts = [sum(rung == each for _, rung in losses) for each in RUNGS]
    assert counts == list(ARMS_PER_RUNG)
    first = {arm: loss for (arm, rung), loss in losses.items() if rung == RUNGS[0]}
    assert {arm for arm, rung in losses if rung == RUNGS[1]} == set(
        sorted(first, key=first.__getitem__)[: ARMS_PER_RUNG[1]]
    )
    won = lr_sweep.best_arm(losses)
    assert losses[won, 1] == min(loss for (_, rung), loss in losses.items() if rung == 1)
    assert 0 < sum("loss" not in each for each in told) <= lr_sweep.rung_steps(arms)


def sweep_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / CONFIG).write_text(json.dumps({"kind": "sweep", **config().to_dict()}))
    (folder / DOCUMENTS).write_text(json.dumps([each.to_dict() for each in TEXT]))
    (folder / EVENTS).touch()
    (folder / LEASE).write_text(str(time.time() + 600))
    return folder


@pytest.fixture
def tiny(tiny_model_folder: Path, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", chat_model=str(tiny_model_folder))


def test_a_sweep_ends_with_the_setting_that_won(tiny: Settings, tmp_path: Path) -> None:
    folder = sweep_folder(tmp_path / "sweep")
    assert work(folder, tiny) == "finished"
    events = read_events(folder)
    points = [event for event in events if "rate" in event and event["event"] == "progress"]
    judged = [event for event in events if event["event"] == "judged"]
    assert len(points) <= lr_sweep.FINDER_STEPS
    assert len(judged) == sum(ARMS_PER_RUNG)
    last = [event for event in judged if event["rung"] == 1]
    best = min(last, key=lambda event: event["loss"])
    won = events[-1]
    assert (won["learning_rate"], won["batch_tokens"], won["loss"]) == (
        best["learning_rate"],
        best["batch_tokens"],
        best["loss"],
    )
    progress = [event for event in events if event["event"] == "progress"]
    assert 0.7 * progress[-1]["steps"] < progress[-1]["step"] <= progress[-1]["steps"]
    assert not (folder / "checkpoint").exists()


def test_a_sweep_that_is_stopped_again_and_again_comes_to_the_same_end(tiny: Settings, tmp_path: Path) -> None:
    whole, parts = sweep_folder(tmp_path / "whole"), sweep_folder(tmp_path / "parts")
    assert work(whole, tiny) == "finished"
    asks, event = 60, {}
    starts = 0
    while event.get("reason") != "done":
        for event in sweep_kind.run(parts, tiny, after(asks)):
            log_event(parts, event)
        asks, starts = asks + 60, starts + 1
        assert starts < 20
    assert starts > 3
    logged = [json.loads(line) for line in (parts / EVENTS).read_text().splitlines() if line]
    steps = [each["step"] for each in logged if each["event"] == "progress" and "arm" in each]
    assert steps == sorted(set(steps)), "an arm that goes on is not counted from its start again"
    judged = [
        {(each["arm"], each["rung"]): each["loss"] for each in read_events(folder) if each["event"] == "judged"}
        for folder in (whole, parts)
    ]
    assert judged[0] == judged[1]
