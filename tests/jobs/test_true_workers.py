"""True worker processes on the tiny model: to the end, stopped, killed, adopted and orphaned.

The first and the orphan are started as a server starts them; the others are forked, which is faster.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from playground.errors import UserError
from playground.jobs import supervisor as supervising
from playground.jobs import worker
from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from tests.fakes.forked_worker import fork_worker, start_server
from tests.fakes.runs import LONG, TEXT, config, ended, steps, training, wait_unwatched, watch


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that need not import everything first."""
    start_server()
    monkeypatch.setattr(supervising, "start_worker", fork_worker)


def test_a_run_trains_to_its_end(started: JobQueue, visitor: str) -> None:
    run = started.submit(visitor, config(), TEXT, "streets")
    seen = watch(started, visitor, run, ended)
    assert (seen.state, seen.name, seen.error) == ("done", "streets", "")
    assert [event["event"] for event in seen.events] == ["started", *["progress"] * 5, "finished"]
    assert steps(seen) == [0, 1, 2, 3, 4]
    assert seen.figures["heldout_after"] == seen.events[-1]["heldout_after"]
    assert (seen.folder / "adapter" / "adapter_model.safetensors").exists()


@pytest.mark.usefixtures("forked")
def test_a_killed_worker_fails_its_run_alone_and_the_run_can_be_resumed(started: JobQueue, visitor: str) -> None:
    run = started.submit(visitor, config(LONG, max_seconds=4), TEXT)
    pid = watch(started, visitor, run, training).pid
    assert pid
    if psutil.LINUX:
        assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) == worker.EASY_TO_END
    os.kill(pid, signal.SIGKILL)
    failed = watch(started, visitor, run, ended)
    assert (failed.state, failed.error) == ("failed", worker.KILLED.format(signal="SIGKILL"))
    started.resume(visitor, run)
    done = watch(started, visitor, run, ended)
    assert (done.state, done.events[-1]["reason"]) == ("done", "time")
    assert [event["resumed"] for event in done.events if event["event"] == "started"] == [False, True]
    assert steps(done) == list(range(len(steps(done))))
    assert len(steps(done)) > len(steps(failed))


@pytest.mark.usefixtures("forked")
def test_stop_leaves_a_checkpoint_to_go_on_from(started: JobQueue, store: Store, visitor: str) -> None:
    run = started.submit(visitor, config(LONG), TEXT)
    watch(started, visitor, run, training)
    started.stop(visitor, run)
    stopped = watch(started, visitor, run, ended)
    assert (stopped.state, stopped.error) == ("stopped", "")
    assert stopped.events[-1]["event"] == "stopped"
    assert (stopped.folder / "adapter" / "adapter_model.safetensors").exists()
    started.resume(visitor, run)
    again = watch(started, visitor, run, lambda seen: steps(seen)[-1] > steps(stopped)[-1])
    assert steps(again)[: len(steps(stopped))] == steps(stopped)


@pytest.mark.usefixtures("forked")
def test_a_worker_that_does_not_stop_is_killed(started: JobQueue, store: Store, visitor: str) -> None:
    run = started.submit(visitor, config(LONG), TEXT)
    pid = watch(started, visitor, run, training).pid
    assert pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(UserError, match="Stop it first"):
        store.forget(visitor)
    started.stop(visitor, run)
    began = time.monotonic()
    started.stop(visitor, run, within=1.0)  # whoever paused it may still cancel it
    assert watch(started, visitor, run, ended).state == "stopped"
    assert time.monotonic() - began < 2.0
    assert not psutil.pid_exists(pid)


@pytest.mark.usefixtures("forked")
def test_a_restarted_server_adopts_the_worker(
    store: Store, settings: Settings, jobs: JobQueue, visitor: str, supervisor: Supervisor
) -> None:
    supervisor.start()
    run = jobs.submit(visitor, config(LONG, max_seconds=4), TEXT)
    before = watch(jobs, visitor, run, training)
    supervisor.close()
    restarted = Supervisor(Store(settings), settings)
    restarted.start()
    after = watch(jobs, visitor, run, ended)
    restarted.close()
    assert (after.state, after.pid) == ("done", before.pid)
    assert [event["event"] for event in after.events].count("started") == 1


SERVER = """
import sys, time
from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.store import Store
from tests.fakes.runs import LONG, TEXT, config
settings = Settings.from_environment()
store = Store(settings)
Supervisor(store, settings).start()
JobQueue(store, settings).submit(store.visitor(sys.argv[1]), config(LONG), TEXT)
time.sleep(600)
"""


def test_an_orphan_ends_at_its_lease_and_the_next_server_knows(settings: Settings) -> None:
    secret = new_secret()
    variables = {"PLAYGROUND_DATA": settings.data, "PLAYGROUND_CHAT_MODEL": settings.chat_model}
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    server = subprocess.Popen([sys.executable, "-c", SERVER, secret], env=environment, cwd=Path(__file__).parents[2])
    brief = replace(settings, lease_seconds=3)
    store, jobs = Store(brief), JobQueue(Store(brief), brief)
    visitor = store.visitor(secret)
    try:
        while not jobs.active_run(visitor):
            time.sleep(0.1)
            assert server.poll() is None
        run = store.runs.all(visitor)[0].id
        pid = watch(jobs, visitor, run, training).pid
    finally:
        server.kill()
        server.wait()
    assert pid
    supervisor = Supervisor(store, brief)
    supervisor.start()
    seen = wait_unwatched(store, visitor, run)
    supervisor.close()
    assert seen.state == "stopped"
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.usefixtures("forked")
def test_a_signal_that_ends_worker_and_server_leaves_the_run_to_the_next_server(
    jobs: JobQueue, store: Store, settings: Settings, visitor: str
) -> None:
    first, second = Supervisor(store, settings), Supervisor(store, settings)
    first.start()
    run = jobs.submit(visitor, config(LONG), TEXT)
    pid = watch(jobs, visitor, run, training).pid
    assert pid
    os.kill(pid, signal.SIGTERM)
    first.leave()
    first.close()
    left = store.runs.get(visitor, run)
    assert (left.state, left.error) == ("running", "")
    second.start()
    again = watch(jobs, visitor, run, lambda seen: sum(each["event"] == "started" for each in seen.events) == 2)
    second.close()
    assert again.state == "running"
