"""The host's own runs: last in the queue, in nobody's way, and at the lowest priority of the system."""

import time
from dataclasses import replace

import psutil
import pytest

from playground.jobs import processes
from playground.jobs.queue import JobQueue
from playground.settings import Settings
from playground.storage.run_folder import STOP
from playground.storage.store import Store, new_secret
from tests.fakes.runs import LONG, TEXT, config, steps, training, watch


@pytest.fixture
def owner(store: Store) -> str:
    """Who owns what the host prepares."""
    return store.prepared.owner("text 1")


def test_a_prepared_run_waits_for_all_others_and_is_counted_for_none(
    store: Store, settings: Settings, owner: str, visitor: str
) -> None:
    jobs = JobQueue(store, replace(settings, queued_runs=1))
    run = jobs.submit(owner, config(), TEXT, expected=50.0)
    assert not jobs.visitors_wait_or_work()
    mine = jobs.submit(visitor, config(), TEXT)
    assert jobs.visitors_wait_or_work()
    assert store.runs.get(owner, run).state == "stopped"
    jobs.resume(owner, run)
    assert [row.id for row in store.runs.active()] == [mine, run]
    assert jobs.snapshot(visitor, mine).position == 0
    assert (claimed := store.runs.claim_next())
    assert claimed.id == mine


def test_a_visitors_run_stops_the_prepared_one_that_is_at_work(
    jobs: JobQueue, store: Store, owner: str, visitor: str
) -> None:
    run = jobs.submit(owner, config(), TEXT)
    row = store.runs.claim_next()
    assert row
    assert row.prepared
    mine = jobs.submit(visitor, config(), TEXT, expected=20.0)
    assert store.runs.get(owner, run).state == "stopping"
    assert float((row.folder / STOP).read_text()) <= time.time() + 1
    seen = jobs.snapshot(visitor, mine)
    assert (seen.position, seen.starts_in) == (0, 0.0), "it gives way, so nobody waits for it"


def test_resuming_a_visitors_run_stops_it_too(jobs: JobQueue, store: Store, owner: str, visitor: str) -> None:
    mine = jobs.submit(visitor, config(), TEXT)
    jobs.stop(visitor, mine)
    run = jobs.submit(owner, config(), TEXT)
    assert store.runs.get(owner, run).state == "queued"
    jobs.resume(visitor, mine)
    assert store.runs.get(owner, run).state == "stopped"


def test_two_owners_runs_keep_their_order(jobs: JobQueue, store: Store, owner: str) -> None:
    first = jobs.submit(owner, config(), TEXT)
    second = jobs.submit(store.prepared.owner("text 2"), config(), TEXT)
    assert [row.id for row in store.runs.active()] == [first, second]


@pytest.mark.slow
def test_it_is_paused_within_moments_and_goes_on_from_its_checkpoint(
    started: JobQueue, store: Store, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert processes.LOWEST > 1
    monkeypatch.setattr(processes, "LOWEST", 1)  # beside other tests it would hardly get a core
    run = started.submit(owner, config(steps=LONG), TEXT)
    before = watch(started, owner, run, training)
    assert psutil.Process(before.pid or 0).nice() == 1
    began = time.monotonic()
    visitor = store.visitor(new_secret())
    mine = started.submit(visitor, config(steps=LONG), TEXT)
    paused = watch(started, owner, run, lambda seen: seen.state == "stopped")
    assert time.monotonic() - began < 5, "on a machine that is busy with other tests; alone it takes under a second"
    watch(started, visitor, mine, training)
    started.stop(visitor, mine, within=0)
    watch(started, visitor, mine, lambda seen: seen.state == "stopped")
    started.resume(owner, run)
    again = watch(started, owner, run, lambda seen: len(steps(seen)) > len(steps(paused)))
    assert steps(again)[: len(steps(paused))] == steps(paused)
    started.stop(owner, run, within=0)
