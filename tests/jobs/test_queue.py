"""The queue's rules, the worker in this process with a stand-in for training, and true workers on the tiny model."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

import adapters
from playground.errors import UserError
from playground.jobs import supervisor, worker
from playground.jobs.queue import Job, JobQueue, Snapshot, training_job
from playground.jobs.supervisor import Supervisor
from playground.jobs.tasks import train as train_kind
from playground.jobs.worker import work
from playground.settings import Settings
from playground.storage.run_folder import asked_to_stop, read_events
from playground.storage.store import RunRow, Store, new_secret
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document

SENTENCES = "\n\n".join(f"House {number} stands beside house {number + 1}." for number in range(200))
TEXT = [Document("streets.txt", SENTENCES)]
LONG = 100_000  # steps: more than any test waits for


@pytest.fixture
def jobs(store: Store, settings: Settings) -> Iterator[JobQueue]:
    """Jobs that nobody started; whatever a test leaves running is ended."""
    yield JobQueue(store, settings)
    for row in store.runs.active():
        if row.pid and psutil.pid_exists(row.pid):
            os.kill(row.pid, signal.SIGKILL)


@pytest.fixture
def started(jobs: JobQueue) -> Iterator[JobQueue]:
    jobs.start()
    yield jobs
    jobs.close()


def config(steps: int = 4, max_seconds: float = 100.0) -> RunConfig:
    settings = TrainSettings(
        steps=steps, max_seconds=max_seconds, batch_tokens=32, window=32, checkpoint_every=2, evaluations=1
    )
    return RunConfig("lora", adapters.get("lora").Options(rank=2), settings)


def wait(
    jobs: JobQueue,
    visitor: str,
    run: str,
    until: Callable[[Snapshot], bool],
    *,
    look: bool = True,
    seconds: float = 120,
) -> Snapshot:
    """Watch a run as a page does until a condition holds; without `look` the lease is not renewed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        row = jobs._store.runs.get(visitor, run)
        seen = jobs.snapshot(visitor, run) if look else Snapshot(**vars(row), **UNSEEN, events=read_events(row.folder))
        if until(seen):
            return seen
        time.sleep(0.05)
    log = seen.folder / "worker.log"
    raise AssertionError(f"{seen.state}, {seen.events[-3:]}, {log.read_text()[-2000:] if log.exists() else 'no log'}")


UNSEEN: dict[str, Any] = {"position": 0, "starts_in": None}


def training(snapshot: Snapshot) -> bool:
    """Some steps are done and a checkpoint is there."""
    return snapshot.state == "running" and bool(list((snapshot.folder / "checkpoint").glob("step-*")))


def ended(snapshot: Snapshot) -> bool:
    return snapshot.state in ("done", "stopped", "failed")


def steps(snapshot: Snapshot) -> list[int]:
    return [event["step"] for event in snapshot.events if event["event"] == "progress"]


# The queue's rules


def test_a_double_click_makes_one_run(jobs: JobQueue, store: Store, visitor: str) -> None:
    assert jobs.submit(visitor, config(), TEXT) == jobs.submit(visitor, config(9), TEXT)
    assert len(store.runs.all(visitor)) == 1


def test_a_run_folder_is_self_contained(jobs: JobQueue, store: Store, visitor: str) -> None:
    folder = store.runs.get(visitor, jobs.submit(visitor, config(), TEXT, "mine")).folder
    assert RunConfig.from_dict(json.loads((folder / "config.json").read_text())) == config()
    assert [Document.from_dict(each) for each in json.loads((folder / "documents.json").read_text())] == TEXT


def test_a_run_without_text_is_refused(jobs: JobQueue, visitor: str) -> None:
    with pytest.raises(UserError, match="no text"):
        jobs.submit(visitor, config(), [])


def test_a_full_queue_and_too_many_runs_are_refused(store: Store, settings: Settings, visitor: str) -> None:
    small = JobQueue(store, replace(settings, queued_runs=1, visitor_runs=1))
    run = small.submit(visitor, config(), TEXT)
    with pytest.raises(UserError, match="full with 1 runs of at most 1"):
        small.submit(store.visitor(new_secret()), config(), TEXT)
    small.stop(visitor, run)
    with pytest.raises(UserError, match="keep 1 runs, and 1 more"):
        small.submit(visitor, config(), TEXT)
    small.resume(visitor, run)
    small.delete(visitor, run)
    assert store.runs.all(visitor) == []


def test_positions_count_the_runs_ahead_and_their_seconds(jobs: JobQueue, store: Store) -> None:
    visitors = [store.visitor(new_secret()) for _ in range(4)]
    expected = [50.0, 60.0, 0.0, 30.0]
    asked = zip(visitors, expected, strict=True)
    runs = [jobs.submit(visitor, config(), TEXT, expected=seconds) for visitor, seconds in asked]
    first = store.runs.claim_next()
    assert first

    def seen() -> list[tuple[int, float | None]]:
        shots = [jobs.snapshot(*each) for each in zip(visitors, runs, strict=True)]
        return [(each.position, each.starts_in) for each in shots]

    assert seen() == [(0, None), (1, 50.0), (2, 110.0), (3, None)]
    (first.folder / "events.jsonl").write_text(json.dumps({"event": "progress", "step": 1, "seconds_left": 7.0}))
    assert seen() == [(0, None), (1, 7.0), (2, 67.0), (3, None)]


def test_a_visitor_with_many_runs_lets_the_others_have_one_in_between(jobs: JobQueue, store: Store) -> None:
    greedy, second, third = (store.visitor(new_secret()) for _ in range(3))
    jobs.add(greedy, [training_job(config(), TEXT, name) for name in "abc"])
    jobs.submit(second, config(), TEXT, "d")
    order = []
    while row := store.runs.claim_next():
        order.append(row.name)
        if row.name == "b":
            jobs.submit(third, config(), TEXT, "e")
        assert [each.name for each in store.runs.active()][0] == row.name
        upcoming = [each.name for each in store.runs.active()][1:2]
        store.runs.transition(row.visitor, row.id, ["running"], "done")
        claimed = [each.name for each in store.runs.active()][:1]
        assert upcoming == claimed, "the place that was shown is the one that was kept"
    assert order == ["a", "d", "b", "e", "c"]


def test_runs_queued_together_share_a_double_click_a_lease_and_a_resumption(
    jobs: JobQueue, store: Store, visitor: str
) -> None:
    three = [training_job(config(), TEXT, name) for name in "abc"]
    runs = jobs.add(visitor, three)
    assert jobs.add(visitor, three) == runs
    assert [row.id for row in jobs.together(visitor, runs[1])] == runs
    for run in runs:
        store.runs.update(visitor, run, lease_until=0.0)
    jobs.snapshot(visitor, runs[0])
    assert all(row.lease_until > time.time() for row in store.runs.all(visitor))
    for run in runs:
        jobs.stop(visitor, run)
    for run in runs:
        jobs.resume(visitor, run)
    assert [row.name for row in store.runs.active()] == ["a", "b", "c"]


def test_several_runs_are_refused_where_one_would_still_fit(store: Store, settings: Settings, visitor: str) -> None:
    two = [training_job(config(), TEXT)] * 2
    with pytest.raises(UserError, match="keep 0 runs, and 2 more"):
        JobQueue(store, replace(settings, visitor_runs=1)).add(visitor, two)
    with pytest.raises(UserError, match="queue is full with 0 runs of at most 1"):
        JobQueue(store, replace(settings, queued_runs=1)).add(visitor, two)
    assert store.runs.all(visitor) == []


def test_a_kept_run_goes_on_without_its_page_until_it_is_kept_no_more(
    jobs: JobQueue, store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = jobs.submit(visitor, config(), TEXT, kept=True)
    folder = store.runs.get(visitor, run).folder
    in_a_week = time.time() + 7 * 86_400
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: in_a_week)
        jobs.snapshot(visitor, run)
        assert not asked_to_stop(folder)
    jobs.keep(visitor, run, kept=False)
    assert store.runs.get(visitor, run).lease_until == pytest.approx(time.time() + settings.lease_seconds, abs=5)
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: in_a_week)
        assert asked_to_stop(folder)
    jobs.keep(visitor, run, kept=True)
    assert not asked_to_stop(folder)
    assert store.runs.get(visitor, run).kept


def test_a_waiting_run_stops_at_once_and_queues_last_again(
    jobs: JobQueue, store: Store, visitor: str, stranger: str
) -> None:
    run, other = jobs.submit(visitor, config(), TEXT), jobs.submit(stranger, config(), TEXT)
    jobs.stop(visitor, run)
    assert jobs.snapshot(visitor, run).state == "stopped"
    assert jobs.active(visitor) is None
    jobs.resume(visitor, run)
    assert [row.id for row in store.runs.active()] == [other, run]


def test_only_one_run_of_a_visitor_is_resumed_and_never_a_done_one(jobs: JobQueue, store: Store, visitor: str) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    jobs.stop(visitor, run)
    jobs.submit(visitor, config(), TEXT, "second")
    with pytest.raises(UserError, match="'second' is queued"):
        jobs.resume(visitor, run)
    store.runs.claim_next()
    done = jobs.active(visitor)
    assert done
    store.runs.transition(visitor, done.id, ["running"], "done")
    with pytest.raises(UserError, match="is done"):
        jobs.resume(visitor, done.id)


def test_looking_renews_the_lease_of_an_active_run_only(jobs: JobQueue, store: Store, visitor: str) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    store.runs.update(visitor, run, lease_until=0.0)
    folder = jobs.snapshot(visitor, run).folder
    assert store.runs.get(visitor, run).lease_until == float((folder / "lease").read_text()) > time.time() + 100
    jobs.stop(visitor, run)
    store.runs.update(visitor, run, lease_until=0.0)
    jobs.snapshot(visitor, run)
    assert store.runs.get(visitor, run).lease_until == 0.0


def test_visitors_cannot_touch_each_others_runs(jobs: JobQueue, store: Store, visitor: str, stranger: str) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    before = store.runs.get(visitor, run)
    attempts: list[Callable[[], Any]] = [
        lambda: jobs.snapshot(stranger, run),
        lambda: jobs.stop(stranger, run),
        lambda: jobs.resume(stranger, run),
        lambda: jobs.rename(stranger, run, "mine"),
        lambda: jobs.delete(stranger, run),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert jobs.active(stranger) is None
    assert store.runs.get(visitor, run) == before


def test_a_run_whose_page_was_closed_before_its_turn_is_not_started(
    started: JobQueue, store: Store, settings: Settings, visitor: str
) -> None:
    files = {"events.jsonl": "", "lease": "0"}
    run = store.runs.add(visitor, "train", "late", "lora", files, lease_until=0.0).id
    seen = wait(started, visitor, run, ended, look=False)
    assert (seen.state, seen.error, seen.pid) == ("stopped", supervisor.EXPIRED, None)


def test_events_pass_over_cut_lines_and_replace_steps_trained_again(tmp_path: Path) -> None:
    def step(number: int, loss: float) -> str:
        return json.dumps({"event": "progress", "step": number, "loss": loss})

    lines = [step(1, 3.0), step(2, 2.0), step(3, 1.0)[:-9], "", '{"event": "started"}', step(2, 2.5), step(3, 1.5)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    assert [event.get("loss") for event in read_events(tmp_path)] == [3.0, None, 2.5, 1.5]


# The worker, in this process, with a stand-in for training


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


@pytest.fixture
def folder(jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queued run's folder, and no model to wait for."""
    monkeypatch.setattr(train_kind, "load_chat", lambda source, device: None)
    return store.runs.get(visitor, jobs.submit(visitor, config(), TEXT)).folder


def use(monkeypatch: pytest.MonkeyPatch, train: Callable[..., Any]) -> None:
    monkeypatch.setattr(train_kind.training_loop, "train", train)


def test_work_logs_every_event_and_no_server_path(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, counted(2))
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

    use(monkeypatch, broken)
    assert work(folder, settings) == "failed"
    assert read_events(folder)[-1] == {"event": "failed", "error": sentence}
    assert ("Traceback" in caplog.text) == logged


def test_a_full_disk_pauses_the_run_and_the_visitor_learns_why(
    folder: Path, jobs: JobQueue, store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> Iterator[Event]:
        yield Event({"event": "progress", "step": 1})
        raise OSError(errno.ENOSPC, "No space left on device")

    use(monkeypatch, full)
    assert work(folder, settings) == "stopped"
    row = store.runs.claim_next()
    assert row
    jobs._supervisor.settle(row, 0)
    assert (store.runs.get(visitor, row.id).state, store.runs.get(visitor, row.id).error) == ("stopped", worker.NO_ROOM)
    jobs.resume(visitor, row.id)
    assert store.runs.get(visitor, row.id).state == "queued"


def test_a_disk_without_room_for_the_event_itself_is_told_by_the_exit_code(
    folder: Path, jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(worker, "log_event", full)
    monkeypatch.setattr(sys, "argv", ["worker", str(folder)])
    code = worker.main()
    row = store.runs.claim_next()
    assert row
    jobs._supervisor.settle(row, code)
    assert (store.runs.get(visitor, row.id).state, store.runs.get(visitor, row.id).error) == ("stopped", worker.NO_ROOM)


def test_work_stops_when_asked_and_at_the_end_of_its_lease(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, counted(LONG, 0.01))
    (folder / "lease").write_text(str(time.time() + 0.2))
    assert work(folder, settings) == "stopped"
    reached = read_events(folder)[-1]["step"]
    assert 0 < reached < 25
    (folder / "lease").write_text(str(time.time() + 100))
    (folder / "stop").touch()
    assert work(folder, settings) == "stopped"
    assert read_events(folder)[-1]["step"] == reached


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


COUNT = Job("count", {}, {"numbers.json": "[1, 2, 3]"}, "counting")


@pytest.mark.usefixtures("counting")
def test_a_kind_of_run_is_one_module(jobs: JobQueue, store: Store, settings: Settings, visitor: str) -> None:
    row = store.runs.get(visitor, jobs.add(visitor, [COUNT])[0])
    assert work(row.folder, settings) == "finished"
    assert read_events(row.folder)[-1]["total"] == 3


def test_runs_of_two_kinds_wait_side_by_side_and_are_listed_apart(jobs: JobQueue, store: Store, visitor: str) -> None:
    trained, counted_ = jobs.submit(visitor, config(), TEXT), jobs.add(visitor, [COUNT])[0]
    assert jobs.add(visitor, [COUNT])[0] == counted_
    assert [row.id for row in store.runs.all(visitor)] == [trained]
    assert [row.id for row in store.runs.all(visitor, "count")] == [counted_]


def lend(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Pretend to be where GPUs are lent; returns the durations asked for."""
    asked: list[int] = []

    def gpu(duration: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        return lambda function: lambda *arguments: (asked.append(duration), function(*arguments))[1]

    monkeypatch.setattr(supervisor.device, "on_zero_gpu", lambda: True)
    monkeypatch.setattr(supervisor.device, "gpu", gpu)
    monkeypatch.setattr(supervisor, "STEP_SECONDS", 0.1)
    return asked


def test_a_lent_gpu_is_used_in_slices_until_the_run_is_done(
    folder: Path, jobs: JobQueue, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = lend(monkeypatch)
    use(monkeypatch, counted(30, 0.01))
    jobs.start()
    seen = wait(jobs, visitor, folder.name, ended)
    jobs.close()
    assert seen.state == "done"
    assert steps(seen) == list(range(1, 31))
    assert len(asked) > 2
    assert set(asked) == {60}


def test_a_slice_without_a_step_fails_instead_of_asking_for_ever(
    folder: Path, jobs: JobQueue, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = lend(monkeypatch)
    monkeypatch.setattr(supervisor, "STEP_SECONDS", 0.0)
    use(monkeypatch, counted(30))
    jobs.start()
    seen = wait(jobs, visitor, folder.name, ended)
    jobs.close()
    assert (seen.state, seen.error) == ("failed", worker.FAULT)
    assert len(asked) == 2


def test_a_fault_of_the_supervisor_ends_the_run_and_not_the_queue(
    jobs: JobQueue, store: Store, visitor: str, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*arguments: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Supervisor, "_spawn", no_room)
    runs = [(each, jobs.submit(each, config(), TEXT)) for each in (visitor, stranger)]
    jobs.start()
    assert [wait(jobs, *run, ended).error for run in runs] == [worker.FAULT] * 2
    jobs.close()


@pytest.mark.parametrize(("lease", "state"), [(60.0, "queued"), (-1.0, "stopped")])
def test_a_run_lost_with_its_server_queues_again_while_its_lease_allows(
    jobs: JobQueue, store: Store, visitor: str, lease: float, state: str
) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    store.runs.claim_next()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(gone.pid).create_time()
    gone.wait()
    store.runs.update(visitor, run, pid=gone.pid, pid_started=started, lease_until=time.time() + lease)
    jobs._supervisor.take_over(store.runs.get(visitor, run))
    assert store.runs.get(visitor, run).state == state


def test_a_process_that_only_has_the_same_pid_is_not_the_worker(jobs: JobQueue, store: Store, visitor: str) -> None:
    jobs.submit(visitor, config(), TEXT)
    row, mine = store.runs.claim_next(), psutil.Process()
    assert row
    own = replace(row, pid=mine.pid, pid_started=mine.create_time())
    assert supervisor.living(own)
    assert not supervisor.living(replace(own, pid_started=mine.create_time() - 1000))
    assert not supervisor.living(row)


def test_the_queue_goes_on_after_a_fault_of_the_disk(
    folder: Path, jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend(monkeypatch)
    use(monkeypatch, counted(2))
    claim, faults = store.runs.claim_next, [sqlite3.OperationalError("database or disk is full")]

    def failing() -> RunRow | None:
        if faults:
            raise faults.pop()
        return claim()

    monkeypatch.setattr(store.runs, "claim_next", failing)
    jobs.start()
    assert wait(jobs, visitor, folder.name, ended).state == "done"
    jobs.close()


def test_a_resumed_run_is_not_taken_for_ended_before_its_worker_speaks(
    folder: Path, jobs: JobQueue, store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, counted(2))
    (folder / "stop").touch()
    assert work(folder, settings) == "stopped"
    store.runs.transition(visitor, folder.name, ["queued"], "stopped")
    jobs.resume(visitor, folder.name)
    row = store.runs.claim_next()
    assert row
    jobs._supervisor.settle(row, -signal.SIGKILL)
    assert store.runs.get(visitor, row.id).error == worker.NO_MEMORY


# True workers on the tiny model


def test_a_run_trains_to_its_end(started: JobQueue, visitor: str) -> None:
    run = started.submit(visitor, config(), TEXT, "streets")
    seen = wait(started, visitor, run, ended)
    assert (seen.state, seen.name, seen.error) == ("done", "streets", "")
    assert [event["event"] for event in seen.events] == ["started", *["progress"] * 5, "finished"]
    assert steps(seen) == [0, 1, 2, 3, 4]
    assert seen.figures["heldout_after"] == seen.events[-1]["heldout_after"]
    assert (seen.folder / "adapter" / "adapter_model.safetensors").exists()


def test_a_killed_worker_fails_its_run_alone_and_the_run_can_be_resumed(started: JobQueue, visitor: str) -> None:
    run = started.submit(visitor, config(LONG, max_seconds=4), TEXT)
    pid = wait(started, visitor, run, training).pid
    assert pid
    if psutil.LINUX:
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == worker.EASY_TO_END
    os.kill(pid, signal.SIGKILL)
    failed = wait(started, visitor, run, ended)
    assert (failed.state, failed.error) == ("failed", worker.NO_MEMORY)
    started.resume(visitor, run)
    done = wait(started, visitor, run, ended)
    assert (done.state, done.events[-1]["reason"]) == ("done", "time")
    assert [event["resumed"] for event in done.events if event["event"] == "started"] == [False, True]
    assert steps(done) == list(range(len(steps(done))))
    assert len(steps(done)) > len(steps(failed))


def test_stop_leaves_a_checkpoint_to_go_on_from(started: JobQueue, store: Store, visitor: str) -> None:
    run = started.submit(visitor, config(LONG), TEXT)
    wait(started, visitor, run, training)
    started.stop(visitor, run)
    stopped = wait(started, visitor, run, ended)
    assert (stopped.state, stopped.error) == ("stopped", "")
    assert stopped.events[-1]["event"] == "stopped"
    assert (stopped.folder / "adapter" / "adapter_model.safetensors").exists()
    started.resume(visitor, run)
    again = wait(started, visitor, run, lambda seen: steps(seen)[-1] > steps(stopped)[-1])
    assert steps(again)[: len(steps(stopped))] == steps(stopped)


def test_a_worker_that_does_not_stop_is_killed(started: JobQueue, store: Store, visitor: str) -> None:
    run = started.submit(visitor, config(LONG), TEXT)
    pid = wait(started, visitor, run, training).pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(UserError, match="Stop it first"):
        store.forget(visitor)
    started.stop(visitor, run)
    began = time.monotonic()
    started.stop(visitor, run, within=1.0)  # whoever paused it may still cancel it
    assert wait(started, visitor, run, ended).state == "stopped"
    assert time.monotonic() - began < 2.0
    assert not psutil.pid_exists(pid)


def test_a_restarted_server_adopts_the_worker(store: Store, settings: Settings, jobs: JobQueue, visitor: str) -> None:
    jobs.start()
    run = jobs.submit(visitor, config(LONG, max_seconds=4), TEXT)
    before = wait(jobs, visitor, run, training)
    jobs.close()
    restarted = JobQueue(Store(settings), settings)
    restarted.start()
    after = wait(restarted, visitor, run, ended)
    restarted.close()
    assert (after.state, after.pid) == ("done", before.pid)
    assert [event["event"] for event in after.events].count("started") == 1


SERVER = """
import sys, time, tests.jobs.test_queue as t
settings = t.Settings.from_environment()
store = t.Store(settings)
jobs = t.JobQueue(store, settings)
jobs.start()
jobs.submit(store.visitor(sys.argv[1]), t.config(t.LONG), t.TEXT)
time.sleep(600)
"""


def test_an_orphan_ends_at_its_lease_and_the_next_server_knows(settings: Settings) -> None:
    secret = new_secret()
    variables = {"PLAYGROUND_DATA": settings.data, "PLAYGROUND_CHAT_MODEL": settings.chat_model}
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    server = subprocess.Popen([sys.executable, "-c", SERVER, secret], env=environment, cwd=Path(__file__).parents[2])
    brief = replace(settings, lease_seconds=3)
    store, jobs = Store(brief), JobQueue(Store(brief), brief)
    visitor = store.visitor(secret)
    try:
        while not jobs.active(visitor):
            time.sleep(0.1)
            assert server.poll() is None
        run = store.runs.all(visitor)[0].id
        pid = wait(jobs, visitor, run, training).pid
    finally:
        server.kill()
        server.wait()
    assert pid
    jobs.start()
    seen = wait(jobs, visitor, run, ended, look=False)
    jobs.close()
    assert seen.state == "stopped"
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
