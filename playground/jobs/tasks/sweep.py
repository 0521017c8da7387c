"""Sweeps over learning rate and batch size: the range test's curve, the grid's losses and the best setting."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playground import device
from playground.models.chat_choice import listed_source
from playground.models.chat_model import ChatModel, load_chat
from playground.settings import Settings
from playground.storage.run_folder import CHECKPOINT, read_base, read_config, read_documents, read_events
from playground.training import lr_sweep
from playground.training.config import RunConfig
from playground.training.interrupt import Interrupted
from playground.training.lr_sweep import FINDER_STEPS
from retrieval.document import Document


def run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """See `playground.jobs.tasks`; a step is a step of the range test, or an optimizer step of any arm.

    Progress events of the range test carry rate, loss and smoothed loss. There are two further events: "suggested"
    with a rate, and "judged" with an arm's loss at a rung. A stopped sweep continues from them.
    """
    config = RunConfig.from_dict(read_config(folder))
    documents = read_documents(folder)
    base = listed_source(settings, read_base(folder))
    try:
        yield from _events(config, documents, folder, lambda: load_chat(base, device.choose()), should_stop)
    except Interrupted:
        yield {"event": "finished", "reason": "stopped"}


def _events(
    config: RunConfig,
    documents: list[Document],
    folder: Path,
    load: Callable[[], ChatModel],
    should_stop: Callable[[], bool],
) -> Iterator[dict[str, Any]]:
    logged = read_events(folder)
    progress = SweepProgress(config)
    rate = suggested_rate(logged)
    if rate is None:
        rate = yield from range_events(config, documents, load, should_stop, progress)
    arms = lr_sweep.build_grid(config, rate)
    judged = judged_losses(logged)
    done = steps_done(arms, logged)
    steps = lr_sweep.successive_halving(arms, load, documents, folder / CHECKPOINT, should_stop, judged)
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            yield {
                "event": "finished",
                "reason": "done",
                "step": done,
                **_best_setting(arms[lr_sweep.best_arm(end.value)], end.value),
            }
            return
        if "loss" in step:
            yield judged_event(arms[step["arm"]], **step)
        else:
            done += 1
            yield progress.event(done, arm=step["arm"])


def range_events(
    config: RunConfig,
    documents: list[Document],
    load: Callable[[], ChatModel],
    should_stop: Callable[[], bool],
    progress: "SweepProgress",
) -> Generator[dict[str, Any], None, float]:
    """The range test as events: progress, then "suggested" with the rate, which is returned."""
    points = []
    for point in lr_sweep.range_test(config, load(), documents, should_stop):
        points.append(point)
        yield progress.event(point.step, rate=point.rate, loss=point.loss, smoothed=point.smoothed)
    rate = lr_sweep.suggest_rate(points, config.options.learning_rate)
    yield {"event": "suggested", "rate": rate}
    return rate


def suggested_rate(logged: Sequence[Mapping[str, Any]]) -> float | None:
    """The rate that the range test has suggested; None before."""
    return next((event["rate"] for event in logged if event["event"] == "suggested"), None)


def judged_losses(logged: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], float]:
    """The losses so far, by arm and rung."""
    return {(event["arm"], event["rung"]): event["loss"] for event in logged if event["event"] == "judged"}


def judged_event(config: RunConfig, arm: int, rung: int, loss: float) -> dict[str, Any]:
    """An arm's loss at a rung as an event, with the arm's setting."""
    return {"event": "judged", "arm": arm, "rung": rung, "loss": loss, **_setting(config)}


def steps_done(arms: Sequence[RunConfig], logged: Sequence[Mapping[str, Any]]) -> int:
    """The steps of the range test and of all arms so far; an arm that was stopped between two rungs goes on there."""
    judged = judged_losses(logged)
    done = FINDER_STEPS + sum(arms[arm].settings.steps // rung - _steps_before(arms[arm], rung) for arm, rung in judged)
    return max([done, *(event["step"] for event in logged if event["event"] == "progress" and "arm" in event)])


class SweepProgress:
    """Makes progress events, with the seconds left by the pace since this process began."""

    def __init__(self, config: RunConfig) -> None:
        self._steps = FINDER_STEPS + lr_sweep.rung_steps(lr_sweep.build_grid(config, config.options.learning_rate))
        self._began = time.monotonic()
        self._first: int | None = None

    def event(self, step: int, **more: Any) -> dict[str, Any]:
        """Progress at a step that is done."""
        self._first = step - 1 if self._first is None else self._first
        pace = (time.monotonic() - self._began) / (step - self._first)
        left = pace * max(0, self._steps - step)
        return {"event": "progress", "step": step, "steps": max(self._steps, step), "seconds_left": left, **more}


def _steps_before(arm: RunConfig, rung: int) -> int:
    """The steps that an arm has done when it starts towards a rung."""
    earlier = lr_sweep.RUNGS[: lr_sweep.RUNGS.index(rung)]
    return arm.settings.steps // earlier[-1] if earlier else 0


def _setting(arm: RunConfig) -> dict[str, Any]:
    return {"learning_rate": arm.options.learning_rate, "batch_tokens": arm.settings.batch_tokens}


def _best_setting(best: RunConfig, losses: lr_sweep.RungLosses) -> dict[str, Any]:
    return {**_setting(best), "loss": min(loss for (_, rung), loss in losses.items() if rung == lr_sweep.RUNGS[-1])}
