"""The worker in this process, with a stand-in for training."""

import errno
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from safetensors import SafetensorError

from playground.errors import UserError
from playground.jobs import worker
from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.jobs.worker import work
from playground.settings import Settings
from playground.storage.run_folder import read_events
from playground.storage.store import Store
from tests.fakes.runs import (
    COUNT,
    LONG,
    Event,
    counted,
    replace_training,
)


def test_work_logs_every_event_and_no_server_path(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_training(monkeypatch, counted(2))
    assert work(folder, settings) == "finished"
    assert [event["event"] for event in read_events(folder)] == ["started", "progress", "progress", "finished"]
    assert str(settings.data) not in (folder / "events.jsonl").read_text()


@pytest.mark.parametrize(
    ("fault", "sentence", "logged"),
    [
        (UserError("This text is too short."), "This text is too short.", False),
        (KeyError("secret"), worker.FAULT, True),
        (MemoryError(), worker.NO_MEMORY, True),
    ],
)
def test_work_tells_the_visitor_a_sentence_and_the_log_a_traceback(
    folder: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
    sentence: str,
    logged: bool,
) -> None:
    def broken(*arguments: object) -> Iterator[Event]:
        yield Event({"event": "progress", "step": 1})
        raise fault

    replace_training(monkeypatch, broken)
    assert work(folder, settings) == "failed"
    assert read_events(folder)[-1] == {"event": "failed", "error": sentence}
    assert ("Traceback" in caplog.text) == logged


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_pauses_the_run_and_the_visitor_learns_why(
    fault: Exception,
    folder: Path,
    jobs: JobQueue,
    store: Store,
    settings: Settings,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
    supervisor: Supervisor,
) -> None:
    def full(*arguments: object) -> Iterator[Event]:
        yield Event({"event": "progress", "step": 1})
        raise fault

    replace_training(monkeypatch, full)
    assert work(folder, settings) == "stopped"
    row = store.runs.claim_next()
    assert row
    supervisor.record_ending(row, 0)
    assert (store.runs.get(visitor, row.id).state, store.runs.get(visitor, row.id).error) == ("stopped", worker.NO_ROOM)
    jobs.resume(visitor, row.id)
    assert store.runs.get(visitor, row.id).state == "queued"


def test_a_disk_without_room_for_the_event_itself_is_told_by_the_exit_code(
    folder: Path, jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(worker, "log_event", full)
    monkeypatch.setattr(sys, "argv", ["worker", str(folder)])
    code = worker.main()
    row = store.runs.claim_next()
    assert row
    supervisor.record_ending(row, code)
    assert (store.runs.get(visitor, row.id).state, store.runs.get(visitor, row.id).error) == ("stopped", worker.NO_ROOM)


def test_work_stops_when_asked_and_at_the_end_of_its_lease(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_training(monkeypatch, counted(LONG, 0.01))
    (folder / "lease").write_text(str(time.time() + 0.2))
    assert work(folder, settings) == "stopped"
    reached = read_events(folder)[-1]["step"]
    assert 0 < reached < 25
    (folder / "lease").write_text(str(time.time() + 100))
    (folder / "stop").touch()
    assert work(folder, settings) == "stopped"
    assert read_events(folder)[-1]["step"] == reached


def test_a_lease_that_is_renewed_while_its_run_stops_does_not_fail_the_run(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_slowly(config: object, chat: object, documents: object, out: Path, *rest: Any) -> Iterator[Event]:
        should_stop: Callable[[], bool] = rest[0]
        (folder / "lease").write_text("0")
        assert should_stop()
        (folder / "lease").write_text(str(time.time() + 100))  # the page is seen again while a checkpoint is written
        assert should_stop()
        yield Event({"event": "finished", "reason": "stopped", "step": 1})

    replace_training(monkeypatch, stop_slowly)
    assert work(folder, settings) == "stopped"


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind of run beside training."""

    def run(folder: Path, settings: Settings, should_stop: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        total = json.loads((folder / "numbers.json").read_text())[-1]
        yield {"event": "progress", "step": total, "steps": total, "seconds_left": 0.0}
        yield {"event": "finished", "reason": "stopped" if should_stop() else "done", "total": total}

    module = ModuleType("playground.jobs.tasks.count")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("counting")
def test_a_kind_of_run_is_one_module(jobs: JobQueue, store: Store, settings: Settings, visitor: str) -> None:
    row = store.runs.get(visitor, jobs.add(visitor, [COUNT])[0])
    assert work(row.folder, settings) == "finished"
    assert read_events(row.folder)[-1]["total"] == 3


def test_a_resumed_run_is_not_taken_for_ended_before_its_worker_speaks(
    folder: Path,
    jobs: JobQueue,
    store: Store,
    settings: Settings,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
    supervisor: Supervisor,
) -> None:
    replace_training(monkeypatch, counted(2))
    (folder / "stop").touch()
    assert work(folder, settings) == "stopped"
    store.runs.transition(visitor, folder.name, ["queued"], "stopped")
    jobs.resume(visitor, folder.name)
    row = store.runs.claim_next()
    assert row
    supervisor.record_ending(row, -signal.SIGKILL)
    assert "(signal SIGKILL)" in store.runs.get(visitor, row.id).error
