"""Training runs for the tests of the queue: a short config, a stand-in for training, and waiting for a state."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import adapters
from playground.jobs.queue import Job, JobQueue, Snapshot
from playground.jobs.tasks import train as train_task
from playground.storage.run_folder import CHECKPOINT, WORKER_LOG, read_events
from playground.storage.store import RunRow, Store
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document

SENTENCES = "\n\n".join(f"House {number} stands beside house {number + 1}." for number in range(200))
TEXT = [Document("streets.txt", SENTENCES)]
LONG = 100_000  # steps: more than any test waits for
ENDED = ("done", "stopped", "failed")
COUNT = Job("count", {}, {"numbers.json": "[1, 2, 3]"}, "counting")  # a task beside training


def config(steps: int = 4, max_seconds: float = 100.0) -> RunConfig:
    """A short run of a small LoRA."""
    settings = TrainSettings(
        steps=steps, max_seconds=max_seconds, batch_tokens=32, window=32, checkpoint_every=2, evaluations=1
    )
    return RunConfig("lora", adapters.get("lora").Options(rank=2), settings)


def watch(jobs: JobQueue, visitor: str, run: str, until: Callable[[Snapshot], bool], seconds: float = 120) -> Snapshot:
    """Watch a run as a page does, which renews its lease, until a condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = jobs.snapshot(visitor, run)
        if until(seen):
            return seen
        time.sleep(0.05)
    raise AssertionError(_explain(seen))


def wait_unwatched(store: Store, visitor: str, run: str, seconds: float = 120) -> RunRow:
    """Wait for a run's end without renewing its lease."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        row = store.runs.get(visitor, run)
        if row.state in ENDED:
            return row
        time.sleep(0.05)
    raise AssertionError(_explain(row))


def _explain(row: RunRow) -> str:
    log = row.folder / WORKER_LOG
    output = log.read_text()[-2000:] if log.exists() else "no log"
    return f"{row.state}, {read_events(row.folder)[-3:]}, {output}"


def training(snapshot: Snapshot) -> bool:
    """Some steps are done and a checkpoint is there."""
    return snapshot.state == "running" and bool(list((snapshot.folder / CHECKPOINT).glob("step-*")))


def ended(snapshot: Snapshot) -> bool:
    """The run is over."""
    return snapshot.state in ENDED


def steps(snapshot: Snapshot) -> list[int]:
    """The steps that a run has logged."""
    return [event["step"] for event in snapshot.events if event["event"] == "progress"]


@dataclass(frozen=True)
class Event:
    """What a stand-in for training yields."""

    values: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The event as the log has it."""
        return self.values


def counted(total: int, pause: float = 0.0) -> Callable[..., Iterator[Event]]:
    """Stands in for `train`: counts to `total` in a checkpoint, obeying the stop signal."""

    def train(
        config: RunConfig,
        chat: object,
        documents: object,
        out: Path,
        should_stop: Callable[[], bool],
        resume: bool,
        shared: Path,
        judge: object,
    ) -> Iterator[Event]:
        saved = out / "checkpoint"
        step, reason = int(saved.read_text()) if resume else 0, "done"
        while step < total and reason == "done":
            if should_stop():
                reason = "stopped"
            else:
                time.sleep(pause)
                step += 1
                yield Event({"event": "progress", "step": step})
        saved.write_text(str(step))
        yield Event({"event": "finished", "reason": reason, "step": step, "adapter": str(out)})

    return train


def replace_training(monkeypatch: pytest.MonkeyPatch, train: Callable[..., Any]) -> None:
    """Let the task run this in place of training."""
    monkeypatch.setattr(train_task.training_loop, "train", train)
