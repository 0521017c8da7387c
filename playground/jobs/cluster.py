"""The Ray cluster of the settings, as the server sees it: how many runs it takes, and what starts one there.

Imports no Ray: all that talks to the cluster is a process of its own, `ray_connection` or `ray_worker`.
"""

import logging
import subprocess
import sys
import time
from pathlib import Path

import psutil

from playground.jobs.processes import start_worker, worker_environment
from playground.settings import Settings
from playground.storage.records import RunRow

KINDS = ("train", "sweep")  # what can go out: all else that these need is in the run's folder
MODULE = "playground.jobs.ray_worker"
QUESTION = "playground.jobs.ray_connection"
LOST = 75  # the exit code of a worker whose node, or cluster, is gone
MOST_LOSSES = 3  # of a run without a step in between, after which it fails
ASK_SECONDS = 60.0  # between two questions to the cluster
ANSWER_SECONDS = 60.0
AWAY = "The Ray cluster %s is out of reach, so runs stay on this machine until it is back: %s"

log = logging.getLogger(__name__)


def stands_in(worker: psutil.Process | None) -> bool:
    """Whether a living process has a run done on the cluster."""
    try:
        return worker is not None and MODULE in worker.cmdline()
    except psutil.Error:
        return False


class Cluster:
    """How many runs the cluster takes at once, and which. Until it has answered for the first time they wait for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slots: int | None = None if settings.ray else 0
        self._next_question = 0.0

    @property
    def slots(self) -> int:
        """As of the last `ask`; 0 where no cluster is set, or it is out of reach."""
        return self._slots or 0

    def takes(self, row: RunRow) -> bool:
        """Whether a run goes out: what the host prepares does not, as it gives way to visitors here."""
        return self._slots != 0 and row.kind in KINDS and not row.prepared

    def ask(self) -> None:
        """Ask the cluster, at most once in ASK_SECONDS; takes seconds. Logs when it went away or is there."""
        if not self._settings.ray or time.monotonic() < self._next_question:
            return
        self._next_question = time.monotonic() + ASK_SECONDS
        before, (self._slots, reason) = self._slots, self._answer()
        if reason:
            log.warning(AWAY, self._settings.ray, reason)
        elif self._slots != before:
            log.info("The Ray cluster %s takes %d runs at once", self._settings.ray, self._slots)

    def ask_again(self) -> None:
        """Let the next `ask` ask: a run was lost."""
        self._next_question = 0.0

    def start(self, folder: Path) -> psutil.Popen:
        """Start the process that has a run done on the cluster."""
        return start_worker(folder, self._settings, MODULE)

    def _answer(self) -> tuple[int, str]:
        """The number of runs, and why there is none."""
        command = [sys.executable, "-m", QUESTION]
        try:
            done = subprocess.run(
                command, env=worker_environment(self._settings), capture_output=True, text=True,
                timeout=ANSWER_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return 0, f"no answer in {ANSWER_SECONDS:.0f} s"
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            return 0, said[-1] if said else f"exit code {done.returncode}"
        return int(done.stdout.split()[-1]), ""
