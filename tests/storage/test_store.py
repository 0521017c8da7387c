"""What the store keeps, and what it refuses to show, change or leave behind."""

import hashlib
import os
import shutil
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from playground.errors import UserError
from playground.files import write_text
from playground.settings import Settings
from playground.storage import migrations, runs
from playground.storage import store as store_module
from playground.storage.store import DAY, SEEN_SECONDS, RunRow, Store, clean_name, new_secret
from tests.fakes.database import write_lock

CONTENT = {"name": "a.txt", "text": "A text."}


def add_run(store: Store, visitor: str, name: str = "a run") -> RunRow:
    return store.runs.add(visitor, "train", name, "lora", {"config.json": "{}"}, lease_until=time.time() + 60)


def test_a_secret_always_gives_the_same_visitor_and_is_not_kept(store: Store, settings: Settings) -> None:
    secret = new_secret()
    assert store.visitor(secret) == store.visitor(secret) != store.visitor(new_secret())
    assert all(secret.encode() not in path.read_bytes() for path in settings.data.rglob("*") if path.is_file())


def test_whoever_starts_over_is_another_visitor_with_nothing(store: Store, settings: Settings) -> None:
    secret = new_secret()
    before = store.visitor(secret)
    store.choose_embedder(before, "another")
    store.exclude_kinds(before, ["email"])
    store.forget(before)
    again = store.visitor(secret)
    assert again == store.visitor(secret) != before
    assert (store.embedder(again), store.excluded_kinds(again), store.documents(again)) == ("", [], [])


def test_work_for_a_visitor_who_started_over_keeps_nothing(store: Store, settings: Settings) -> None:
    secret = new_secret()
    before = store.visitor(secret)
    store.forget(before)
    writes = [
        lambda: store.add_document(before, "a", CONTENT, 1, 1),
        lambda: store.save_conversation(before, {"base": []}),
        lambda: add_run(store, before),
        lambda: store.index_folder(before),
        lambda: store.exam_folder(before),
    ]
    for write in writes:
        with pytest.raises(UserError, match="not found"):
            write()
    assert store.conversation(store.visitor(secret)) == {}
    assert not list((settings.data / "visitors").iterdir())


@pytest.mark.parametrize("secret", ["", "None", "short"])
def test_a_weak_secret_is_refused(store: Store, secret: str) -> None:
    with pytest.raises(UserError, match="Reload"):
        store.visitor(secret)


def test_documents_are_kept_in_order_and_survive_a_restart(store: Store, settings: Settings, visitor: str) -> None:
    rows = [store.add_document(visitor, name, CONTENT, 10, 7) for name in ("b.txt", "a.txt")]
    assert Store(settings).documents(visitor) == rows
    store.remove_document(visitor, rows[0].id)
    assert store.documents(visitor) == rows[1:]
    assert not rows[0].path.exists()


def test_the_digest_leaves_the_name_out(store: Store, visitor: str) -> None:
    digests = [
        store.add_document(visitor, name, {"name": name, "text": text}, 1, 1).digest
        for name, text in [("a", "x"), ("b", "x"), ("a", "y")]
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "..", "a/b\\c", "x" * 300, "nul\0l", "\u202ename"])
def test_names_never_reach_a_path(store: Store, settings: Settings, visitor: str, name: str) -> None:
    row = store.add_document(visitor, name, CONTENT, 1, 1)
    run = add_run(store, visitor, name)
    inside = settings.data / "visitors" / visitor
    assert row.path.parent == inside / "documents"
    assert row.path.stem == row.id
    assert run.folder == inside / "runs" / run.id
    assert len(row.name) <= 60
    assert row.name.isprintable()


def test_clean_name() -> None:
    assert clean_name("  two\n\twords ", "text") == "two words"
    assert clean_name(" \0 ", "text") == "text"


def test_a_queued_run_is_whole(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    assert (run.folder / "config.json").read_text() == "{}"
    assert run.state == "queued"
    assert store.runs.all(visitor) == [run]
    assert store.runs.active() == [run]


def test_a_run_is_claimed_once(store: Store, visitor: str, stranger: str) -> None:
    first, second = add_run(store, visitor), add_run(store, stranger)
    with ThreadPoolExecutor(4) as pool:
        claimed = [row.id for row in pool.map(lambda _: store.runs.claim_next(), range(4)) if row]
    assert sorted(claimed) == sorted([first.id, second.id])
    assert store.runs.get(visitor, first.id).state == "running"


def test_the_first_run_of_the_queue_is_claimed_first(store: Store, visitor: str, stranger: str) -> None:
    first, second = add_run(store, visitor), add_run(store, stranger)
    store.runs.transition(visitor, first.id, ["queued"], "stopped")
    store.runs.update(visitor, first.id, queued=time.time())
    store.runs.transition(visitor, first.id, ["stopped"], "queued")
    claimed = store.runs.claim_next()
    assert claimed
    assert claimed.id == second.id


def test_a_state_changes_only_from_where_it_was_expected(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    assert not store.runs.transition(visitor, run.id, ["running"], "stopping")
    assert store.runs.transition(visitor, run.id, ["queued"], "failed", "why")
    after = store.runs.get(visitor, run.id)
    assert (after.state, after.error) == ("failed", "why")


def test_a_run_is_renamed_and_changed(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    store.runs.update(visitor, run.id, name=" new\nname ", pid=5, pid_started=1.5, lease_until=9.0, figures='{"a": 1}')
    after = store.runs.get(visitor, run.id)
    assert (after.name, after.pid, after.pid_started, after.lease_until) == ("new name", 5, 1.5, 9.0)
    assert after.figures == {"a": 1}
    store.runs.update(visitor, run.id, name="  ")
    assert store.runs.get(visitor, run.id).name == "lora"


def test_a_run_is_deleted_with_its_folder_but_not_while_active(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    with pytest.raises(UserError, match="Stop it first"):
        store.runs.delete(visitor, run.id)
    store.runs.transition(visitor, run.id, ["queued"], "stopped")
    store.runs.delete(visitor, run.id)
    assert store.runs.all(visitor) == []
    assert not run.folder.exists()


def test_conversations_are_saved_per_visitor(store: Store, visitor: str, stranger: str) -> None:
    store.save_conversation(visitor, {"turns": ["é"]})
    store.save_conversation(visitor, {"turns": ["é", "ü"]})
    assert store.conversation(visitor) == {"turns": ["é", "ü"]}
    assert store.conversation(stranger) == {}


def test_nothing_of_one_visitor_is_reachable_by_another(store: Store, visitor: str, stranger: str) -> None:
    document = store.add_document(visitor, "a", CONTENT, 1, 1)
    run = add_run(store, visitor)
    attempts = [
        lambda: store.remove_document(stranger, document.id),
        lambda: store.runs.get(stranger, run.id),
        lambda: store.runs.transition(stranger, run.id, ["queued"], "stopped"),
        lambda: store.runs.update(stranger, run.id, name="mine"),
        lambda: store.runs.delete(stranger, run.id),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert store.documents(stranger) == store.runs.all(stranger) == []
    assert store.documents(visitor) == [document]
    assert store.runs.all(visitor) == [run]


def test_an_unknown_visitor_is_refused_everywhere(store: Store, settings: Settings) -> None:
    nobody = "../" + "0" * 29
    attempts = [
        lambda: store.documents(nobody),
        lambda: store.add_document(nobody, "a", CONTENT, 1, 1),
        lambda: add_run(store, nobody),
        lambda: store.runs.all(nobody),
        lambda: store.index_folder(nobody),
        lambda: store.conversation(nobody),
        lambda: store.save_conversation(nobody, {}),
        lambda: store.forget(nobody),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert list((settings.data / "visitors").iterdir()) == []


def test_forget_leaves_nothing_of_this_visitor_and_all_of_others(
    store: Store, settings: Settings, visitor: str, stranger: str
) -> None:
    for each in (visitor, stranger):
        store.add_document(each, "a", CONTENT, 1, 1)
        store.runs.transition(each, add_run(store, each).id, ["queued"], "done")
        store.save_conversation(each, {"a": 1})
    store.forget(visitor)
    for look in (store.documents, store.runs.all, store.conversation):
        with pytest.raises(UserError, match="not found"):
            look(visitor)
    assert not (settings.data / "visitors" / visitor).exists()
    assert len(store.documents(stranger)) == len(store.runs.all(stranger)) == 1
    assert store.conversation(stranger)


def test_forget_waits_for_a_run_at_work(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    store.runs.claim_next()
    with pytest.raises(UserError, match="Stop it first"):
        store.forget(visitor)
    assert store.runs.get(visitor, run.id).folder.exists()


def test_sweep_deletes_the_absent_and_folders_without_a_visitor(
    store: Store, settings: Settings, visitor: str, stranger: str
) -> None:
    store.add_document(visitor, "a", CONTENT, 1, 1)
    orphan = settings.data / "visitors" / "left"
    orphan.mkdir()
    later = time.time() + settings.keep_days * DAY
    assert store.sweep(later - 60) == []
    assert not orphan.exists()
    add_run(store, stranger)
    store.runs.claim_next()
    assert store.sweep(later + 60) == [visitor]
    assert not (settings.data / "visitors" / visitor).exists()
    assert len(store.runs.all(stranger)) == 1


def test_a_failed_change_leaves_the_database_as_it_was(
    store: Store, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError("No space left on device")

    for module in (store_module, runs):
        monkeypatch.setattr(module, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        add_run(store, visitor)
    with pytest.raises(OSError, match="No space"):
        store.add_document(visitor, "a", CONTENT, 1, 1)
    assert store.runs.all(visitor) == store.documents(visitor) == []


def test_each_migration_is_applied_once(
    store: Store, settings: Settings, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def m099_colour(db: sqlite3.Connection) -> None:
        db.execute("ALTER TABLE visitors ADD COLUMN colour TEXT DEFAULT 'blue'")

    monkeypatch.setattr(migrations, "MIGRATIONS", [*migrations.MIGRATIONS, m099_colour])
    for _ in range(2):
        assert Store(settings).documents(visitor) == []


def test_a_database_of_the_first_version_keeps_its_runs(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret()
    with monkeypatch.context() as early:
        early.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        Store(settings)
    visitor = hashlib.sha256(secret.encode()).hexdigest()[:32]
    with closing(sqlite3.connect(settings.data / "playground.db")) as db, db:
        db.execute("INSERT INTO visitors VALUES (?, ?)", (visitor, time.time()))
        db.execute("INSERT INTO runs (id, visitor, name, method) VALUES ('1', ?, 'old', 'lora')", (visitor,))
    store = Store(settings)
    (run,) = store.runs.all(visitor)
    assert store.visitor(secret) == visitor
    assert (run.name, run.kind, run.bundle, run.kept) == ("old", "train", "", False)


def test_a_database_of_before_gets_a_choice_of_embedder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as early:
        early.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        Store(settings)
    visitor, stranger = "a" * 32, "b" * 32
    with closing(sqlite3.connect(settings.data / "playground.db")) as db, db:
        db.executemany("INSERT INTO visitors VALUES (?, 0)", [(visitor,), (stranger,)])
    store = Store(settings)
    store.choose_embedder(visitor, "another")
    assert [store.embedder(each) for each in (visitor, stranger)] == ["another", ""]


def test_what_a_visitor_leaves_out_is_kept_and_is_that_visitors_alone(settings: Settings, store: Store) -> None:
    visitor, stranger = (store.visitor(new_secret()) for _ in range(2))
    assert store.excluded_kinds(visitor) == []
    store.exclude_kinds(visitor, {"email", "broken"})
    assert Store(settings).excluded_kinds(visitor) == ["broken", "email"]
    assert store.excluded_kinds(stranger) == []


def test_seeing_a_visitor_again_within_a_minute_writes_nothing(store: Store, settings: Settings) -> None:
    secret = new_secret()
    visitor = store.visitor(secret)
    with write_lock(settings):
        assert store.visitor(secret) == visitor


def test_a_visitor_seen_again_later_is_kept_from_then_on(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, start = new_secret(), time.time()
    visitor = store.visitor(secret)
    monkeypatch.setattr(time, "time", lambda: start + SEEN_SECONDS + 1)
    store.visitor(secret)
    kept = settings.keep_days * DAY
    assert store.sweep(start + kept + SEEN_SECONDS) == []
    assert store.sweep(start + kept + SEEN_SECONDS + 2) == [visitor]


def test_folders_are_deleted_after_the_write_lock_is_given_back(
    store: Store, settings: Settings, visitor: str, stranger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[bool] = []

    def delete(*_: object, **__: object) -> None:
        with write_lock(settings, timeout=0):
            free.append(True)

    run = add_run(store, visitor)
    store.runs.transition(visitor, run.id, ["queued"], "done")
    store.add_document(visitor, "a", CONTENT, 1, 1)
    store.add_document(stranger, "a", CONTENT, 1, 1)
    monkeypatch.setattr(shutil, "rmtree", delete)
    store.runs.delete(visitor, run.id)
    store.forget(visitor)
    store.sweep(time.time() + (settings.keep_days + 1) * DAY)
    assert len(free) >= 3


def test_files_are_written_before_the_write_lock_is_taken(store: Store, settings: Settings, visitor: str) -> None:
    def fill(folder: Path) -> None:
        with write_lock(settings, timeout=0):
            (folder / "a").write_text("a")

    run = store.runs.add_imported(visitor, "train", "mine", "lora", {"rank": 2}, fill)
    assert (run.folder / "a").read_text() == "a"
    assert (run.state, run.figures) == ("done", {"rank": 2})


def test_what_a_killed_process_left_is_swept_a_day_later(store: Store, settings: Settings) -> None:
    now = time.time()
    old, new = (settings.data / "staging" / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (now - 2 * DAY, now - 2 * DAY))
    store.sweep(now)
    assert not old.exists()
    assert new.exists()


def test_many_threads_write_at_once(store: Store, visitor: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.add_document(visitor, str(number), CONTENT, 1, 1), range(40)))
    assert len(store.documents(visitor)) == 40


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path, seen, done = tmp_path / "file", set(), threading.Event()
    texts = {"a" * 100_000, "b" * 50_000}
    write_text(path, "a" * 100_000)

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        for text in sorted(texts):
            write_text(path, text)
    done.set()
    reader.join()
    assert seen <= texts
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
