"""Files between browsers and services: a visitor's own alone, each in a folder of its own, and swept."""

import os
import threading
from pathlib import Path

import pytest

from playground.errors import UserError
from playground.storage.exchange import DOWNLOADS, HELD, KEPT_SECONDS, UPLOADS, Exchange

ANN, BEN = "a" * 32, "b" * 32


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange(tmp_path)


def bring(exchange: Exchange, visitor: str, kind: str = UPLOADS, content: str = "x" * 10) -> Path:
    file = exchange.new_folder(visitor, kind) / "a.txt"
    file.write_text(content)
    return file


def test_an_upload_is_its_visitors_alone(exchange: Exchange) -> None:
    file = bring(exchange, ANN)
    assert exchange.owner(file) == ANN
    assert exchange.take(ANN, file) == file
    with pytest.raises(UserError, match="not here any more"):
        exchange.take(BEN, file)


@pytest.mark.parametrize(
    "way",
    [
        "/etc/passwd",
        "{own}/../../../{ben}/uploads/t/a.txt",
        "{folder}/a.txt",
        "\0",
        "a" * 5_000,
    ],
)
def test_no_other_path_is_anybodys(exchange: Exchange, way: str) -> None:
    own = exchange.new_folder(ANN, UPLOADS)
    path = Path(way.format(own=own, folder=exchange.folder, ben=BEN))
    assert exchange.owner(path) != ANN
    with pytest.raises(UserError):
        exchange.take(ANN, path)


def test_a_link_out_of_the_folder_is_nobodys(exchange: Exchange, tmp_path: Path) -> None:
    link = exchange.new_folder(ANN, UPLOADS) / "a.txt"
    link.symlink_to("/etc/passwd")
    assert exchange.owner(link) is None


def test_a_held_file_stays_countable_and_is_dropped_with_its_folder(exchange: Exchange) -> None:
    held = exchange.hold(bring(exchange, ANN))
    assert (held.read_text(), exchange.brought_bytes(ANN), exchange.brought_bytes()) == ("x" * 10, 10, 10)
    exchange.drop(held)
    assert exchange.brought_bytes() == 0
    assert not held.parent.exists()


def test_dropping_a_file_elsewhere_deletes_nothing(exchange: Exchange, tmp_path: Path) -> None:
    other = tmp_path / "example.txt"
    other.write_text("shipped")
    assert exchange.hold(other) == other
    exchange.drop(other)
    assert other.read_text() == "shipped"


def test_counting_and_sweeping_pass_over_what_is_deleted_meanwhile(exchange: Exchange) -> None:
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            exchange.drop(bring(exchange, ANN))
            exchange.forget(ANN)

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        counted = {exchange.brought_bytes() for _ in range(3_000)}
        for _ in range(1_000):
            exchange.sweep()
    finally:
        done.set()
        other.join()
    assert counted <= {0, 10}


def test_downloads_do_not_count_as_brought(exchange: Exchange) -> None:
    bring(exchange, ANN, DOWNLOADS)
    assert exchange.brought_bytes(ANN) == 0


@pytest.mark.parametrize("kind", [UPLOADS, HELD, DOWNLOADS])
def test_what_is_not_used_in_time_is_swept(exchange: Exchange, kind: str) -> None:
    old, new = bring(exchange, ANN, kind), bring(exchange, ANN, kind)
    now = old.parent.stat().st_mtime
    os.utime(old.parent, (now - KEPT_SECONDS[kind] - 1,) * 2)
    exchange.sweep(now)
    assert (old.exists(), new.exists()) == (False, True)


def test_empty_files_that_gradio_leaves_are_swept(exchange: Exchange) -> None:
    stray = exchange.folder / "tmp123"
    stray.touch()
    exchange.sweep(stray.stat().st_mtime + 601)
    assert list(exchange.folder.iterdir()) == []


def test_whoever_starts_over_leaves_no_file(exchange: Exchange) -> None:
    files = [bring(exchange, ANN, kind) for kind in KEPT_SECONDS]
    others = bring(exchange, BEN)
    exchange.forget(ANN)
    assert not any(file.exists() for file in files)
    assert others.exists()


def test_a_folder_stays_only_if_it_was_filled(exchange: Exchange) -> None:
    def fill(name: str, fault: str = "") -> Path:
        with exchange.filled_folder(ANN, DOWNLOADS) as folder:
            if name:
                (folder / name).write_text("x")
            if fault:
                raise UserError(fault)
        return folder

    assert fill("a.txt").exists()
    assert not fill("").exists()
    with pytest.raises(UserError, match="no room"):
        fill("half.zip", "no room")
    assert len(list(exchange.folder.glob(f"{ANN}/*/*"))) == 1
