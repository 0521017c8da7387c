"""The worker process: does the run in a folder and logs it there; opens no database and knows no task by name.

`python -m playground.jobs.worker FOLDER` outlives the server that started it and ends at the run's lease. Without a
folder it imports what the tasks need, warms up and waits for a line with one; it ends where none comes.
"""

import errno
import logging
import math
import os
import pkgutil
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from playground.errors import USER_FACING
from playground.files import is_full
from playground.jobs import tasks
from playground.jobs.warm_up import warming_up
from playground.settings import Settings
from playground.storage.run_folder import CHECKPOINT, WORKER_LOG, asked_to_stop, log_event, read_config, read_events

NO_ROOM = "The disk is full, so the run pauses; all up to its last checkpoint is safe. It goes on once there is room."
FAULT = "The run failed through a fault of this program, not of your text. Resume it, or start it again."
NO_MEMORY = "The run lacked memory and ended. Choose fewer layers or a shorter window, then resume it."
KILLED = (
    "The worker was ended from outside (signal {signal}); the system has no lack of memory on record. "
    "All up to the last checkpoint is safe. Resume the run."
)
EASY_TO_END = 800  # of 1000: when memory runs out, Linux ends this process before the page's

logger = logging.getLogger(__name__)


def work(folder: Path, settings: Settings, slice_seconds: float = math.inf) -> str:
    """Do the run in a folder until it ends, is stopped, or its lease or `slice_seconds` are over.

    Returns the name of the last event logged: "finished", "stopped", "slice" or "failed".

    Raises:
        OSError: an event could not be logged; see `is_full` where the disk has no room even for that.
    """
    stop = _Stop(folder, time.monotonic() + slice_seconds)
    event: dict[str, Any] = {}
    try:
        for event in _events(folder, settings, stop):
            log_event(folder, event)
    except Exception as error:
        if not is_full(error):
            raise
        event = {"event": "stopped", "error": NO_ROOM}
        log_event(folder, event)
    if event["event"] == "finished":
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)  # a finished run is never resumed
    return event["event"]


class _Stop:
    """Whether a run is to stop, and why; once it is, it stays so, though its page may renew the lease meanwhile."""

    def __init__(self, folder: Path, ends: float) -> None:
        self._folder, self._ends = folder, ends
        self.reason = ""

    def __call__(self) -> bool:
        if not self.reason:
            is_over = "slice" if time.monotonic() >= self._ends else ""
            self.reason = "stopped" if asked_to_stop(self._folder) else is_over
        return bool(self.reason)


def _events(folder: Path, settings: Settings, stop: _Stop) -> Iterator[dict[str, Any]]:
    """The events of a run as they are logged: the first is "started", the last says how it ended."""
    resumed = any(event["event"] == "started" for event in read_events(folder))
    yield {"event": "started", "pid": os.getpid(), "resumed": resumed}
    try:
        task = import_module(f"playground.jobs.tasks.{read_config(folder)['kind']}")
        for event in task.run(folder, settings, stop):
            yield {**event, "event": stop.reason or "stopped"} if event.get("reason") == "stopped" else event
    except USER_FACING as error:
        yield {"event": "failed", "error": str(error)}
    except Exception as error:
        if is_full(error):
            raise
        logger.exception("the run failed")
        no_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        yield {"event": "failed", "error": NO_MEMORY if no_memory else FAULT}


def _wait_for_folder(settings: Settings) -> Path | None:
    """Import every task, then read a run's folder from the standard input; from then on log into that folder."""
    for task in pkgutil.iter_modules(tasks.__path__):
        import_module(f"{tasks.__name__}.{task.name}")
    with warming_up(settings):
        given = sys.stdin.readline().strip()
    if not given:
        return None
    with (Path(given) / WORKER_LOG).open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    return Path(given)


def main() -> int:
    """The exit code: 0, 1 for a failed run, or ENOSPC if the disk had no room even for the run's last event."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(EASY_TO_END))
    settings = Settings.from_environment()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _wait_for_folder(settings)
    if folder is None:
        return 0
    try:
        return int(work(folder, settings) == "failed")
    except OSError as error:
        if not is_full(error):
            raise
        return errno.ENOSPC


if __name__ == "__main__":
    sys.exit(main())
