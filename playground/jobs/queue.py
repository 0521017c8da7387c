"""Visitors' runs as jobs: what may be asked of the queue, and where a run stands; knows no page and no kind of run.

What a run does is a file in `kinds/`, named by the run's config and called by the worker.
"""

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
from playground.files import write_text
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.run_folder import (
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

PAUSE_SECONDS = 10.0  # from a request to stop until the worker is killed: enough for a large checkpoint
CANCEL_SECONDS = 1.5
STALE = 0.1  # share of a lease that must be over before it is written anew


@dataclass(frozen=True)
class Snapshot(RunRow):
    """A run as a page shows it, with the number of runs ahead of it, and the seconds until it starts where known."""

    position: int
    starts_in: float | None
    events: list[dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """What can be queued: a kind from `kinds/`, its config, and further files of its folder (name -> text).

    `method` is shown in the list of runs; a blank `name` becomes it. `expected` is the estimate in seconds, 0 without
    one; `kept` lets it go on when its page is closed.
    """

    kind: str
    config: Mapping[str, Any]
    files: Mapping[str, str]
    method: str
    name: str = ""
    expected: float = 0.0
    kept: bool = False


class JobQueue:
    """The queue of all visitors' runs. A visitor has one run of a kind in it, or several that were queued together.

    Whose turn it is: a run's turn is when it was queued or, if that is later, when its visitor was last served. So a
    visitor with many runs lets each of the others have one in between.
    """

    def __init__(self, store: Store, settings: Settings, supervisor: Supervisor | None = None) -> None:
        self._store = store
        self._settings = settings
        self._lock = threading.Lock()
        self._supervisor = supervisor or Supervisor(store, settings)

    def start(self) -> None:
        """Take over what an earlier server left, then work through the queue on a thread."""
        self._supervisor.start()

    def close(self) -> None:
        """Stop supervising. A running worker goes on; the next start adopts it, or it ends at its lease."""
        self._supervisor.close()

    def submit(
        self,
        visitor: str,
        config: RunConfig,
        documents: Sequence[Document],
        name: str = "",
        expected: float = 0.0,
        kept: bool = False,
    ) -> str:
        """Queue a training run and return its id; with one queued or running already, that one's id."""
        return self.add(visitor, [training_job(config, documents, name, expected, kept)])[0]

    def add(self, visitor: str, jobs: Sequence[Job]) -> list[str]:
        """Queue jobs of one kind and return their runs' ids.

        With one of their kind active already (a double click), the ids of that and of those queued with it.
        """
        with self._lock:
            if active := self.active(visitor, jobs[0].kind):
                return [row.id for row in self.together(visitor, active.id)]
            self._check_room(len(self._store.runs.all(visitor)), len(jobs))
            bundle = secrets.token_hex(8) if len(jobs) > 1 else ""
            return [self._add(visitor, job, bundle).id for job in jobs]

    def snapshot(self, visitor: str, run: str) -> Snapshot:
        """The run as it stands; looking at an active one renews the lease of all that the visitor has in the queue."""
        row = self._store.runs.get(visitor, run)
        if row.state in ACTIVE:
            for each in self._store.runs.all(visitor, kind=None):
                if each.state in ACTIVE:
                    self._renew(each)
        position, starts_in = self._place(row)
        return Snapshot(**vars(row), position=position, starts_in=starts_in, events=read_events(row.folder))

    def active(self, visitor: str, kind: str = "train") -> RunRow | None:
        """The visitor's run of a kind that works or else waits, if there is one."""
        rows = [row for row in self._store.runs.all(visitor, kind) if row.state in ACTIVE]
        return min(rows, key=lambda row: row.state == "queued", default=None)

    def together(self, visitor: str, run: str) -> list[RunRow]:
        """The runs that were queued together with this one, in their order, itself included."""
        row = self._store.runs.get(visitor, run)
        return (
            [each for each in self._store.runs.all(visitor, row.kind) if each.bundle == row.bundle]
            if row.bundle
            else [row]
        )

    def stop(self, visitor: str, run: str, within: float = PAUSE_SECONDS) -> None:
        """Stop a run, to be resumed: at once while it waits, else in the middle of its step, by force when time is up.

        By force it goes on later from its last checkpoint; otherwise from where it was.
        """
        waited = self._store.runs.transition(visitor, run, ["queued"], "stopped")
        if not waited and self._store.runs.transition(visitor, run, ["running", "stopping"], "stopping"):
            write_text(self._store.runs.get(visitor, run).folder / STOP, str(time.time() + within))

    def resume(self, visitor: str, run: str) -> None:
        """Queue a stopped or failed run again; it goes on from its newest checkpoint, or from the start without one."""
        with self._lock:
            row = self._store.runs.get(visitor, run)
            active = self.active(visitor, row.kind)
            if active and (not row.bundle or active.bundle != row.bundle):
                raise UserError(f"Your run {active.name!r} is {active.state}. Stop it or wait for it, then resume.")
            if row.state == "done":
                raise UserError(f"The run {row.name!r} is done, so nothing is left to resume. Train a new run.")
            self._check_room(0, 0)
            (row.folder / STOP).unlink(missing_ok=True)
            log_event(row.folder, {"event": "queued"})
            self._renew(row)
            self._store.runs.update(visitor, run, queued=time.time())
            self._store.runs.transition(visitor, run, ["stopped", "failed"], "queued")

    def keep(self, visitor: str, run: str, kept: bool) -> None:
        """Let a run and those queued with it go on without its page, or end with its lease again."""
        for row in self.together(visitor, run):
            self._store.runs.update(visitor, row.id, kept=kept)
            if row.state in ACTIVE:
                self._renew(self._store.runs.get(visitor, row.id))

    def rename(self, visitor: str, run: str, name: str) -> None:
        """Give a run another name."""
        self._store.runs.update(visitor, run, name=name)

    def delete(self, visitor: str, run: str) -> None:
        """Delete a run and its adapter; a waiting one leaves the queue, a running one is refused."""
        self._store.runs.transition(visitor, run, ["queued"], "stopped")
        self._store.runs.delete(visitor, run)

    def _add(self, visitor: str, job: Job, bundle: str) -> RunRow:
        until = self._lease(job.kept)
        config = json.dumps({"kind": job.kind, **job.config})
        files = {**job.files, CONFIG: config, EVENTS: "", LEASE: str(until)}
        columns: dict[str, str | float] = {
            "lease_until": until,
            "bundle": bundle,
            "expected": job.expected,
            "kept": job.kept,
        }
        return self._store.runs.add(visitor, job.kind, job.name, job.method, files, **columns)

    def _check_room(self, kept: int, more: int) -> None:
        most, active = self._settings, len(self._store.runs.active())
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
        """Until when a run goes on unseen; a kept one ends by its own limits alone."""
        return math.inf if kept else time.time() + self._settings.lease_seconds

    def _renew(self, row: RunRow) -> None:
        """Written only where it differs enough: a page looks every second at all its runs."""
        until = self._lease(row.kept)
        if math.isclose(row.lease_until, until, rel_tol=0, abs_tol=STALE * self._settings.lease_seconds):
            return
        self._store.runs.update(row.visitor, row.id, lease_until=until)
        write_text(row.folder / LEASE, str(until))

    def _place(self, row: RunRow) -> tuple[int, float | None]:
        """How many runs are ahead of a waiting one, and in how many seconds they should be through, where known."""
        if row.state != "queued":
            return 0, None
        ahead = list(takewhile(lambda each: each.id != row.id, self._store.runs.active()))
        left = [_seconds_left(each) for each in ahead]
        return len(ahead), None if None in left else math.fsum(each for each in left if each is not None)


def training_job(
    config: RunConfig, documents: Sequence[Document], name: str = "", expected: float = 0.0, kept: bool = False
) -> Job:
    """A training run as a job.

    Raises:
        UserError: there is no document.
    """
    if not documents:
        raise UserError("There is no text to train on. Add a file, paste a text or choose an example first.")
    files = {DOCUMENTS: documents_text(documents)}
    return Job("train", config.to_dict(), files, config.method, name, expected, kept)


def _seconds_left(row: RunRow) -> float | None:
    """What a run says is left or, before its first step, its estimate; None where there is neither."""
    said = [event["seconds_left"] for event in read_events(row.folder) if event.get("seconds_left") is not None]
    return said[-1] if said else row.expected or None
