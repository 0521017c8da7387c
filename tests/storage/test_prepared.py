"""What the host owns: no visitor is its owner, all may use what is finished, and only the host removes it."""

import math

import pytest

from playground.errors import UserError
from playground.jobs.queue import JobQueue
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from tests.fakes.runs import TEXT, config


@pytest.fixture
def jobs(store: Store, settings: Settings) -> JobQueue:
    """A queue that nobody works through."""
    return JobQueue(store, settings)


def test_an_owner_has_a_key_and_no_secret_leads_to_it(store: Store) -> None:
    owner = store.prepared.owner("text 1")
    assert store.prepared.owner("text 1") == owner
    assert store.prepared.owner("text 2") != owner
    for secret in ("prepared text 1", f"prepared text 1{'x' * 32}", new_secret()):
        with_secret = store.visitor(secret) if len(secret) >= 32 else ""
        assert with_secret != owner


def test_owners_stay_however_long_nobody_came(store: Store) -> None:
    owner = store.prepared.owner("text 1")
    visitor = store.visitor(new_secret())
    assert store.sweep(now=1e12) == [visitor]
    assert store.prepared.owners() == {"text 1": owner}
    assert store.sweep(now=math.inf) == []


def test_owners_of_other_keys_are_removed_with_all_of_theirs(store: Store) -> None:
    old, new = store.prepared.owner("old"), store.prepared.owner("new")
    store.add_document(old, "a.txt", {"text": "a"}, 1, 1)
    (path,) = [row.path for row in store.documents(old)]
    store.prepared.remove_others(["new"])
    assert store.prepared.owners() == {"new": new}
    assert not path.exists()
    with pytest.raises(UserError):
        store.documents(old)


def test_an_owner_whose_run_is_at_work_stays_until_the_next_time(store: Store, jobs: JobQueue) -> None:
    owner = store.prepared.owner("old")
    run = jobs.submit(owner, config(), TEXT)
    store.runs.claim_next()
    store.prepared.remove_others([])
    assert store.prepared.owners() == {"old": owner}
    store.runs.transition(owner, run, ["running"], "done")
    store.prepared.remove_others([])
    assert store.prepared.owners() == {}


def test_a_visitor_may_use_what_is_finished_and_change_nothing(store: Store, jobs: JobQueue, visitor: str) -> None:
    owner = store.prepared.owner("text 1")
    run = jobs.submit(owner, config(), TEXT)
    with pytest.raises(UserError, match="not found among yours"):
        store.runs.usable(visitor, run)
    store.runs.claim_next()
    store.runs.transition(owner, run, ["running"], "done")
    assert store.runs.usable(visitor, run).visitor == owner
    changes = (
        lambda: store.runs.update(visitor, run, name="mine"),
        lambda: store.runs.delete(visitor, run),
        lambda: store.runs.transition(visitor, run, ["done"], "failed"),
        lambda: jobs.stop(visitor, run),
        lambda: jobs.resume(visitor, run),
        lambda: jobs.keep(visitor, run, True),
        lambda: jobs.snapshot(visitor, run),
    )
    for change in changes:
        with pytest.raises(UserError, match="not found among yours"):
            change()
    assert store.runs.all(visitor) == []


def test_another_visitors_finished_run_is_not_shared(store: Store, jobs: JobQueue, visitor: str, stranger: str) -> None:
    run = jobs.submit(stranger, config(), TEXT)
    store.runs.claim_next()
    store.runs.transition(stranger, run, ["running"], "done")
    with pytest.raises(UserError, match="not found among yours"):
        store.runs.usable(visitor, run)


def test_a_prepared_index_is_found_where_a_visitor_has_none(store: Store, visitor: str) -> None:
    owner = store.prepared.owner("text 1")
    shared = store.index_folder(owner) / "abc"
    shared.mkdir(parents=True)
    assert store.saved_index(visitor, "abc") == shared
    own = store.index_folder(visitor) / "abc"
    assert store.saved_index(visitor, "other") == store.index_folder(visitor) / "other"
    own.mkdir(parents=True)
    assert store.saved_index(visitor, "abc") == own
