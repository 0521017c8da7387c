"""Works through the queue: claims the next run, starts its worker, watches it and records how the run ended.

On this machine one run works at a time; beside it, as many as a Ray cluster takes work there.
"""

import errno
import json
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from playground import device
from playground.errors import UserError
from playground.files import is_full
from playground.jobs.cluster import MOST_LOSSES, Cluster, stands_in
from playground.jobs.oom import oom_kills
from playground.jobs.processes import SpareWorker, give_lowest_priority, start_worker
from playground.jobs.room import LOST
from playground.jobs.worker import FAULT, KILLED, NO_MEMORY, NO_ROOM, work
from playground.settings import Settings
from playground.storage.run_folder import ENDINGS, read_events, time_to_end
from playground.storage.store import RunRow, Store

POLL_SECONDS = 0.25
LOOK_SECONDS = 5.0  # between two looks whether the disk has room for the runs that paused
IDLE_SECONDS = 15.0  # without a run or an answer before a spare worker starts, as its imports would slow them down
TOGETHER_SECONDS = 2.0  # between two processes' ends that belong together
GRACE_SECONDS = 10.0  # from the end of a lease until the worker is killed
SLICE_SECONDS, STEP_SECONDS = 60, 42  # of a lent GPU per call; of that for steps, the rest is for loading and saving
EXPIRED = "The page was closed before this run's turn came. Resume it to queue again."

Advice = Callable[[RunRow], str]
logger = logging.getLogger(__name__)


def no_advice(_: RunRow) -> str:
    """No advice for a run that lacked memory."""
    return ""


def never() -> bool:
    """Nobody's question is answered."""
    return False


def keep_paused(visitor: str, run: str) -> None:
    """Leave a paused run to its visitor."""


class Supervisor:
    """Runs one worker at a time, and those of a cluster beside it.

    `advise` gives a sentence of advice for a run that ended for lack of memory; `resume` queues a run again that paused
    for lack of disk space; `is_answering` says whether a question is answered, meanwhile no spare worker is started.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        advise: Advice = no_advice,
        resume: Callable[[str, str], None] = keep_paused,
        is_answering: Callable[[], bool] = never,
    ) -> None:
        self._store = store
        self._settings = settings
        self._advise = advise
        self._resume = resume
        self._is_answering = is_answering
        self._next_look = 0.0
        self._spare = SpareWorker(settings)
        self._cluster = Cluster(settings)
        self._starts: dict[str, tuple[int, int]] = {}  # of runs on the cluster: the step reached, and starts from there
        self._oom_kills = oom_kills()  # when the worker of now was started
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._supervise, daemon=True, name="jobs")]
        if settings.ray:
            self._threads.append(threading.Thread(target=self._supervise_cluster, daemon=True, name="cluster jobs"))

    def start(self) -> None:
        """Take over what an earlier server left running, then work through the queue, all on threads."""
        for each in self._threads:
            each.start()

    def leave(self) -> None:
        """Start no more workers and watch none."""
        self._closing.set()

    def close(self) -> None:
        """Stop the threads. A running worker goes on: the next server adopts it, or it ends at its lease."""
        self.leave()
        for each in self._threads:
            each.join()

    def take_over(self, row: RunRow, code: int | None = None) -> None:
        """Adopt a worker that nobody watches, such as an earlier server's.

        If it is dead, record how its run ended, by its exit code where that is known.
        """
        worker = living_worker(row)
        return self._watch(row, worker) if worker else self.record_ending(row, code)

    def record_ending(self, row: RunRow, code: int | None) -> None:
        """Record how a run ended: by its last event or, if that is no ending, by its worker's exit code."""
        last = read_events(row.folder)[-1:]
        if last and last[0]["event"] in ENDINGS:
            state, error = ENDINGS[last[0]["event"]], last[0].get("error", "")
            if "reason" in last[0]:
                self._store.runs.update(row.visitor, row.id, figures=json.dumps(last[0]))
        else:
            state, error = self._without_ending(row, code)
        if error == NO_MEMORY:
            error = f"{error} {self._advice(row)}".strip()
        self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], state, error)

    def _supervise(self) -> None:
        left, idle_since = self._left_running(on_cluster=False), time.monotonic()
        while not self._closing.is_set():
            try:
                if left:
                    self._run_safely(left.pop(0), self.take_over)
                elif self._work_off() or self._is_answering():
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since > IDLE_SECONDS and not device.on_zero_gpu():
                    self._spare.keep()
            except Exception:  # such as a full disk: the queue goes on once there is room
                logger.exception("no run could be claimed")
                self._closing.wait(LOOK_SECONDS)
            self._closing.wait(POLL_SECONDS)
        self._spare.close()

    def _work_off(self) -> bool:
        """See the next run of the queue to its end; whether there was one."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self.resume_paused()
        claimed = self._store.runs.claim_next(lambda row: not self._cluster.takes(row))
        if claimed:
            self._run_safely(claimed, self._carry_out)
        return claimed is not None

    def _supervise_cluster(self) -> None:
        """Keep as many runs at work on the cluster as it takes, each watched on a thread."""
        watched = [self._on_thread(row, self.take_over) for row in self._left_running(on_cluster=True)]
        while not self._closing.is_set():
            watched = [each for each in watched if each.is_alive()]
            try:
                self._cluster.ask()
                self._cluster.weigh(self._store.runs.active())
                free = len(watched) < self._cluster.slots
                if free and (claimed := self._store.runs.claim_next(self._cluster.is_ready_for)):
                    watched.append(self._on_thread(claimed, self._carry_out_on_cluster))
                    continue
            except Exception:  # such as a full disk: the queue goes on once there is room
                logger.exception("no run could be sent to the cluster")
                self._closing.wait(LOOK_SECONDS)
            self._closing.wait(POLL_SECONDS)
        for each in watched:
            each.join()

    def _left_running(self, on_cluster: bool) -> list[RunRow]:
        """The runs that an earlier server left running, here or on the cluster."""
        rows = [row for row in self._store.runs.active() if row.state != "queued"]
        return [row for row in rows if stands_in(living_worker(row)) == on_cluster]

    def _on_thread(self, row: RunRow, act: Callable[[RunRow], None]) -> threading.Thread:
        thread = threading.Thread(target=self._run_safely, args=(row, act), daemon=True, name=f"run {row.id}")
        thread.start()
        return thread

    def resume_paused(self) -> None:
        """Queue again what paused for lack of disk space, if there is some now."""
        if shutil.disk_usage(self._settings.data).free < self._settings.reserve_bytes:
            return
        for row in self._store.runs.ended_with(NO_ROOM):
            with suppress(UserError):  # another run of this visitor is active: they may resume this one later
                self._resume(row.visitor, row.id)

    def _run_safely(self, row: RunRow, act: Callable[[RunRow], None]) -> None:
        """See one run to its end; an exception ends that run, never the queue."""
        try:
            act(row)
        except Exception as fault:
            logger.exception("run %s failed", row.id)
            self._record_fault(row, fault)

    def _record_fault(self, row: RunRow, fault: Exception) -> None:
        """Record that a run failed; one that a full disk kept from being seen to its end goes on, or pauses."""
        while not self._closing.is_set():
            try:
                if is_full(fault):
                    return self.take_over(self._store.runs.get(row.visitor, row.id), errno.ENOSPC)
                self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], "failed", FAULT)
                return None
            except OSError as again:  # there is no room even for the record
                if not is_full(again):
                    raise
                logger.warning("run %s: its ending cannot be recorded yet: %s", row.id, again)
            self._closing.wait(LOOK_SECONDS)

    def _carry_out(self, row: RunRow) -> None:
        if row.lease_until <= time.time():
            self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], "stopped", EXPIRED)
        elif shortage := self._cluster.shortage(row):
            self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], "failed", shortage)
        elif device.on_zero_gpu():
            self._work_in_slices(row)
        else:
            self._watch(row, self._spawn(row))

    def _carry_out_on_cluster(self, row: RunRow) -> None:
        """See a run to its end on the cluster; one whose node is lost is queued again, and resumes on another."""
        if row.lease_until <= time.time():
            self._store.runs.transition(row.visitor, row.id, ["running", "stopping"], "stopped", EXPIRED)
            return
        reached, (before, starts) = _steps_reached(row), self._starts.get(row.id, (0, 0))
        starts = starts + 1 if reached <= before else 1
        if starts > MOST_LOSSES:
            del self._starts[row.id]  # whoever resumes it tries anew
            raise RuntimeError(f"{MOST_LOSSES} nodes in a row were lost before the next step")
        self._starts[row.id] = reached, starts
        worker = self._cluster.start(row)
        self._note_worker(row, worker)
        self._watch(row, worker)
        if self._store.runs.get(row.visitor, row.id).state in ENDINGS.values():
            self._starts.pop(row.id, None)
        else:
            self._cluster.ask_again()

    def _spawn(self, row: RunRow) -> psutil.Process:
        self._oom_kills = oom_kills()
        if row.prepared:  # nobody waits for it, and a spare has threads of its priority already
            worker = start_worker(row.folder, self._settings)
            give_lowest_priority(worker)
        else:
            worker = self._spare.take(row.folder) or start_worker(row.folder, self._settings)
        self._note_worker(row, worker)
        return worker

    def _note_worker(self, row: RunRow, worker: psutil.Process) -> None:
        """Keep which process does a run; one that cannot be noted is ended, as nobody would find it again."""
        try:
            self._store.runs.update(row.visitor, row.id, pid=worker.pid, pid_started=worker.create_time())
        except Exception:
            worker.kill()
            worker.wait()
            raise

    def _watch(self, row: RunRow, worker: psutil.Process) -> None:
        """Wait until a worker ends; kill it when its time is up.

        One that stood for a run on the cluster and ends without a word has lost its node.
        """
        is_out = stands_in(worker)
        while not self._closing.is_set():
            try:
                code = worker.wait(POLL_SECONDS)
            except psutil.TimeoutExpired:
                pass
            else:
                if self._ended_with_the_server(code):
                    return None
                return self.record_ending(row, LOST if is_out and code != errno.ENOSPC else code)
            if time.time() > time_to_end(row.folder, GRACE_SECONDS):
                self._store.runs.transition(row.visitor, row.id, ["running"], "stopping")
                worker.kill()

    def _ended_with_the_server(self, code: int | None) -> bool:
        """Whether a signal ended the worker that ends this server too, as a service manager sends it to both.

        The run then stays as it is: the next server finds its worker gone and queues it again.
        """
        return code == -signal.SIGTERM and self._closing.wait(TOGETHER_SECONDS)

    def _work_in_slices(self, row: RunRow) -> None:
        """Run the task in this process on a GPU that is lent for a minute at a time, going on from checkpoints."""
        work_slice = device.gpu(SLICE_SECONDS)(work)
        reached = -1
        while not self._closing.is_set():
            if work_slice(row.folder, self._settings, STEP_SECONDS) != "slice":
                return self.record_ending(row, None)
            before, reached = reached, _steps_reached(row)
            if reached <= before:
                raise TimeoutError(f"no step fits into a slice of {SLICE_SECONDS} s")

    def _without_ending(self, row: RunRow, code: int | None) -> tuple[str, str]:
        """State and error of a run whose worker logged no ending; no exit code means that its server ended too."""
        now = self._store.runs.get(row.visitor, row.id)
        if now.state == "stopping" or (code is None and now.lease_until <= time.time()):
            return "stopped", ""
        if code == errno.ENOSPC:
            return "stopped", NO_ROOM
        if code in (None, LOST):
            return "queued", ""
        return "failed", self._explain_exit(code)

    def _explain_exit(self, code: int) -> str:
        """What is known of a worker that ended without a word; a negative code is the signal that ended it."""
        if code == -signal.SIGKILL and oom_kills() > self._oom_kills:
            return NO_MEMORY
        return KILLED.format(signal=signal.Signals(-code).name) if code < 0 else FAULT

    def _advice(self, row: RunRow) -> str:
        try:
            return self._advise(row)
        except Exception:  # the ending is recorded with or without advice
            logger.exception("advice for run %s", row.id)
            return ""


def _steps_reached(row: RunRow) -> int:
    """The last step that a run has logged; 0 before the first."""
    return max((event["step"] for event in read_events(row.folder) if event["event"] == "progress"), default=0)


def living_worker(row: RunRow) -> psutil.Process | None:
    """The worker process of a run if it is still alive; a later process with the same pid does not count."""
    try:
        worker = psutil.Process(row.pid or -1)
        same = abs(worker.create_time() - (row.pid_started or 0)) < 2
        return worker if same and worker.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, ValueError):
        return None
