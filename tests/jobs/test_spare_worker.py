"""The spare worker: takes the next run, ends with the server, and is missed by nobody where there is none."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from playground.jobs import processes
from playground.jobs import supervisor as supervising
from playground.jobs.processes import SpareWorker
from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.run_folder import WORKER_LOG, read_events
from playground.storage.store import Store
from tests.fakes.runs import TEXT, config, ended, watch
from tests.fakes.waiting import wait_until

SECONDS = 60.0  # for the imports beside other tests


@pytest.fixture
def spare(settings: Settings, store: Store) -> Iterator[SpareWorker]:
    kept = SpareWorker(replace(settings, spare_worker=True))
    yield kept
    kept.close()
    for left in children():  # one that still imports would be taken for the next test's
        left.kill()
        left.wait(SECONDS)


def children() -> list[psutil.Process]:
    """The workers that this process has started and that still run."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.Error):  # it ended just now
            if each.status() != psutil.STATUS_ZOMBIE and "playground.jobs.worker" in each.cmdline():
                found.append(each)
    return found


def only_child() -> psutil.Process:
    """The one worker; its command line can be read a moment after it was started."""
    assert wait_until(children, SECONDS)
    [found] = children()
    return found


def test_a_spare_does_the_run_that_it_is_given(spare: SpareWorker, jobs: JobQueue, store: Store, visitor: str) -> None:
    folder = store.runs.get(visitor, jobs.submit(visitor, config(), TEXT)).folder
    spare.keep()
    waiting = only_child()
    spare.keep()
    assert children() == [waiting]
    worker = spare.take(folder)
    assert worker
    assert worker.pid == waiting.pid
    assert worker.wait(SECONDS) == 0
    assert read_events(folder)[-1]["event"] == "finished"
    assert (folder / WORKER_LOG).exists()
    assert spare.take(folder) is None


def test_a_spare_ends_with_its_pipe(spare: SpareWorker) -> None:
    spare.keep()
    waiting = only_child()
    spare.close()
    assert waiting.wait(SECONDS) == 0


def test_a_spare_that_was_killed_is_no_spare(spare: SpareWorker, tmp_path: Path) -> None:
    spare.keep()
    waiting = only_child()
    waiting.kill()
    wait_until(lambda: not children(), SECONDS)
    assert spare.take(tmp_path) is None
    spare.keep()
    assert not children()  # not at once: what ended it may end the next one


def test_where_memory_is_short_or_the_host_wants_none_there_is_no_spare(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    SpareWorker(replace(settings, spare_worker=False)).keep()
    monkeypatch.setattr(processes, "NEEDED_BYTES", 1 << 60)
    SpareWorker(replace(settings, spare_worker=True)).keep()
    assert not children()


def test_an_idle_server_keeps_a_spare_for_the_next_run(
    store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "IDLE_SECONDS", 0.0)
    supervisor = Supervisor(store, replace(settings, spare_worker=True))
    supervisor.start()
    waiting = only_child()
    queue = JobQueue(store, settings)
    seen = watch(queue, visitor, queue.submit(visitor, config(), TEXT), ended)
    assert (seen.state, seen.pid) == ("done", waiting.pid)
    supervisor.close()


def test_while_questions_are_answered_no_spare_is_started(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "IDLE_SECONDS", 0.0)
    asked = threading.Semaphore(0)

    def is_answering() -> bool:
        asked.release()
        return True

    supervisor = Supervisor(store, replace(settings, spare_worker=True), is_answering=is_answering)
    supervisor.start()
    assert all(asked.acquire(timeout=10) for _ in range(3))
    assert not children()
    supervisor.close()
