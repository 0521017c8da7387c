"""Worker processes forked from one that has imported everything: a run starts at once, in a process of its own."""

import os
import sys
from dataclasses import fields
from multiprocessing import forkserver, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from playground.jobs import worker
from playground.settings import Settings
from playground.storage.run_folder import WORKER_LOG

PRELOADED = ["playground.jobs.tasks.train", "playground.jobs.tasks.exam"]
FORKED = get_context("forkserver")


class ForkedWorker(psutil.Process):
    """What `start_worker` returns, for a process whose exit code is known to multiprocessing alone."""

    def __init__(self, process: BaseProcess) -> None:
        super().__init__(process.pid)
        self._process = process

    def wait(self, timeout: float | None = None) -> int | None:
        """See psutil."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise psutil.TimeoutExpired(timeout, self.pid)
        return self._process.exitcode


def start_server() -> None:
    """Let the process begin to import; its folder is the one of now, where it finds the packages."""
    FORKED.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


def fork_worker(folder: Path, settings: Settings) -> ForkedWorker:
    """Stands in for `start_worker`; a worker that a test leaves behind ends with the tests."""
    environment = {each.metadata["env"]: str(vars(settings)[each.name]) for each in fields(Settings)}
    process = FORKED.Process(target=_work, args=(folder, environment), daemon=True)
    process.start()
    return ForkedWorker(process)


def _work(folder: Path, environment: dict[str, str]) -> None:
    os.setsid()
    os.environ.update(environment)
    sys.argv = [worker.__name__, str(folder)]
    log = os.open(folder / WORKER_LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.exit(worker.main())
