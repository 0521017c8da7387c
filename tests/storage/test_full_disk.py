"""A disk without room: what was kept can still be read, and what cannot be written is said to be the disk's."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from playground.errors import UserError
from playground.files import is_full
from playground.jobs.queue import JobQueue
from playground.services.library import Library
from playground.services.visitors import Visitors
from playground.settings import Settings
from playground.storage import connection
from playground.storage.run_folder import read_documents
from playground.storage.store import Store, new_secret
from tests.fakes.database import write_lock
from tests.fakes.runs import TEXT, config

SMALL_MB = 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes; needs the right to mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_MB}m", "tmpfs", str(disk)]
    if os.name != "posix" or not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Use up the disk's last byte."""
    file = disk / "filler"
    with file.open("wb", buffering=0) as out, suppress(OSError):
        while out.write(bytes(4096)):
            pass
    assert shutil.disk_usage(disk).free == 0
    return file


def test_on_a_full_disk_everything_is_read_and_nothing_lost(small_disk: Path, settings: Settings) -> None:
    store = Store(Settings(data=small_disk / "data", chat_model=settings.chat_model))
    visitors, secret = Visitors(store, []), new_secret()
    visitor = visitors.identify(secret)
    jobs, library = JobQueue(store, Settings(data=small_disk / "data")), Library(store, settings)
    run = jobs.submit(visitor, config(), TEXT)
    store.save_conversation(visitor, {"base": ["kept"]})
    filler = fill(small_disk)
    assert visitors.identify(secret) == visitor
    assert store.conversation(visitor) == {"base": ["kept"]}
    assert jobs.snapshot(visitor, run).state == "queued"
    with pytest.raises(UserError, match="disk is full"):
        visitors.identify(new_secret())
    for write in (
        lambda: store.save_conversation(visitor, {"base": ["x" * 100_000]}),
        lambda: library.add_text(visitor, "Some words."),
    ):
        with pytest.raises(OSError, match="No space") as fault:
            write()
        assert is_full(fault.value)
    filler.unlink()
    assert store.conversation(visitor) == {"base": ["kept"]}
    store.save_conversation(visitor, {"base": ["new"]})
    assert store.conversation(visitor) == {"base": ["new"]}


def test_what_a_full_disk_does_not_let_go_is_all_there(small_disk: Path, settings: Settings) -> None:
    store = Store(Settings(data=small_disk / "data"))
    visitor = store.visitor(new_secret())
    jobs, library = JobQueue(store, Settings(data=small_disk / "data")), Library(store, settings)
    (document,) = library.add_text(visitor, "Some words.").documents
    run = jobs.submit(visitor, config(), TEXT)
    jobs.stop(visitor, run)
    filler = fill(small_disk)
    deletions: list[Callable[[], None]] = [
        lambda: library.remove(visitor, document.id),
        lambda: jobs.delete(visitor, run),
        lambda: store.forget(visitor),
    ]
    for delete in deletions:
        with pytest.raises(OSError, match="No space"):
            delete()
        assert library.documents(visitor)[0].text == "Some words."
        assert read_documents(store.runs.get(visitor, run).folder) == TEXT
    filler.unlink()
    for delete in deletions:
        delete()
    assert not list((small_disk / "data" / "visitors").iterdir())


def test_a_database_that_another_holds_too_long_is_busy(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.05)
    visitor = store.visitor(new_secret())
    with write_lock(settings), pytest.raises(UserError, match="busy with others' work"):
        store.save_conversation(visitor, {})
