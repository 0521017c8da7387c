"""What is said of a worker that ended without a word: what the kernel has on record, and nothing more."""

import signal
from pathlib import Path

import pytest

from playground.jobs import supervisor as supervising
from playground.jobs import worker
from playground.jobs.oom import oom_kills
from playground.jobs.queue import JobQueue
from playground.jobs.supervisor import Supervisor
from playground.storage.store import Store
from tests.fakes.runs import TEXT, config


@pytest.mark.parametrize(
    ("content", "kills"),
    [("low 0\nmax 3\noom 2\noom_kill 2\n", 2), ("oom_kill_disable 0\noom_kill 7\n", 7), ("", 0), ("oom_kill x", 0)],
)
def test_the_kernels_counters_are_read(tmp_path: Path, content: str, kills: int) -> None:
    file = tmp_path / "memory.events"
    file.write_text(content)
    assert oom_kills(((file, "oom_kill"), (tmp_path / "missing", "oom_kill"))) == kills


@pytest.mark.parametrize(
    ("code", "more", "sentence"),
    [
        (-signal.SIGKILL, 0, worker.KILLED.format(signal="SIGKILL")),
        (-signal.SIGKILL, 1, worker.NO_MEMORY),
        (-signal.SIGTERM, 1, worker.KILLED.format(signal="SIGTERM")),
        (-signal.SIGSEGV, 0, worker.KILLED.format(signal="SIGSEGV")),
        (1, 1, worker.FAULT),
    ],
)
def test_only_what_is_on_record_is_said(
    store: Store,
    jobs: JobQueue,
    supervisor: Supervisor,
    visitor: str,
    code: int,
    more: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    row = store.runs.claim_next()
    assert row
    monkeypatch.setattr(supervising, "oom_kills", lambda: oom_kills() + more)
    supervisor.record_ending(row, code)
    ended = store.runs.get(visitor, run)
    assert (ended.state, ended.error) == ("failed", sentence)
    jobs.resume(visitor, run)
    assert store.runs.get(visitor, run).state == "queued"
