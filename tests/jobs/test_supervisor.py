"""The supervisor with a stand-in for training: lent GPUs, lost servers and its own faults."""

import errno
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from playground.device import Device
from playground.jobs import cluster, worker
from playground.jobs import supervisor as supervising
from playground.jobs.cluster import MOST_LOSSES
from playground.jobs.queue import JobQueue
from playground.jobs.room import LOST, Room
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.store import RunRow, Store
from tests.fakes.runs import TEXT, Event, config, counted, ended, replace_training, steps, wait_unwatched, watch

ENOUGH = 1 << 40  # bytes of memory


def lend(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pretend to be where GPUs are lent; returns the durations asked for."""
    asked: list[int] = []

    def gpu(duration: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return lambda function: lambda *arguments: (asked.append(duration), function(*arguments))[1]

    monkeypatch.setattr(supervising.device, "on_zero_gpu", lambda: True)
    monkeypatch.setattr(supervising.device, "gpu", gpu)
    # Found while it pretends, a GPU would be remembered for all later tests of this process.
    monkeypatch.setattr(supervising.device, "choose", lambda: Device("cpu", torch.float32, 1.0))
    monkeypatch.setattr(supervising, "STEP_SECONDS", 0.1)
    return asked


def test_a_lent_gpu_is_used_in_slices_until_the_run_is_done(
    folder: Path, jobs: JobQueue, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    asked = lend(monkeypatch)
    replace_training(monkeypatch, counted(30, 0.01))
    supervisor.start()
    seen = watch(jobs, visitor, folder.name, ended)
    supervisor.close()
    assert seen.state == "done"
    assert steps(seen) == list(range(1, 31))
    assert len(asked) > 2
    assert set(asked) == {60}


def test_a_slice_without_a_step_fails_instead_of_asking_for_ever(
    folder: Path, jobs: JobQueue, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    asked = lend(monkeypatch)
    monkeypatch.setattr(supervising, "STEP_SECONDS", 0.0)
    replace_training(monkeypatch, counted(30))
    supervisor.start()
    seen = watch(jobs, visitor, folder.name, ended)
    supervisor.close()
    assert (seen.state, seen.error) == ("failed", worker.FAULT)
    assert len(asked) == 2


def test_a_run_that_says_no_step_as_a_slice_ends_goes_on_in_the_next(
    folder: Path, jobs: JobQueue, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    def stop_like_a_sweep(*given: Any) -> Iterator[Event]:
        for event in counted(30, 0.01)(*given):
            stopped = event.values.get("reason") == "stopped"
            yield Event({"event": "finished", "reason": "stopped"}) if stopped else event

    asked = lend(monkeypatch)
    replace_training(monkeypatch, stop_like_a_sweep)
    supervisor.start()
    seen = watch(jobs, visitor, folder.name, ended)
    supervisor.close()
    assert (seen.state, seen.error) == ("done", "")
    assert len(asked) > 2


def full_at_first(call: Callable[..., Any], times: int) -> Callable[..., Any]:
    """A call to the database that a full disk refuses so many times."""
    faults = [OSError(errno.ENOSPC, "No space left on device")] * times

    def refused(*given: Any, **more: Any) -> Any:
        if faults:
            raise faults.pop()
        return call(*given, **more)

    return refused


def test_an_ending_that_a_full_disk_did_not_take_is_recorded_once_there_is_room(
    folder: Path, jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    lend(monkeypatch)
    monkeypatch.setattr(supervising, "LOOK_SECONDS", 0.05)
    replace_training(monkeypatch, counted(2))
    monkeypatch.setattr(store.runs, "transition", full_at_first(store.runs.transition, 4))
    supervisor.start()
    assert watch(jobs, visitor, folder.name, ended, seconds=10).state == "done"
    supervisor.close()


def test_a_disk_that_is_full_at_the_start_does_not_end_the_queue(
    folder: Path, jobs: JobQueue, store: Store, visitor: str, stranger: str, monkeypatch: pytest.MonkeyPatch,
    supervisor: Supervisor,
) -> None:  # fmt: skip
    lend(monkeypatch)
    monkeypatch.setattr(supervising, "LOOK_SECONDS", 0.05)
    replace_training(monkeypatch, counted(2))
    assert store.runs.claim_next(), "left by a server that was killed"
    later = jobs.submit(stranger, config(), TEXT)
    monkeypatch.setattr(store.runs, "transition", full_at_first(store.runs.transition, 4))
    supervisor.start()
    assert watch(jobs, stranger, later, ended, seconds=10).state == "done"
    assert store.runs.get(visitor, folder.name).state == "stopped"
    supervisor.close()


def test_a_worker_that_could_not_be_noted_is_ended_and_its_run_pauses(
    jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    workers: list[psutil.Popen] = []

    def start(*_: object) -> psutil.Popen:
        workers.append(psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return workers[-1]

    monkeypatch.setattr(supervising, "start_worker", start)
    monkeypatch.setattr(store.runs, "update", full_at_first(store.runs.update, 1))
    run = jobs.submit(visitor, config(), TEXT)
    supervisor.start()
    seen = watch(jobs, visitor, run, ended, seconds=10)
    supervisor.close()
    assert (seen.state, seen.error) == ("stopped", worker.NO_ROOM)
    assert [each.poll() is None for each in workers] == [False]


def test_a_fault_of_the_supervisor_ends_the_run_and_not_the_queue(
    jobs: JobQueue, store: Store, visitor: str, stranger: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    def no_room(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(supervising, "start_worker", no_room)
    runs = [(each, jobs.submit(each, config(), TEXT)) for each in (visitor, stranger)]
    supervisor.start()
    assert [watch(jobs, *run, ended).error for run in runs] == [worker.FAULT] * 2
    supervisor.close()


@pytest.mark.parametrize(("lease", "state"), [(60.0, "queued"), (-1.0, "stopped")])
def test_a_run_lost_with_its_server_queues_again_while_its_lease_allows(
    jobs: JobQueue, store: Store, visitor: str, lease: float, state: str, supervisor: Supervisor
) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    store.runs.claim_next()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(gone.pid).create_time()
    gone.wait()
    store.runs.update(visitor, run, pid=gone.pid, pid_started=started, lease_until=time.time() + lease)
    supervisor.take_over(store.runs.get(visitor, run))
    assert store.runs.get(visitor, run).state == state


def test_a_process_that_only_has_the_same_pid_is_not_the_worker(jobs: JobQueue, store: Store, visitor: str) -> None:
    jobs.submit(visitor, config(), TEXT)
    row, mine = store.runs.claim_next(), psutil.Process()
    assert row
    own = replace(row, pid=mine.pid, pid_started=mine.create_time())
    assert supervising.living_worker(own)
    assert not supervising.living_worker(replace(own, pid_started=mine.create_time() - 1000))
    assert not supervising.living_worker(row)


def test_the_queue_goes_on_after_a_fault_of_the_disk(
    folder: Path, jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch, supervisor: Supervisor
) -> None:
    lend(monkeypatch)
    replace_training(monkeypatch, counted(2))
    claim, faults = store.runs.claim_next, [sqlite3.OperationalError("database or disk is full")]

    def failing(wanted: Callable[[RunRow], bool]) -> RunRow | None:
        if faults:
            raise faults.pop()
        return claim(wanted)

    monkeypatch.setattr(store.runs, "claim_next", failing)
    supervisor.start()
    assert watch(jobs, visitor, folder.name, ended).state == "done"
    supervisor.close()


def test_a_run_whose_page_was_closed_before_its_turn_is_not_started(
    started: JobQueue, store: Store, settings: Settings, visitor: str
) -> None:
    files = {"events.jsonl": "", "lease": "0"}
    run = store.runs.add(visitor, "train", "late", "lora", files, lease_until=0.0).id
    seen = wait_unwatched(store, visitor, run)
    assert (seen.state, seen.error, seen.pid) == ("stopped", supervising.EXPIRED, None)


def test_a_run_that_every_node_loses_before_a_step_fails(
    jobs: JobQueue, store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []

    def lose(folder: Path, settings: Settings, *_: str) -> psutil.Popen:
        started.append(folder)
        return psutil.Popen([sys.executable, "-c", f"import sys; sys.exit({LOST})", cluster.MODULE])

    monkeypatch.setattr(cluster, "start_worker", lose)
    monkeypatch.setattr(cluster.Cluster, "_answer", lambda _: (Room(2, ENOUGH), ""))
    supervisor = Supervisor(store, replace(settings, ray="a cluster of the test"))
    supervisor.start()
    run = jobs.submit(visitor, config(), TEXT)
    seen = watch(jobs, visitor, run, ended)
    assert (seen.state, seen.error) == ("failed", worker.FAULT)
    assert len(started) == MOST_LOSSES
    jobs.resume(visitor, run)
    assert watch(jobs, visitor, run, ended).state == "failed"
    supervisor.close()
    assert len(started) == 2 * MOST_LOSSES, "one that is resumed gets its nodes anew"
