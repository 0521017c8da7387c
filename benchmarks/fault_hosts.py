"""A data folder with a visitor and a server of its queue that can be killed; for `benchmarks/faults.py`."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

import adapters
from playground.jobs.queue import JobQueue, Snapshot
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document

SECONDS = 900  # for a run to reach what is waited for, on a busy machine
SMALL_DISK_MB = 60
RESERVE_BYTES = 20_000_000
RUN = TrainSettings(steps=60, batch_tokens=128, window=64, evaluations=4, checkpoint_every=3)
TEXT = [Document("house.txt", "\n\n".join(f"Rule {n} is to close door {n} before door {n + 1}." for n in range(40)))]
ENDED = ("done", "stopped", "failed")


class Host:
    """A data folder with a visitor, and a server of the queue that can be killed."""

    def __init__(self, data: Path, models: Path) -> None:
        self.settings = Settings(data=data, chat_model=str(models), reserve_bytes=RESERVE_BYTES)
        self.store = Store(self.settings)
        self.jobs = JobQueue(self.store, self.settings)
        self.secret = new_secret()
        self.visitor = self.store.visitor(self.secret)
        self.server: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """Start a server of the queue in a process of its own."""
        command = [sys.executable, "-m", "benchmarks.faults", "--serve", str(self.settings.data)]
        own = {"PLAYGROUND_CHAT_MODEL": self.settings.chat_model, "PLAYGROUND_RESERVE_BYTES": str(RESERVE_BYTES)}
        self.server = subprocess.Popen(command, env={**os.environ, **own, "OMP_NUM_THREADS": "1"})

    def kill_server(self) -> None:
        """End it as the system would: no word of warning."""
        if self.server:
            self.server.kill()
            self.server.wait()

    def train(self, visitor: str = "") -> str:
        """Queue a run; its id."""
        config = RunConfig("lora", adapters.get("lora").Options(rank=2, dropout=0.1), RUN)
        return self.jobs.submit(visitor or self.visitor, config, TEXT, kept=True)

    def wait(self, run: str, until: Callable[[Snapshot], bool], visitor: str = "") -> Snapshot:
        """Watch a run as a page does."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            seen = self.jobs.snapshot(visitor or self.visitor, run)
            if until(seen):
                return seen
            time.sleep(0.1)
        raise TimeoutError(f"{seen.state} {seen.error!r} after {len(seen.events)} events")

    def has_worker(self, run: str) -> bool:
        """Whether the worker of a run is alive."""
        return psutil.pid_exists(self.store.runs.get(self.visitor, run).pid or -1)

    def kill_worker(self, run: str) -> None:
        """End the worker of a run, if it has one."""
        pid = self.store.runs.get(self.visitor, run).pid
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid or -1).kill()


def under_way(seen: Snapshot) -> bool:
    """Some checkpoints are written, and the run is at work."""
    return seen.state == "running" and any(each.get("step", 0) >= 6 for each in seen.events)


def ended(seen: Snapshot) -> bool:
    """The run is at no work."""
    return seen.state in ENDED


def done(seen: Snapshot) -> bool:
    """The run is done."""
    return seen.state == "done"


@contextmanager
def host_of(models: Path, small: bool = False) -> Iterator[Host]:
    """A host in a folder of its own, on a small disk where asked; what it started is ended afterwards."""
    with tempfile.TemporaryDirectory() as place:
        if small:
            size = f"size={SMALL_DISK_MB}m"
            subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True, capture_output=True)
        host = Host(Path(place) / "data", models)
        try:
            yield host
        finally:
            host.kill_server()
            for row in host.store.runs.active():
                host.kill_worker(row.id)
            if small:
                subprocess.run(["umount", "-l", place], check=True)


def work_through(data: Path) -> None:
    """Work through the queue of a data folder until killed."""
    settings = replace(Settings.from_environment(), data=data)
    store = Store(settings)
    Supervisor(store, settings, resume=JobQueue(store, settings).resume).start()
    signal.pause()
