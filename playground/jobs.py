"""Visitors' runs as jobs: a queue, one worker process at a time, leases and resuming; knows no page and no kind of run.

What a run does is a file in `kinds/`, named by the run's config and called by the worker.
"""

import errno
import json
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil

from playground import device
from playground.errors import UserError
from playground.run_folder import CONFIG, DOCUMENTS, ENDINGS, EVENTS, LEASE, STOP, asked_to_stop, log_event, read_events
from playground.runs import RunConfig
from playground.settings import Settings
from playground.store import ACTIVE, RunRow, Store, write_text
from playground.worker import FAULT, NO_MEMORY, NO_ROOM, work
from retrieval.documents import Document

POLL_SECONDS = 0.25
# Its threads wait briefly before they leave the cores to the page, and it keeps the memory that a pass gives back.
WORKER = {"GOMP_SPINCOUNT": "20000"} | dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(1 << 32))
STOP_SECONDS = 10.0  # from a request to stop until the worker is killed
SLICE_SECONDS, STEP_SECONDS = 60, 42  # of GPU lent at a time; of that for steps, the rest loads the model and saves
EXPIRED = "The page was closed before this run's turn came. Resume it to queue again."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Snapshot(RunRow):
    """A run as a page shows it, with the number of runs ahead of it, and the seconds until it starts where known."""

    position: int
    starts_in: float | None
    events: list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """What can be queued: a kind from `kinds/`, its config, and further files of its folder (name -> text).

    `method` is shown in the list of runs; a blank `name` becomes it.
    """

    kind: str
    config: Mapping[str, Any]
    files: Mapping[str, str]
    method: str
    name: str = ""


class Jobs:
    """The queue of all visitors' runs. A visitor has at most one run of a kind in it, so first come is fair."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True, name="jobs")

    def start(self) -> None:
        """Take over what an earlier server left, then work through the queue on a thread."""
        self._supervisor.start()

    def close(self) -> None:
        """Stop supervising. A running worker goes on; the next start adopts it, or it ends at its lease."""
        self._closing.set()
        self._supervisor.join()

    def submit(self, visitor: str, config: RunConfig, documents: Sequence[Document], name: str = "") -> str:
        """Queue a training run and return its id; with one queued or running already, that one's id."""
        if not documents:
            raise UserError("There is no text to train on. Add a file, paste a text or choose an example first.")
        contents = json.dumps([document.to_dict() for document in documents])
        return self.add(visitor, Job("train", config.to_dict(), {DOCUMENTS: contents}, config.method, name))

    def add(self, visitor: str, job: Job) -> str:
        """Queue a job and return its run's id; with one of its kind active already (a double click), that one's id."""
        with self._lock:
            if active := self.active(visitor, job.kind):
                return active.id
            self._check_room(len(self._store.runs(visitor)))
            until = time.time() + self._settings.lease_seconds
            config = json.dumps({"kind": job.kind, **job.config})
            files = {**job.files, CONFIG: config, EVENTS: "", LEASE: str(until)}
            return self._store.add_run(visitor, job.kind, job.name, job.method, until, files).id

    def snapshot(self, visitor: str, run: str) -> Snapshot:
        """The run as it stands; looking at an active run renews its lease."""
        row = self._store.run(visitor, run)
        if row.state in ACTIVE:
            self._renew(row)
        position, starts_in = self._place(row)
        return Snapshot(**vars(row), position=position, starts_in=starts_in, events=read_events(row.folder))

    def active(self, visitor: str, kind: str = "train") -> RunRow | None:
        """The visitor's run of a kind that waits or works, if there is one."""
        return next((row for row in self._store.runs(visitor, kind) if row.state in ACTIVE), None)

    def stop(self, visitor: str, run: str) -> None:
        """Stop a run: at once while it waits, else at its next step, and by force after ten seconds."""
        waited = self._store.move_run(visitor, run, ["queued"], "stopped")
        if not waited and self._store.move_run(visitor, run, ["running"], "stopping"):
            (self._store.run(visitor, run).folder / STOP).touch()

    def resume(self, visitor: str, run: str) -> None:
        """Queue a stopped or failed run again; it goes on from its newest checkpoint, or from the start without one."""
        with self._lock:
            row = self._store.run(visitor, run)
            if active := self.active(visitor, row.kind):
                raise UserError(f"Your run {active.name!r} is {active.state}. Stop it or wait for it, then resume.")
            if row.state == "done":
                raise UserError(f"The run {row.name!r} is done, so nothing is left to resume. Train a new run.")
            self._check_room(0)
            (row.folder / STOP).unlink(missing_ok=True)
            log_event(row.folder, {"event": "queued"})
            self._renew(row)
            self._store.change_run(visitor, run, queued=time.time())
            self._store.move_run(visitor, run, ["stopped", "failed"], "queued")

    def rename(self, visitor: str, run: str, name: str) -> None:
        """Give a run another name."""
        self._store.change_run(visitor, run, name=name)

    def delete(self, visitor: str, run: str) -> None:
        """Delete a run and its adapter; a waiting one leaves the queue, a running one is refused."""
        self._store.move_run(visitor, run, ["queued"], "stopped")
        self._store.delete_run(visitor, run)

    def _check_room(self, kept: int) -> None:
        if kept >= self._settings.visitor_runs:
            raise UserError(f"You keep {kept} runs, the most allowed. Delete one you no longer need, then train again.")
        active = len(self._store.active_runs())
        if active >= self._settings.queued_runs:
            raise UserError(f"The queue is full with {active} runs, the most allowed. Try again in a few minutes.")

    def _renew(self, row: RunRow) -> None:
        until = time.time() + self._settings.lease_seconds
        self._store.change_run(row.visitor, row.id, lease_until=until)
        write_text(row.folder / LEASE, str(until))

    def _place(self, row: RunRow) -> tuple[int, float | None]:
        """How many runs are ahead, and when only the running one is, the seconds it says are left."""
        ahead = [each for each in self._store.active_runs() if row.state == "queued" and each.queued < row.queued]
        latest = read_events(ahead[0].folder)[-1:] if len(ahead) == 1 else []
        return len(ahead), latest[0].get("seconds_left") if latest else None

    def _supervise(self) -> None:
        for left in self._store.active_runs():
            if left.state != "queued":
                self._attend(left, self._take_over)
        while not self._closing.is_set():
            try:
                claimed = self._store.claim_run()
                if claimed:
                    self._attend(claimed, self._carry_out)
            except Exception:  # such as a full disk: the queue goes on once there is room
                logger.exception("the queue")
            self._closing.wait(POLL_SECONDS)

    def _attend(self, row: RunRow, act: Callable[[RunRow], None]) -> None:
        """See one run to its end; a fault of ours ends that run, never the queue."""
        try:
            act(row)
        except Exception:
            logger.exception("run %s", row.id)
            self._store.move_run(row.visitor, row.id, ["running", "stopping"], "failed", FAULT)

    def _take_over(self, row: RunRow) -> None:
        """Adopt the worker of an earlier server; a dead one's run is settled."""
        worker = _living(row)
        return self._watch(row, worker) if worker else self._settle(row, None)

    def _carry_out(self, row: RunRow) -> None:
        if row.lease_until <= time.time():
            self._store.move_run(row.visitor, row.id, ["running", "stopping"], "stopped", EXPIRED)
        elif device.on_zero_gpu():
            self._work_in_slices(row)
        else:
            self._watch(row, self._spawn(row))

    def _spawn(self, row: RunRow) -> psutil.Process:
        command = [sys.executable, "-m", "playground.worker", str(row.folder)]
        path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        own = {each.metadata["env"]: str(vars(self._settings)[each.name]) for each in fields(Settings)}
        environment = {**os.environ, **own, **WORKER, "PYTHONPATH": path}
        with (row.folder / "worker.log").open("ab") as log:
            worker = psutil.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        self._store.change_run(row.visitor, row.id, pid=worker.pid, pid_started=worker.create_time())
        return worker

    def _watch(self, row: RunRow, worker: psutil.Process) -> None:
        """Wait for a worker's end; one that goes on too long after it was asked to stop is killed."""
        asked = math.inf
        while not self._closing.is_set():
            try:
                return self._settle(row, worker.wait(POLL_SECONDS))
            except psutil.TimeoutExpired:
                asked = min(asked, time.monotonic()) if asked_to_stop(row.folder) else math.inf
            if time.monotonic() - asked > STOP_SECONDS:
                self._store.move_run(row.visitor, row.id, ["running"], "stopping")
                worker.kill()

    def _work_in_slices(self, row: RunRow) -> None:
        """Work inside this process on a GPU that is lent for a minute at a time, going on from checkpoints."""
        work_slice = device.gpu(SLICE_SECONDS)(work)
        reached = -1
        while not self._closing.is_set():
            if work_slice(row.folder, self._settings, STEP_SECONDS) != "slice":
                return self._settle(row, None)
            before, reached = reached, read_events(row.folder)[-1]["step"]
            if reached <= before:
                raise TimeoutError(f"no step fits into a slice of {SLICE_SECONDS} s")

    def _settle(self, row: RunRow, code: int | None) -> None:
        """Record how a run ended: by its last event, or without an ending by what is known of its worker."""
        last = read_events(row.folder)[-1:]
        if last and last[0]["event"] in ENDINGS:
            state, error = ENDINGS[last[0]["event"]], last[0].get("error", "")
            if "reason" in last[0]:
                self._store.change_run(row.visitor, row.id, figures=json.dumps(last[0]))
        else:
            state, error = self._without_ending(row, code)
        self._store.move_run(row.visitor, row.id, ["running", "stopping"], state, error)

    def _without_ending(self, row: RunRow, code: int | None) -> tuple[str, str]:
        """State and error of a run whose worker ended without a word; without an exit code its server was lost too."""
        now = self._store.run(row.visitor, row.id)
        if now.state == "stopping" or (code is None and now.lease_until <= time.time()):
            return "stopped", ""
        if code == errno.ENOSPC:
            return "stopped", NO_ROOM
        return ("queued", "") if code is None else ("failed", NO_MEMORY if code == -signal.SIGKILL else FAULT)


def _living(row: RunRow) -> psutil.Process | None:
    """The worker of a run if it still works; another process that got the same pid later is not it."""
    try:
        worker = psutil.Process(row.pid or -1)
        same = abs(worker.create_time() - (row.pid_started or 0)) < 2
        return worker if same and worker.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, ValueError):
        return None
