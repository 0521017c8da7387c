"""The Ray cluster of the settings, as the server sees it: how many runs it takes, and what starts one there.

Imports no Ray: all that talks to the cluster is a process of its own, `ray_connection` or `ray_worker`.
"""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence

import psutil

from playground.jobs.belongings import asks_two_models
from playground.jobs.memory import memory_of
from playground.jobs.processes import start_worker, worker_environment
from playground.jobs.room import Room
from playground.machine_memory import total_memory
from playground.settings import Settings
from playground.storage.records import RunRow

KINDS = ("train", "sweep", "exam")  # what can go out
MODULE = "playground.jobs.ray_worker"
QUESTION = "playground.jobs.ray_connection"
MOST_LOSSES = 3  # of a run without a step in between, after which it fails
ASK_SECONDS = 60.0  # between two questions to the cluster
ANSWER_SECONDS = 60.0
AWAY = "The Ray cluster %s is out of reach, so runs stay on this machine until it is back: %s"
STAYS = "Run %s needs up to %.1f GB and no node has more than %.1f GB, so it stays on this machine"
GIGABYTE = 1e9

log = logging.getLogger(__name__)


def stands_in(worker: psutil.Process | None) -> bool:
    """Whether a living process has a run done on the cluster."""
    try:
        return worker is not None and MODULE in worker.cmdline()
    except psutil.Error:
        return False


def too_large(needed: float, most: float) -> str:
    """A sentence about a run that no machine holds, with bytes of memory."""
    return (
        f"This run needs up to {needed / GIGABYTE:.1f} GB of memory, and no machine here has more than "
        f"{most / GIGABYTE:.1f} GB. Choose fewer top layers, a shorter window or a smaller chat model."
    )


class Cluster:
    """How many runs the cluster takes at once, and which. Until it has answered for the first time they wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._room: Room | None = None if settings.ray else Room()
        self._needed: dict[str, int] = {}  # bytes of memory, by run
        self._staying: set[str] = set()  # runs that have to be done here
        self._next_question = 0.0

    @property
    def slots(self) -> int:
        """As of the last `ask`; 0 where no cluster is set, or it is out of reach."""
        return self._room.slots if self._room else 0

    def takes(self, row: RunRow) -> bool:
        """Whether a run goes out: what the host prepares does not, as it gives way to visitors here.

        Nor does what no node has memory for, nor an exam of two chat models: a node is brought one.
        """
        return self._may_go(row) and (self._room is None or self._needed.get(row.id, 0) <= self._room.memory)

    def is_ready_for(self, row: RunRow) -> bool:
        """Whether a run that was weighed can start there now."""
        return row.id in self._needed and self.takes(row)

    def weigh(self, rows: Sequence[RunRow]) -> None:
        """Find the memory that each of these runs needs, unless it is known; takes a second for one."""
        known = self._needed
        self._needed = {row.id: known[row.id] for row in rows if row.id in known}
        self._staying &= self._needed.keys()
        for row in rows:
            if row.id not in known and self._may_go(row):
                self._needed[row.id] = self._weigh_one(row)

    def shortage(self, row: RunRow) -> str:
        """A sentence where no node has the memory for a run, and this machine has not either; empty otherwise."""
        needed, most = self._needed.get(row.id, 0), total_memory()
        if self.takes(row) or needed <= most:
            return ""
        return too_large(needed, max(most, self._room.memory if self._room else 0))

    def ask(self) -> None:
        """Ask the cluster, at most once in ASK_SECONDS; takes seconds. Logs when it went away or is there."""
        if not self._settings.ray or time.monotonic() < self._next_question:
            return
        self._next_question = time.monotonic() + ASK_SECONDS
        before = self._room.slots if self._room else None
        self._room, reason = self._answer()
        if reason:
            log.warning(AWAY, self._settings.ray, reason)
        elif self.slots != before:
            log.info("The Ray cluster %s takes %d runs at once", self._settings.ray, self.slots)

    def ask_again(self) -> None:
        """Let the next `ask` ask: a run was lost."""
        self._next_question = 0.0

    def start(self, row: RunRow) -> psutil.Popen:
        """Start the process that has a run done on the cluster."""
        return start_worker(row.folder, self._settings, MODULE, str(self._needed.get(row.id, 0)))

    def _may_go(self, row: RunRow) -> bool:
        away = self._room is not None and not self._room.slots
        return not away and row.kind in KINDS and not row.prepared and row.id not in self._staying

    def _weigh_one(self, row: RunRow) -> int:
        """The bytes that a run needs; 0 where that cannot be said, so that the run itself says what it lacks."""
        try:
            if row.kind == "exam" and asks_two_models(row.folder):
                self._staying.add(row.id)
            needed = memory_of(row.folder, self._settings)
        except Exception:
            log.exception("the memory of run %s is not known", row.id)
            return 0
        if self._room and needed > self._room.memory:
            log.warning(STAYS, row.id, needed / GIGABYTE, self._room.memory / GIGABYTE)
        return needed

    def _answer(self) -> tuple[Room, str]:
        """Its room, and why there is none."""
        command = [sys.executable, "-m", QUESTION]
        try:
            done = subprocess.run(
                command, env=worker_environment(self._settings), capture_output=True, text=True,
                timeout=ANSWER_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Room(), f"no answer in {ANSWER_SECONDS:.0f} s"
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            return Room(), said[-1] if said else f"exit code {done.returncode}"
        return Room(**json.loads(done.stdout.splitlines()[-1])), ""
