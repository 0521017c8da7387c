"""What travels of a run's folder: whole folders as they are renamed into place, files that changed, the log's tail."""

import shutil
import threading
from pathlib import Path

import pytest

from playground.jobs.mirror import HERE, apply, collect, grown, unpack, whole


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A run's folder on a node: a checkpoint, a log, and one that is being built."""
    folder = tmp_path / "there"
    for name, text in {
        "events.jsonl": "one\n",
        "config.json": "node's own",
        "lease": "1",
        "worker.log": "node's own",
        "reading.json": "{}",
        "checkpoint/step-000002/state.safetensors": "weights",
        "checkpoint/step-000002/manifest.json": "hashes",
        "checkpoint/.tmp-000004-9/state.safetensors": "half",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The same run's folder on the server, before anything came back."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "events.jsonl").write_text("")
    for name in ("config.json", "worker.log"):
        (folder / name).write_text("server's own")
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_is_whole_comes_back_and_the_servers_own_files_stay(here: Path, there: Path) -> None:
    apply(here, collect(there, {}, {}))
    assert texts(here) == {
        "events.jsonl": "one\n",
        "config.json": "server's own",
        "worker.log": "server's own",
        "reading.json": "{}",
        "checkpoint/step-000002/state.safetensors": "weights",
        "checkpoint/step-000002/manifest.json": "hashes",
    }


def test_only_what_is_new_travels_and_what_is_gone_goes(here: Path, there: Path) -> None:
    first = collect(there, {}, {})
    apply(here, first)
    again = collect(there, grown(here), first.stamps)
    assert (again.tails, again.folders, again.files) == ({}, {}, {})
    (there / "checkpoint" / ".tmp-000004-9").rename(there / "checkpoint" / "step-000004")
    for file in (there / "checkpoint" / "step-000002").iterdir():
        file.unlink()
    (there / "checkpoint" / "step-000002").rmdir()
    with (there / "events.jsonl").open("a") as log:
        log.write("two\n")
    changed = collect(there, grown(here), first.stamps)
    assert changed.tails == {"events.jsonl": b"two\n"}
    assert list(changed.folders) == ["checkpoint/step-000004"]
    apply(here, changed)
    assert (here / "events.jsonl").read_text() == "one\ntwo\n"
    assert {name for name in texts(here) if name.startswith("checkpoint")} == {
        "checkpoint/step-000004/state.safetensors"
    }


def test_a_folder_that_changes_while_it_is_read_comes_the_next_time(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def grows(path: Path) -> bytes:
        content = read(path)
        if path.name == "state.safetensors":
            path.write_bytes(content + b"+")
        return content

    monkeypatch.setattr(Path, "read_bytes", grows)
    found = collect(there, {}, {})
    assert "checkpoint/step-000002" not in found.folders
    monkeypatch.undo()
    assert collect(there, {}, found.stamps).folders["checkpoint/step-000002"]["state.safetensors"] == b"weights+"


def test_another_node_goes_on_from_all_that_came_back(here: Path, there: Path, tmp_path: Path) -> None:
    apply(here, collect(there, {}, {}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "left.txt").write_text("of an earlier run")
    unpack(tmp_path / "other", whole(here))
    log = texts(here).pop("worker.log")
    assert texts(tmp_path / "other") | {"worker.log": log} == texts(here)
    assert set(whole(here)) == {HERE, "checkpoint/step-000002"}


def test_answers_travel_by_their_ends_and_a_line_that_was_cut_is_completed(here: Path, there: Path) -> None:
    (there / "answers.jsonl").write_text('{"a": 1}\n{"b"')
    first = collect(there, grown(here), {})
    apply(here, first)
    with (there / "answers.jsonl").open("a") as file:
        file.write(": 2}\n")
    rest = collect(there, grown(here), first.stamps)
    assert rest.tails == {"answers.jsonl": b": 2}\n"}
    apply(here, rest)
    assert (here / "answers.jsonl").read_text() == '{"a": 1}\n{"b": 2}\n'


def test_what_another_node_was_sent_does_not_come_back(here: Path, there: Path, tmp_path: Path) -> None:
    apply(here, collect(there, {}, {}))
    known = unpack(tmp_path / "other", whole(here))
    back = collect(tmp_path / "other", grown(here), known)
    assert (back.tails, back.folders, back.files) == ({}, {}, {})
    assert back.stamps == known


def test_a_folder_that_goes_while_its_run_is_looked_at_is_passed_over(there: Path) -> None:
    done = threading.Event()

    def build_and_drop() -> None:
        while not done.is_set():
            building = there / "checkpoint" / ".tmp-000006-9" / "part"
            building.mkdir(parents=True)
            shutil.rmtree(building.parent)

    worker = threading.Thread(target=build_and_drop)
    worker.start()
    try:
        seen = {name for _ in range(500) for name in collect(there, {}, {}).folders}
    finally:
        done.set()
        worker.join()
    assert seen == {"checkpoint/step-000002"}
