"""A queue, its supervisor and a queued run, for the tests of jobs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import create_autospec

import psutil
import pytest

from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.jobs.tasks import train as train_task
from playground.models.chat_model import load_chat
from playground.settings import Settings
from playground.storage.store import Store
from tests.fakes.runs import TEXT, config


@pytest.fixture
def jobs(store: Store, settings: Settings) -> Iterator[JobQueue]:
    """A queue that nobody works through; whatever worker a test leaves running is killed."""
    yield JobQueue(store, settings)
    for row in store.runs.active():
        if row.pid and psutil.pid_exists(row.pid):
            os.kill(row.pid, signal.SIGKILL)


@pytest.fixture
def supervisor(jobs: JobQueue, store: Store, settings: Settings) -> Supervisor:
    """The queue's supervisor, not started."""
    return Supervisor(store, settings)


@pytest.fixture
def started(jobs: JobQueue, supervisor: Supervisor) -> Iterator[JobQueue]:
    """A queue whose supervisor is at work."""
    supervisor.start()
    yield jobs
    supervisor.close()


@pytest.fixture
def folder(jobs: JobQueue, store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A queued run's folder, and no model to wait for."""
    monkeypatch.setattr(train_task, "load_chat", create_autospec(load_chat, return_value=None))
    return store.runs.get(visitor, jobs.submit(visitor, config(), TEXT)).folder
