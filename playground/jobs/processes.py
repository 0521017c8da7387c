"""Worker processes: started for a run, or kept ready with all that a run imports; knows no queue and no database."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import IO

import psutil

from playground.machine_memory import available_memory
from playground.settings import Settings
from playground.storage.run_folder import WORKER_LOG

# The worker's threads spin only briefly, so that the page gets the cores; freed memory is kept for the next pass.
WORKER = {"GOMP_SPINCOUNT": "20000"} | dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(1 << 32))
LOWEST = 19 if psutil.POSIX else psutil.IDLE_PRIORITY_CLASS  # of what the host prepares: it takes what is left
PAUSE_SECONDS = 60.0  # between two starts of a spare
NEEDED_BYTES = 3_000_000_000  # of free memory, or there is no spare
MODULE = "playground.jobs.worker"
SPARE_LOG = "spare_worker.log"  # in the data folder: what a worker says before it has a run


def start_worker(folder: Path, settings: Settings, module: str = MODULE, *more: str) -> psutil.Popen:
    """Start the process that does the run in a folder, or has it done elsewhere; it outlives this one.

    `more` are arguments of that module, after the folder.
    """
    with (folder / WORKER_LOG).open("ab") as log:
        return _start(module, [str(folder), *more], settings, log)


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker: that of this process, the settings, our packages, and what makes it fast."""
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    own = {each.metadata["env"]: str(vars(settings)[each.name]) for each in fields(Settings)}
    return {**os.environ, **own, **WORKER, "PYTHONPATH": path}


def give_lowest_priority(worker: psutil.Process) -> None:
    """Before it starts a thread: each inherits this. Linux weighs sessions, so the worker's own session is set, too."""
    worker.nice(LOWEST)
    with suppress(OSError):
        Path(f"/proc/{worker.pid}/autogroup").write_text(str(LOWEST))


class SpareWorker:
    """At most one worker that has imported everything and waits for a run, which then begins seconds earlier.

    It reads the run's folder from a pipe. When this process ends, so does the pipe, and with it a spare without a run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: psutil.Popen | None = None
        self._next_start = 0.0

    def keep(self) -> None:
        """Start a spare if there is none and memory allows it; one that ends without a run is not replaced at once."""
        if not self._settings.spare_worker or self._is_ready() or time.monotonic() < self._next_start:
            return
        self._next_start = time.monotonic() + PAUSE_SECONDS
        if available_memory() < NEEDED_BYTES:
            return
        with (self._settings.data / SPARE_LOG).open("wb") as log:
            self._waiting = _start(MODULE, [], self._settings, log, wait=True)

    def take(self, folder: Path) -> psutil.Popen | None:
        """Give the spare the run in a folder; None if there is none that lives."""
        worker, self._waiting = self._waiting, None
        if worker is None or worker.poll() is not None:
            return None
        try:
            worker.stdin.write(f"{folder.absolute()}\n".encode())
            worker.stdin.close()
        except OSError:  # it ended just now
            return None
        return worker

    def close(self) -> None:
        """Let the spare end; one that is still importing ends when it has."""
        if self._waiting:
            self._waiting.stdin.close()
            self._waiting = None

    def _is_ready(self) -> bool:
        return self._waiting is not None and self._waiting.poll() is None


def _start(module: str, arguments: list[str], settings: Settings, log: IO[bytes], wait: bool = False) -> psutil.Popen:
    command, environment = [sys.executable, "-m", module, *arguments], worker_environment(settings)
    stdin = subprocess.PIPE if wait else None
    return psutil.Popen(command, stdin=stdin, stdout=log, stderr=log, env=environment, start_new_session=True)
