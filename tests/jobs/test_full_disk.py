"""A run that paused for lack of disk space goes on by itself once there is some."""

import shutil
import time

import pytest

from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.jobs.worker import NO_ROOM
from playground.settings import Settings
from playground.storage.store import Store
from tests.fakes.runs import TEXT, config


def test_a_run_that_paused_for_room_goes_on_by_itself(
    store: Store, settings: Settings, visitor: str, jobs: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [0]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, free[0]))
    run = jobs.submit(visitor, config(), TEXT)
    assert store.runs.claim_next()
    store.runs.transition(visitor, run, ["running"], "stopped", NO_ROOM)
    supervisor = Supervisor(store, settings, resume=jobs.resume)
    supervisor.resume_paused()
    assert store.runs.get(visitor, run).state == "stopped"
    free[0] = settings.reserve_bytes + 1
    supervisor.resume_paused()
    row = store.runs.get(visitor, run)
    assert (row.state, row.error) == ("queued", "")
    assert row.lease_until > time.time()


def test_a_run_that_its_visitor_stopped_stays_stopped(
    store: Store, settings: Settings, visitor: str, jobs: JobQueue
) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    jobs.stop(visitor, run)
    Supervisor(store, settings, resume=jobs.resume).resume_paused()
    assert store.runs.get(visitor, run).state == "stopped"
