"""The queue of visitors' runs: adds, stops and resumes them and says where each stands; starts no process.

What a run does is a module in `tasks/`, named by the run's config. The supervisor claims runs and starts workers.
"""

import heapq
import json
import math
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from playground.errors import UserError
from playground.files import is_full, write_text
from playground.jobs.cluster import KINDS, stands_in
from playground.jobs.supervisor import living_worker
from playground.settings import Settings
from playground.storage.run_folder import (
    BASE,
    CONFIG,
    DOCUMENTS,
    EVENTS,
    LEASE,
    STOP,
    documents_text,
    log_event,
    read_events,
)
from playground.storage.store import ACTIVE, RunRow, Store
from playground.training.config import RunConfig
from retrieval.document import Document

TRAIN = "train"  # the kind of training runs
PAUSE_SECONDS = 10.0  # from a stop request until the worker is killed: enough for a large checkpoint
CANCEL_SECONDS = 1.5
GIVE_WAY_SECONDS = 0.5  # the same for what the host prepares, when a visitor's run wants its turn
STALE = 0.1  # share of a lease that must have passed before it is renewed


@dataclass(frozen=True)
class Snapshot(RunRow):
    """A run as a page shows it, with how many runs end before it starts, and in how many seconds, where known."""

    position: int
    starts_in: float | None
    events: list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """What can be queued: the name of a module in `tasks/`, its config, and further files of its folder (name -> text).

    `method` is shown in the list of runs and replaces a blank `name`. `expected` is the estimate in seconds, 0 if
    there is none; a `kept` run goes on when its page is closed. `base` names the chat model, or is the host's own.
    """

    kind: str
    config: Mapping[str, Any]
    files: Mapping[str, str]
    method: str
    name: str = ""
    expected: float = 0.0
    kept: bool = False
    base: str = ""


class JobQueue:
    """The queue of all visitors' runs. A visitor has one run of each kind in it, or several queued together.

    Runs are ordered by when they were queued or, if that is later, by when their visitor was last served. So between
    two runs of one visitor every other visitor gets a turn.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()

    def submit(
        self,
        visitor: str,
        config: RunConfig,
        documents: Sequence[Document],
        name: str = "",
        expected: float = 0.0,
        kept: bool = False,
        base: str = "",
    ) -> str:
        """Queue a training run and return its id; if one is queued or running already, return that one's id."""
        return self.add(visitor, [training_job(config, documents, name, expected, kept, base)])[0]

    def add(self, visitor: str, jobs: Sequence[Job]) -> list[str]:
        """Queue jobs of one kind and return their runs' ids.

        If a run of their kind is active already, such as after a double click, nothing is queued, and the ids are
        those of the active run and of the runs queued together with it.

        Raises:
            UserError: the visitor keeps too many runs, or the queue is full.
        """
        with self._lock:
            if active := self.active_run(visitor, jobs[0].kind):
                return [row.id for row in self.bundled_runs(visitor, active.id)]
            # Exams and sweeps are not among the runs that a visitor keeps: they have limits of their own.
            kept = len(self._store.runs.all(visitor)) if jobs[0].kind == TRAIN else 0
            self._check_room(kept, len(jobs))
            bundle = secrets.token_hex(8) if len(jobs) > 1 else ""
            added = [self._add(visitor, job, bundle) for job in jobs]
        if not added[0].prepared:
            self.pause_prepared()
        return [row.id for row in added]

    def visitors_wait_or_work(self) -> bool:
        """Whether any visitor's run waits or is at work."""
        return any(not row.prepared for row in self._store.runs.active())

    def pause_prepared(self) -> None:
        """Let what the host prepares give way; it goes on from its checkpoint when it is resumed."""
        for row in self._store.runs.active():
            if row.prepared:
                self.stop(row.visitor, row.id, GIVE_WAY_SECONDS)

    def snapshot(self, visitor: str, run: str) -> Snapshot:
        """The state of a run; for an active one, this also renews the lease of every active run of the visitor."""
        row = self._store.runs.get(visitor, run)
        if row.state in ACTIVE:
            for each in self._store.runs.all(visitor, kind=None):
                if each.state in ACTIVE:
                    self._renew(each)
        position, starts_in = self._place(row)
        return Snapshot(**vars(row), position=position, starts_in=starts_in, events=read_events(row.folder))

    def active_run(self, visitor: str, kind: str = TRAIN) -> RunRow | None:
        """The visitor's run of a kind that is at work, else the first that waits, if there is one."""
        return next((row for row in self.active_runs(visitor) if row.kind == kind), None)

    def active_runs(self, visitor: str) -> list[RunRow]:
        """The visitor's runs of all kinds that are at work, then those that wait."""
        rows = [row for row in self._store.runs.all(visitor, kind=None) if row.state in ACTIVE]
        return sorted(rows, key=lambda row: row.state == "queued")

    def newest_run(self, visitor: str) -> RunRow | None:
        """The visitor's run, of whatever kind, that is at work, else waits, else was queued last."""
        queued_last = max(self._store.runs.all(visitor, kind=None), key=lambda row: row.queued, default=None)
        return next(iter(self.active_runs(visitor)), queued_last)

    def bundled_runs(self, visitor: str, run: str) -> list[RunRow]:
        """The runs that were queued together with this one, in order, including itself."""
        row = self._store.runs.get(visitor, run)
        return (
            [each for each in self._store.runs.all(visitor, row.kind) if each.bundle == row.bundle]
            if row.bundle
            else [row]
        )

    def stop(self, visitor: str, run: str, within: float = PAUSE_SECONDS) -> None:
        """Stop a run so that it can be resumed; `within` is in seconds.

        A waiting run stops at once. A running one is asked to stop; if it has not after `within`, it is killed and
        later resumes from its last checkpoint.
        """
        waited = self._store.runs.transition(visitor, run, ["queued"], "stopped")
        if not waited and self._store.runs.transition(visitor, run, ["running", "stopping"], "stopping"):
            write_text(self._store.runs.get(visitor, run).folder / STOP, str(time.time() + within))

    def resume(self, visitor: str, run: str) -> None:
        """Queue a stopped or failed run again; it continues from its newest checkpoint, or starts over without one.

        Raises:
            UserError: the run is done, another of the visitor's runs is active, or the queue is full.
        """
        with self._lock:
            row = self._store.runs.get(visitor, run)
            active = self.active_run(visitor, row.kind)
            if active and (not row.bundle or active.bundle != row.bundle):
                raise UserError(f"Your run {active.name!r} is {active.state}. Stop it or wait for it, then resume.")
            if row.state == "done":
                raise UserError(f"The run {row.name!r} is done, so nothing is left to resume. Train a new run.")
            if not row.prepared:
                self._check_room(0, 0)
            (row.folder / STOP).unlink(missing_ok=True)
            log_event(row.folder, {"event": "queued"})
            self._renew(row)
            self._store.runs.update(visitor, run, queued=time.time())
            self._store.runs.transition(visitor, run, ["stopped", "failed"], "queued")
        if not row.prepared:
            self.pause_prepared()

    def stop_bundle(self, visitor: str, run: str, within: float = PAUSE_SECONDS) -> None:
        """Stop a run and those that were queued together with it."""
        for row in self.bundled_runs(visitor, run):
            self.stop(visitor, row.id, within)

    def resume_bundle(self, visitor: str, run: str) -> None:
        """Resume those of a run, and of the runs that were queued together with it, that stopped or failed."""
        for row in self.bundled_runs(visitor, run):
            if row.state in ("stopped", "failed"):
                self.resume(visitor, row.id)

    def keep(self, visitor: str, run: str, kept: bool) -> None:
        """Let a run and those queued with it go on without a page, or let them end with their lease again."""
        for row in self.bundled_runs(visitor, run):
            self._store.runs.update(visitor, row.id, kept=kept)
            if row.state in ACTIVE:
                self._renew(self._store.runs.get(visitor, row.id))

    def delete(self, visitor: str, run: str) -> None:
        """Delete a run and its adapter. A waiting run leaves the queue; a running one is refused with a UserError."""
        self._store.runs.transition(visitor, run, ["queued"], "stopped")
        self._store.runs.delete(visitor, run)

    def _add(self, visitor: str, job: Job, bundle: str) -> RunRow:
        until = self._lease(job.kept)
        config = json.dumps({"kind": job.kind, BASE: job.base, **job.config})
        files = {**job.files, CONFIG: config, EVENTS: "", LEASE: str(until)}
        columns: dict[str, str | float] = {
            "lease_until": until,
            "bundle": bundle,
            "expected": job.expected,
            "kept": job.kept,
            "base": job.base,
        }
        return self._store.runs.add(visitor, job.kind, job.name, job.method, files, **columns)

    def _check_room(self, kept: int, more: int) -> None:
        most, active = self._settings, sum(not row.prepared for row in self._store.runs.active())
        if kept + more > most.visitor_runs:
            raise UserError(
                f"You keep {kept} runs, and {more} more would pass the most allowed, {most.visitor_runs}. Delete some "
                "you no longer need, then train again."
            )
        if active + max(more, 1) > most.queued_runs:
            raise UserError(
                f"The queue is full with {active} runs of at most {most.queued_runs}. Try again in a few minutes."
            )

    def _lease(self, kept: bool) -> float:
        """Until when a run goes on unwatched, in Unix seconds; a kept run has no such end."""
        return math.inf if kept else time.time() + self._settings.lease_seconds

    def _renew(self, row: RunRow) -> None:
        """Renew a lease that differs enough: a page asks for all its runs every second."""
        until = self._lease(row.kept)
        if math.isclose(row.lease_until, until, rel_tol=0, abs_tol=STALE * self._settings.lease_seconds):
            return
        try:
            self._store.runs.update(row.visitor, row.id, lease_until=until)
            write_text(row.folder / LEASE, str(until))
        except OSError as fault:
            if not is_full(fault):  # on a full disk a page still watches its runs, which pause
                raise

    def _place(self, row: RunRow) -> tuple[int, float | None]:
        """How many runs end before a waiting one starts, and in how many seconds it does, where known."""
        if row.state != "queued":
            return 0, None
        active = [each for each in self._store.runs.active() if row.prepared or not each.prepared]  # those give way
        ahead = list(takewhile(lambda each: each.id != row.id, active))
        out = self._on_cluster(active)

        def goes_out(each: RunRow) -> bool:
            return bool(out) and (each.id in out or (each.state == "queued" and _may_go_out(each)))

        same_way = [each for each in ahead if goes_out(each) == goes_out(row)]
        slots = len(out) if goes_out(row) else 1
        return max(0, len(same_way) - slots + 1), _starts_in(same_way, slots)

    def _on_cluster(self, active: Sequence[RunRow]) -> set[str]:
        """The ids of the runs at work on a cluster; as many as it takes, as soon as one waits for it."""
        if not self._settings.ray:
            return set()
        return {each.id for each in active if each.state != "queued" and stands_in(living_worker(each))}


def training_job(
    config: RunConfig,
    documents: Sequence[Document],
    name: str = "",
    expected: float = 0.0,
    kept: bool = False,
    base: str = "",
) -> Job:
    """A training run as a job.

    Raises:
        UserError: there is no document.
    """
    if not documents:
        raise UserError("There is no text to train on. Add a file, paste a text or choose an example first.")
    files = {DOCUMENTS: documents_text(documents)}
    return Job(TRAIN, config.to_dict(), files, config.method, name, expected, kept, base)


def _may_go_out(row: RunRow) -> bool:
    return row.kind in KINDS and not row.prepared


def _starts_in(ahead: Sequence[RunRow], slots: int) -> float | None:
    """In how many seconds one of the slots has done the runs ahead; None where that of a run is unknown."""
    ends = [0.0] * slots
    for row in ahead:
        seconds = _seconds_left(row)
        if seconds is None:
            return None
        heapq.heapreplace(ends, ends[0] + seconds)
    return ends[0]


def _seconds_left(row: RunRow) -> float | None:
    """The seconds left by a run's last event or, before its first step, by its estimate; None if there is neither."""
    logged = [event["seconds_left"] for event in read_events(row.folder) if event.get("seconds_left") is not None]
    return logged[-1] if logged else row.expected or None
