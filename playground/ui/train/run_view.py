"""One run as a visitor follows it: its state in words, and a plot of both losses. Draws; changes nothing."""

import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from playground.charts.losses import LossPanel, draw_losses
from playground.jobs.queue import Snapshot
from playground.storage.run_folder import has_adapter
from playground.training.heldout_trend import heldout_trend
from playground.training.state import HeldoutResult
from playground.ui.shared.format import count, decimal, duration
from playground.ui.shared.i18n import say
from playground.ui.shared.translation import translate

SMOOTHING = 0.7
Events = Sequence[dict[str, Any]]


def plot_update(language: str, events: Events, is_over: bool = False) -> dict[str, Any]:
    """Both losses as a picture; hidden while there is nothing to draw."""
    words = [say(language, f"train.plot{part}") for part in ("", "_seconds", "_kept" if is_over else "_best")]
    drawn = draw_losses(words[0], loss_panels(language, events), *words[1:])
    return gr.update(value=drawn, visible=bool(drawn))


def loss_panels(language: str, events: Events) -> list[LossPanel]:
    """Held-out loss as measured, with the kept step marked; training loss, smoothed, as one step reads little."""
    steps = _steps(events)
    tests, trained = _measured(steps, "heldout_loss"), _measured(steps, "loss")
    kept = best_step(events)
    return [
        LossPanel(
            "heldout",
            say(language, "train.plot_heldout"),
            tests,
            tests,
            (kept["seconds"], kept["heldout_loss"]) if kept else None,
        ),
        LossPanel("train", say(language, "train.plot_train"), trained, _smoothed(trained)),
    ]


def _measured(steps: Events, loss: str) -> list[tuple[float, float]]:
    """Seconds and loss of the steps that have one; a run that diverged may have lost the number."""
    return [(each["seconds"], each[loss]) for each in steps if each[loss] is not None and math.isfinite(each[loss])]


def _smoothed(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The exponential mean of the losses so far."""
    smooth: list[tuple[float, float]] = []
    for seconds, loss in places:
        smooth.append((seconds, SMOOTHING * smooth[-1][1] + (1 - SMOOTHING) * loss if smooth else loss))
    return smooth


def best_step(events: Events) -> dict[str, Any] | None:
    """The step whose adapter is kept: that with the best held-out test so far."""
    best, kept = HeldoutResult(math.inf), None
    for event in _steps(events):
        if event["heldout_loss"] is not None and event["step"]:
            test = HeldoutResult(event["heldout_loss"], event.get("answers"))
            if test.is_better_than(best):
                best, kept = test, event
    return kept


def state_line(language: str, run: Snapshot) -> str:
    """The run's state, in one or two sentences."""
    steps = _steps(run.events)
    last = steps[-1] if steps else None
    if run.state == "failed":
        return say(language, "train.state.failed", error=translate(language, run.error))
    if run.state == "queued":
        return _queued_line(language, run)
    if run.state == "stopping":
        return say(language, "train.state.stopping")
    if run.state == "stopped":
        return _stopped_line(language, run, last)
    if run.state == "done":
        return _done_line(language, run) if run.events else say(language, "train.state.brought")
    return _running_line(language, last, run.events)


def trend_sentence(language: str, events: Events) -> str:
    """What the held-out tests say so far."""
    losses = [event["heldout_loss"] for event in _steps(events) if event["heldout_loss"] is not None]
    return say(language, f"train.trend.{heldout_trend(losses)}")


def percent(events: Events) -> int:
    """Progress of the run, 0 to 100."""
    steps = _steps(events)
    return round(100 * steps[-1]["step"] / steps[-1]["steps"]) if steps and steps[-1]["steps"] else 0


def seconds_left(events: Events) -> float | None:
    """The run's own estimate; None before its first step."""
    steps = _steps(events)
    return steps[-1]["seconds_left"] if steps else None


def _steps(events: Events) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == "progress"]


def _running_line(language: str, last: dict[str, Any] | None, events: Events) -> str:
    if last is None or last["seconds_left"] is None:
        return say(language, "train.state.starting")
    left = duration(language, last["seconds_left"])
    speed = count(language, last["tokens_per_second"])
    line = say(language, "train.state.running", step=last["step"], steps=last["steps"], speed=speed, left=left)
    return f"{line}\n{trend_sentence(language, events)}{_usable_sentence(language, events)}"


def _queued_line(language: str, run: Snapshot) -> str:
    place = run.position + 1
    if run.starts_in is None:
        return say(language, "train.state.queued", place=place)
    return say(language, "train.state.queued_until", place=place, time=duration(language, run.starts_in))


def _usable_sentence(language: str, events: Events) -> str:
    """Says that the best adapter so far can be used while the run continues; empty before the first one."""
    found = best_step(events)
    if not found:
        return ""
    return " " + say(language, "train.usable", step=found["step"], loss=decimal(language, found["heldout_loss"], 3))


def _stopped_line(language: str, run: Snapshot, last: dict[str, Any] | None) -> str:
    if last is None:
        line = say(language, "train.state.stopped_early")
    else:
        key = "train.state.stopped" if has_adapter(run.folder) else "train.state.stopped_without"
        line = say(language, key, step=last["step"])
    return f"{translate(language, run.error)}\n{line}" if run.error else line


def _done_line(language: str, run: Snapshot) -> str:
    figures = run.figures
    answers = figures.get("answers")
    line = say(
        language,
        "train.state.done",
        steps=figures["step"],
        time=duration(language, figures["seconds"]),
        before=decimal(language, figures["heldout_before"], 3),
        after=decimal(language, figures["heldout_after"], 3) if figures["heldout_after"] is not None else "–",
        best=figures.get("best_step") or figures["step"],
    )
    return line if answers is None else f"{line} {say(language, 'train.answers', share=f'{answers:.0%}')}"
