"""Carries out the queue: claims the run whose turn it is, starts its worker, watches it and records how it ended."""

import errno
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import psutil

from playground import device
from playground.jobs.worker import FAULT, NO_MEMORY, NO_ROOM, work
from playground.settings import Settings
from playground.storage.run_folder import ENDINGS, WORKER_LOG, read_events, time_to_end
from playground.storage.store import RunRow, Store

POLL_SECONDS = 0.25
# Its threads wait briefly before they leave the cores to the page, and it keeps the memory that a pass gives back.
WORKER = {"GOMP_SPINCOUNT": "20000"} | dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(1 << 32))
GRACE_SECONDS = 10.0  # after the end of a lease until the worker is killed
SLICE_SECONDS, STEP_SECONDS = 60, 42  # of GPU lent at a time; of that for steps, the rest loads the model and saves
EXPIRED = "The page was closed before this run's turn came. Resume it to queue again."

Advice = Callable[[RunRow], str]
logger = logging.getLogger(__name__)


def no_advice(_: RunRow) -> str:
    """Nothing to say to a run that lacked memory."""
    return ""


class Supervisor:
    """One worker at a time. `advise` is asked for a sentence when a run ended for lack of memory."""

    def __init__(self, store: Store, settings: Settings, advise: Advice = no_advice) -> None:
        self._store = store
        self._settings = settings
        self._advise = advise
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._supervise, daemon=True, name="jobs")

    def start(self) -> None:
        """Take over what an earlier server left, then work through the queue on a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop supervising. A running worker goes on; the next start adopts it, or it ends at its lease."""
        self._closing.set()
        self._thread.join()

    def take_over(self, row: RunRow) -> None:
        """Adopt the worker of an earlier server; a dead one's run is settled."""
        worker = living(row)
        return self._watch(row, worker) if worker else self.settle(row, None)

    def settle(self, row: RunRow, code: int | None) -> None:
        """Record how a run ended: by its last event, or without an ending by what is known of its worker."""
        last = read_events(row.folder)[-1:]
        if last and last[0]["event"] in ENDINGS:
            state, error = ENDINGS[last[0]["event"]], last[0].get("error", "")
            if "reason" in last[0]:
                self._store.runs.update(row.visitor, row.id, figures=json.dumps(last[0]))
        else:
            state, error = self._without_ending(row, code)
        if error == NO_MEMORY:
            error = f"{error} {self._smaller(row)}".strip()
        self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], state, error)

    def _supervise(self) -> None:
        for left in self._store.runs.active():
            if left.state != "queued":
                self._attend(left, self.take_over)
        while not self._closing.is_set():
            try:
                claimed = self._store.runs.claim_next()
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
            self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], "failed", FAULT)

    def _carry_out(self, row: RunRow) -> None:
        if row.lease_until <= time.time():
            self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], "stopped", EXPIRED)
        elif device.on_zero_gpu():
            self._work_in_slices(row)
        else:
            self._watch(row, self._spawn(row))

    def _spawn(self, row: RunRow) -> psutil.Process:
        worker = start_worker(row.folder, self._settings)
        self._store.runs.update(row.visitor, row.id, pid=worker.pid, pid_started=worker.create_time())
        return worker

    def _watch(self, row: RunRow, worker: psutil.Process) -> None:
        """Wait for a worker's end; one that goes on when its time is up is killed."""
        while not self._closing.is_set():
            try:
                return self.settle(row, worker.wait(POLL_SECONDS))
            except psutil.TimeoutExpired:
                pass
            if time.time() > time_to_end(row.folder, GRACE_SECONDS):
                self._store.runs.transition(row.visitor, row.id, ["running"], "stopping")
                worker.kill()

    def _work_in_slices(self, row: RunRow) -> None:
        """Work inside this process on a GPU that is lent for a minute at a time, going on from checkpoints."""
        work_slice = device.gpu(SLICE_SECONDS)(work)
        reached = -1
        while not self._closing.is_set():
            if work_slice(row.folder, self._settings, STEP_SECONDS) != "slice":
                return self.settle(row, None)
            before, reached = reached, read_events(row.folder)[-1]["step"]
            if reached <= before:
                raise TimeoutError(f"no step fits into a slice of {SLICE_SECONDS} s")

    def _without_ending(self, row: RunRow, code: int | None) -> tuple[str, str]:
        """State and error of a run whose worker ended without a word; without an exit code its server was lost too."""
        now = self._store.runs.get(row.visitor, row.id)
        if now.state == "stopping" or (code is None and now.lease_until <= time.time()):
            return "stopped", ""
        if code == errno.ENOSPC:
            return "stopped", NO_ROOM
        return ("queued", "") if code is None else ("failed", NO_MEMORY if code == -signal.SIGKILL else FAULT)

    def _smaller(self, row: RunRow) -> str:
        try:
            return self._advise(row)
        except Exception:  # the run has ended, whether or not there is advice
            logger.exception("advice for run %s", row.id)
            return ""


def start_worker(folder: Path, settings: Settings) -> psutil.Popen:
    """A process of its own that does the run in a folder and outlives this one."""
    command = [sys.executable, "-m", "playground.jobs.worker", str(folder)]
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    own = {each.metadata["env"]: str(vars(settings)[each.name]) for each in fields(Settings)}
    environment = {**os.environ, **own, **WORKER, "PYTHONPATH": path}
    with (folder / WORKER_LOG).open("ab") as log:
        return psutil.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)


def living(row: RunRow) -> psutil.Process | None:
    """The worker of a run if it still works; another process that got the same pid later is not it."""
    try:
        worker = psutil.Process(row.pid or -1)
        same = abs(worker.create_time() - (row.pid_started or 0)) < 2
        return worker if same and worker.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, ValueError):
        return None
