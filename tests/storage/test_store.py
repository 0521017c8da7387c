"""What the store keeps, and what it refuses to show, change or leave behind."""

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
from playground.storage.store import DAY, RunRow, Store, clean_name, new_secret

CONTENT = {"name": "a.txt", "text": "A text."}


@pytest.fixture
def visitor(store: Store) -> str:
    return store.visitor(new_secret())


@pytest.fixture
def stranger(store: Store) -> str:
    return store.visitor(new_secret())


def add_run(store: Store, visitor: str, name: str = "a run") -> RunRow:
    return store.add_run(visitor, "train", name, "lora", {"config.json": "{}"}, lease_until=time.time() + 60)


def test_a_secret_always_gives_the_same_visitor_and_is_not_kept(store: Store, settings: Settings) -> None:
    secret = new_secret()
    assert store.visitor(secret) == store.visitor(secret) != store.visitor(new_secret())
    assert all(secret.encode() not in path.read_bytes() for path in settings.data.rglob("*") if path.is_file())


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
    assert store.runs(visitor) == [run]
    assert store.active_runs() == [run]


def test_a_run_is_claimed_once(store: Store, visitor: str, stranger: str) -> None:
    first, second = add_run(store, visitor), add_run(store, stranger)
    with ThreadPoolExecutor(4) as pool:
        claimed = [row.id for row in pool.map(lambda _: store.claim_run(), range(4)) if row]
    assert sorted(claimed) == sorted([first.id, second.id])
    assert store.run(visitor, first.id).state == "running"


def test_the_first_run_of_the_queue_is_claimed_first(store: Store, visitor: str, stranger: str) -> None:
    first, second = add_run(store, visitor), add_run(store, stranger)
    store.move_run(visitor, first.id, ["queued"], "stopped")
    store.change_run(visitor, first.id, queued=time.time())
    store.move_run(visitor, first.id, ["stopped"], "queued")
    claimed = store.claim_run()
    assert claimed
    assert claimed.id == second.id


def test_a_state_changes_only_from_where_it_was_expected(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    assert not store.move_run(visitor, run.id, ["running"], "stopping")
    assert store.move_run(visitor, run.id, ["queued"], "failed", "why")
    after = store.run(visitor, run.id)
    assert (after.state, after.error) == ("failed", "why")


def test_a_run_is_renamed_and_changed(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    store.change_run(visitor, run.id, name=" new\nname ", pid=5, pid_started=1.5, lease_until=9.0, figures='{"a": 1}')
    after = store.run(visitor, run.id)
    assert (after.name, after.pid, after.pid_started, after.lease_until) == ("new name", 5, 1.5, 9.0)
    assert after.figures == {"a": 1}
    store.change_run(visitor, run.id, name="  ")
    assert store.run(visitor, run.id).name == "lora"


def test_a_run_is_deleted_with_its_folder_but_not_while_active(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    with pytest.raises(UserError, match="Stop it first"):
        store.delete_run(visitor, run.id)
    store.move_run(visitor, run.id, ["queued"], "stopped")
    store.delete_run(visitor, run.id)
    assert store.runs(visitor) == []
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
        lambda: store.run(stranger, run.id),
        lambda: store.move_run(stranger, run.id, ["queued"], "stopped"),
        lambda: store.change_run(stranger, run.id, name="mine"),
        lambda: store.delete_run(stranger, run.id),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert store.documents(stranger) == store.runs(stranger) == []
    assert store.documents(visitor) == [document]
    assert store.runs(visitor) == [run]


def test_an_unknown_visitor_is_refused_everywhere(store: Store, settings: Settings) -> None:
    nobody = "../" + "0" * 29
    attempts = [
        lambda: store.documents(nobody),
        lambda: store.add_document(nobody, "a", CONTENT, 1, 1),
        lambda: add_run(store, nobody),
        lambda: store.runs(nobody),
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
        store.move_run(each, add_run(store, each).id, ["queued"], "done")
        store.save_conversation(each, {"a": 1})
    store.forget(visitor)
    assert store.documents(visitor) == store.runs(visitor) == []
    assert store.conversation(visitor) == {}
    assert not (settings.data / "visitors" / visitor).exists()
    assert len(store.documents(stranger)) == len(store.runs(stranger)) == 1
    assert store.conversation(stranger)


def test_forget_waits_for_a_run_at_work(store: Store, visitor: str) -> None:
    run = add_run(store, visitor)
    store.claim_run()
    with pytest.raises(UserError, match="Stop it first"):
        store.forget(visitor)
    assert store.run(visitor, run.id).folder.exists()


def test_sweep_deletes_the_absent_and_folders_without_a_visitor(
    store: Store, settings: Settings, visitor: str, stranger: str
) -> None:
    store.add_document(visitor, "a", CONTENT, 1, 1)
    orphan = settings.data / "visitors" / "left"
    orphan.mkdir()
    later = time.time() + settings.keep_days * DAY
    assert store.sweep(later - 60) == 0
    assert not orphan.exists()
    add_run(store, stranger)
    store.claim_run()
    assert store.sweep(later + 60) == 1
    assert not (settings.data / "visitors" / visitor).exists()
    assert len(store.runs(stranger)) == 1


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
    assert store.runs(visitor) == store.documents(visitor) == []


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
        old = Store(settings)
    visitor = old.visitor(secret)
    with closing(sqlite3.connect(settings.data / "playground.db")) as db, db:
        db.execute("INSERT INTO runs (id, visitor, name, method) VALUES ('1', ?, 'old', 'lora')", (visitor,))
    (run,) = Store(settings).runs(visitor)
    assert (run.name, run.kind, run.bundle, run.kept) == ("old", "train", "", False)


def test_a_database_of_before_gets_a_choice_of_embedder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as early:
        early.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        visitor, stranger = (Store(settings).visitor(new_secret()) for _ in range(2))
    store = Store(settings)
    store.choose_embedder(visitor, "another")
    assert [store.embedder(each) for each in (visitor, stranger)] == ["another", ""]
    store.forget(visitor)
    assert store.embedder(visitor) == ""


def test_what_a_visitor_leaves_out_is_kept_and_is_that_visitors_alone(settings: Settings, store: Store) -> None:
    visitor, stranger = (store.visitor(new_secret()) for _ in range(2))
    assert store.left_out(visitor) == []
    store.leave_out(visitor, {"email", "broken"})
    assert Store(settings).left_out(visitor) == ["broken", "email"]
    assert store.left_out(stranger) == []
    store.forget(visitor)
    assert store.left_out(visitor) == []


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
