"""What goes to a cluster by the memory that a run needs: nothing that no node holds, nothing before it is weighed."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoConfig

from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import Plan
from playground.jobs import cluster as cluster_module
from playground.jobs.cluster import Cluster, too_large
from playground.jobs.memory import memory_of
from playground.jobs.queue import Job, JobQueue
from playground.jobs.room import Room
from playground.jobs.supervisor import Supervisor
from playground.settings import Settings
from playground.storage.store import RunRow, Store
from playground.training.estimate import RUNTIME_BYTES, memory_needed
from tests.fakes.runs import TEXT, config, ended, watch

pytestmark = pytest.mark.usefixtures("forked_workers")
SMALL, LARGE = 1 << 20, 1 << 40  # bytes of a node


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A host with a cluster that does not exist; a test says what it answers."""
    return replace(settings, ray="a cluster of the test")


@pytest.fixture
def row(jobs: JobQueue, store: Store, visitor: str) -> RunRow:
    """A training run that waits."""
    return store.runs.get(visitor, jobs.submit(visitor, config(), TEXT))


def answer(monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    """Let the cluster have two cores and nodes of so many bytes."""
    monkeypatch.setattr(Cluster, "_answer", lambda _: (Room(2, memory), ""))


def asked(settings: Settings) -> Cluster:
    """The cluster once it has answered."""
    found = Cluster(settings)
    found.ask()
    return found


def test_a_run_starts_there_once_it_is_weighed_and_only_where_a_node_holds_it(
    settings: Settings, row: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for memory, goes in ((LARGE, True), (SMALL, False)):
        answer(monkeypatch, memory)
        found = asked(settings)
        assert (found.takes(row), found.is_ready_for(row)) == (True, False), "nor does it start here before"
        found.weigh([row])
        assert (found.takes(row), found.is_ready_for(row)) == (goes, goes)


def test_the_process_that_stands_in_is_told_the_memory(
    settings: Settings, row: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []
    monkeypatch.setattr(cluster_module, "start_worker", lambda *arguments: given.extend(arguments[3:]))
    answer(monkeypatch, LARGE)
    found = asked(settings)
    found.weigh([row])
    found.start(row)
    assert given == [str(memory_of(row.folder, settings))]


def test_a_run_that_cannot_be_weighed_goes_out_and_says_itself_what_it_lacks(
    settings: Settings, row: RunRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, LARGE)
    (row.folder / "config.json").write_text("damaged")
    found = asked(settings)
    found.weigh([row])
    assert found.is_ready_for(row)


@pytest.fixture
def at_work(jobs: JobQueue, store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobQueue]:
    """A queue whose cluster holds no run, at work."""
    answer(monkeypatch, SMALL)
    with closing(Supervisor(store, settings)) as supervisor:
        supervisor.start()
        yield jobs


def test_what_no_node_holds_is_done_here(at_work: JobQueue, visitor: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        seen = watch(at_work, visitor, at_work.submit(visitor, config(), TEXT), ended)
    assert (seen.state, seen.error) == ("done", "")
    assert "no node has more than 0.0 GB, so it stays on this machine" in caplog.text


def test_what_this_machine_does_not_hold_either_fails_with_a_sentence(
    at_work: JobQueue, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "total_memory", lambda: 500_000_000)
    seen = watch(at_work, visitor, at_work.submit(visitor, config(), TEXT), ended)
    needed = memory_of(seen.folder, settings)
    assert (seen.state, seen.error) == ("failed", too_large(needed, 5e8))
    assert not [event for event in seen.events if event["event"] == "started"]


def test_a_run_needs_what_its_visitor_is_told_after_a_shortage(settings: Settings, row: RunRow) -> None:
    model = AutoConfig.from_pretrained(settings.chat_model)
    assert memory_of(row.folder, settings) == memory_needed(config(), model)


def test_an_exam_needs_more_with_an_index_more_rows_and_a_drill(
    settings: Settings, jobs: JobQueue, row: RunRow, store: Store, stranger: str
) -> None:
    def needed(**values: object) -> int:
        plan = replace(Plan(ExamSettings(), ("base",), row.folder / "adapter", None), **values)
        run = jobs.add(stranger, [Job("exam", plan.to_dict(), {}, "exam")])[0]
        folder = store.runs.get(stranger, run).folder
        found = memory_of(folder, settings)
        jobs.delete(stranger, run)
        return found

    plain, found, drilled = needed(), needed(index=Path("index")), needed(drill=True)
    assert RUNTIME_BYTES < plain < found
    assert needed(settings=ExamSettings(rows=32)) > plain, "its answers are written side by side"
    assert drilled - plain == memory_of(row.folder, settings) - RUNTIME_BYTES


@pytest.mark.parametrize(("second", "goes"), [("", True), ("another/model", False)])
def test_an_exam_of_two_chat_models_is_done_here(
    settings: Settings,
    jobs: JobQueue,
    store: Store,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
    second: str,
    goes: bool,
) -> None:
    answer(monkeypatch, LARGE)
    plan = Plan(ExamSettings(), ("tuned", "rag"), Path("adapter"), None, untuned_base=second)
    run = jobs.add(visitor, [Job("exam", plan.to_dict(), {}, "exam")])[0]
    row, found = store.runs.get(visitor, run), asked(settings)
    found.weigh([row])
    assert found.takes(row) == goes
