"""What may be queued, stopped and resumed, by whom, and in which order runs get their turn."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from playground.errors import UserError
from playground.jobs.cluster import MODULE
from playground.jobs.queue import Job, JobQueue, training_job
from playground.settings import Settings
from playground.storage.run_folder import asked_to_stop, read_events
from playground.storage.store import Store, new_secret
from playground.training.config import RunConfig
from retrieval.document import Document
from tests.fakes.runs import COUNT, TEXT, config


@pytest.fixture
def stand_in() -> Iterator[psutil.Popen]:
    """A process that looks like one that has a run done on a cluster."""
    process = psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)", MODULE])
    yield process
    process.kill()
    process.wait()


def test_a_double_click_makes_one_run(jobs: JobQueue, store: Store, visitor: str) -> None:
    assert jobs.submit(visitor, config(), TEXT) == jobs.submit(visitor, config(9), TEXT)
    assert len(store.runs.all(visitor)) == 1


def test_a_run_folder_is_self_contained(jobs: JobQueue, store: Store, visitor: str) -> None:
    folder = store.runs.get(visitor, jobs.submit(visitor, config(), TEXT, "mine")).folder
    assert RunConfig.from_dict(json.loads((folder / "config.json").read_text())) == config()
    assert [Document.from_dict(each) for each in json.loads((folder / "documents.json").read_text())] == TEXT


def test_a_run_without_text_is_refused(jobs: JobQueue, visitor: str) -> None:
    with pytest.raises(UserError, match="no text"):
        jobs.submit(visitor, config(), [])


def test_a_full_queue_and_too_many_runs_are_refused(store: Store, settings: Settings, visitor: str) -> None:
    small = JobQueue(store, replace(settings, queued_runs=1, visitor_runs=1))
    run = small.submit(visitor, config(), TEXT)
    with pytest.raises(UserError, match="full with 1 runs of at most 1"):
        small.submit(store.visitor(new_secret()), config(), TEXT)
    small.stop(visitor, run)
    with pytest.raises(UserError, match="keep 1 runs, and 1 more"):
        small.submit(visitor, config(), TEXT)
    small.resume(visitor, run)
    small.delete(visitor, run)
    assert store.runs.all(visitor) == []


def test_whoever_keeps_as_many_runs_as_allowed_may_take_an_exam(store: Store, settings: Settings, visitor: str) -> None:
    small = JobQueue(store, replace(settings, visitor_runs=1))
    small.stop(visitor, small.submit(visitor, config(), TEXT))
    small.add(visitor, [Job("exam", {}, {}, "exam")])
    assert [row.state for row in store.runs.all(visitor, "exam")] == ["queued"]


def test_positions_count_the_runs_ahead_and_their_seconds(jobs: JobQueue, store: Store) -> None:
    visitors = [store.visitor(new_secret()) for _ in range(4)]
    expected = [50.0, 60.0, 0.0, 30.0]
    asked = zip(visitors, expected, strict=True)
    runs = [jobs.submit(visitor, config(), TEXT, expected=seconds) for visitor, seconds in asked]
    first = store.runs.claim_next()
    assert first

    def seen() -> list[tuple[int, float | None]]:
        shots = [jobs.snapshot(*each) for each in zip(visitors, runs, strict=True)]
        return [(each.position, each.starts_in) for each in shots]

    assert seen() == [(0, None), (1, 50.0), (2, 110.0), (3, None)]
    (first.folder / "events.jsonl").write_text(json.dumps({"event": "progress", "step": 1, "seconds_left": 7.0}))
    assert seen() == [(0, None), (1, 7.0), (2, 67.0), (3, None)]


def test_runs_that_a_cluster_works_on_at_once_are_waited_for_together(
    store: Store, settings: Settings, stand_in: psutil.Popen
) -> None:
    jobs = JobQueue(store, replace(settings, ray="auto"))
    visitors = [store.visitor(new_secret()) for _ in range(6)]
    asked = zip(visitors, [50.0, 30.0, 20.0, 40.0, 60.0], strict=False)
    runs = [jobs.submit(visitor, config(), TEXT, expected=seconds) for visitor, seconds in asked]
    exam = Job("exam", {}, {}, "exam", expected=10.0)
    (taken,) = jobs.add(visitors[5], [exam])
    for _ in range(2):
        row = store.runs.claim_next()
        assert row
        store.runs.update(row.visitor, row.id, pid=stand_in.pid, pid_started=stand_in.create_time())

    def seen(runs: Sequence[str]) -> list[tuple[int, float | None]]:
        shots = [jobs.snapshot(*each) for each in zip(visitors[2:], runs, strict=True)]
        return [(each.position, each.starts_in) for each in shots]

    assert seen([*runs[2:], taken]) == [(1, 30.0), (2, 50.0), (3, 50.0), (4, 90.0)]


def test_a_visitor_with_many_runs_lets_the_others_have_one_in_between(jobs: JobQueue, store: Store) -> None:
    greedy, second, third = (store.visitor(new_secret()) for _ in range(3))
    jobs.add(greedy, [training_job(config(), TEXT, name) for name in "abc"])
    jobs.submit(second, config(), TEXT, "d")
    order = []
    while row := store.runs.claim_next():
        order.append(row.name)
        if row.name == "b":
            jobs.submit(third, config(), TEXT, "e")
        assert [each.name for each in store.runs.active()][0] == row.name
        upcoming = [each.name for each in store.runs.active()][1:2]
        store.runs.transition(row.visitor, row.id, ["running"], "done")
        claimed = [each.name for each in store.runs.active()][:1]
        assert upcoming == claimed, "the place that was shown is the one that was kept"
    assert order == ["a", "d", "b", "e", "c"]


def test_runs_queued_together_share_a_double_click_a_lease_and_a_resumption(
    jobs: JobQueue, store: Store, visitor: str
) -> None:
    three = [training_job(config(), TEXT, name) for name in "abc"]
    runs = jobs.add(visitor, three)
    assert jobs.add(visitor, three) == runs
    assert [row.id for row in jobs.bundled_runs(visitor, runs[1])] == runs
    for run in runs:
        store.runs.update(visitor, run, lease_until=0.0)
    jobs.snapshot(visitor, runs[0])
    assert all(row.lease_until > time.time() for row in store.runs.all(visitor))
    for run in runs:
        jobs.stop(visitor, run)
    for run in runs:
        jobs.resume(visitor, run)
    assert [row.name for row in store.runs.active()] == ["a", "b", "c"]


def test_several_runs_are_refused_where_one_would_still_fit(store: Store, settings: Settings, visitor: str) -> None:
    two = [training_job(config(), TEXT)] * 2
    with pytest.raises(UserError, match="keep 0 runs, and 2 more"):
        JobQueue(store, replace(settings, visitor_runs=1)).add(visitor, two)
    with pytest.raises(UserError, match="queue is full with 0 runs of at most 1"):
        JobQueue(store, replace(settings, queued_runs=1)).add(visitor, two)
    assert store.runs.all(visitor) == []


def test_a_kept_run_goes_on_without_its_page_until_it_is_kept_no_more(
    jobs: JobQueue, store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = jobs.submit(visitor, config(), TEXT, kept=True)
    folder = store.runs.get(visitor, run).folder
    in_a_week = time.time() + 7 * 86_400
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: in_a_week)
        jobs.snapshot(visitor, run)
        assert not asked_to_stop(folder)
    jobs.keep(visitor, run, kept=False)
    assert store.runs.get(visitor, run).lease_until == pytest.approx(time.time() + settings.lease_seconds, abs=5)
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: in_a_week)
        assert asked_to_stop(folder)
    jobs.keep(visitor, run, kept=True)
    assert not asked_to_stop(folder)
    assert store.runs.get(visitor, run).kept


def test_a_waiting_run_stops_at_once_and_queues_last_again(
    jobs: JobQueue, store: Store, visitor: str, stranger: str
) -> None:
    run, other = jobs.submit(visitor, config(), TEXT), jobs.submit(stranger, config(), TEXT)
    jobs.stop(visitor, run)
    assert jobs.snapshot(visitor, run).state == "stopped"
    assert jobs.active_run(visitor) is None
    jobs.resume(visitor, run)
    assert [row.id for row in store.runs.active()] == [other, run]


def test_only_one_run_of_a_visitor_is_resumed_and_never_a_done_one(jobs: JobQueue, store: Store, visitor: str) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    jobs.stop(visitor, run)
    jobs.submit(visitor, config(), TEXT, "second")
    with pytest.raises(UserError, match="'second' is queued"):
        jobs.resume(visitor, run)
    store.runs.claim_next()
    done = jobs.active_run(visitor)
    assert done
    store.runs.transition(visitor, done.id, ["running"], "done")
    with pytest.raises(UserError, match="is done"):
        jobs.resume(visitor, done.id)


def test_looking_renews_the_lease_of_an_active_run_only(jobs: JobQueue, store: Store, visitor: str) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    store.runs.update(visitor, run, lease_until=0.0)
    folder = jobs.snapshot(visitor, run).folder
    assert store.runs.get(visitor, run).lease_until == float((folder / "lease").read_text()) > time.time() + 100
    jobs.stop(visitor, run)
    store.runs.update(visitor, run, lease_until=0.0)
    jobs.snapshot(visitor, run)
    assert store.runs.get(visitor, run).lease_until == 0.0


def test_visitors_cannot_touch_each_others_runs(jobs: JobQueue, store: Store, visitor: str, stranger: str) -> None:
    run = jobs.submit(visitor, config(), TEXT)
    before = store.runs.get(visitor, run)
    attempts: list[Callable[[], Any]] = [
        lambda: jobs.snapshot(stranger, run),
        lambda: jobs.stop(stranger, run),
        lambda: jobs.resume(stranger, run),
        lambda: store.runs.update(stranger, run, name="mine"),
        lambda: jobs.delete(stranger, run),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert jobs.active_run(stranger) is None
    assert store.runs.get(visitor, run) == before


def test_events_pass_over_cut_lines_and_replace_steps_trained_again(tmp_path: Path) -> None:
    def step(number: int, loss: float) -> str:
        return json.dumps({"event": "progress", "step": number, "loss": loss})

    lines = [step(1, 3.0), step(2, 2.0), step(3, 1.0)[:-9], "", '{"event": "started"}', step(2, 2.5), step(3, 1.5)]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    assert [event.get("loss") for event in read_events(tmp_path)] == [3.0, None, 2.5, 1.5]


def test_runs_of_two_kinds_wait_side_by_side_and_are_listed_apart(jobs: JobQueue, store: Store, visitor: str) -> None:
    trained, counted_ = jobs.submit(visitor, config(), TEXT), jobs.add(visitor, [COUNT])[0]
    assert jobs.add(visitor, [COUNT])[0] == counted_
    assert [row.id for row in store.runs.all(visitor)] == [trained]
    assert [row.id for row in store.runs.all(visitor, "count")] == [counted_]
