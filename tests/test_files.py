"""Folders are replaced whole, also after a crash in the middle."""

from hashlib import sha256
from pathlib import Path

import pytest
from safetensors import SafetensorError

from playground import files


def test_a_folder_that_was_being_replaced_is_found_again(tmp_path: Path) -> None:
    for name in ("draft", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "final").rename(tmp_path / ".final-before")
    files.recover(tmp_path / "final")
    assert (tmp_path / "final/file").read_text() == "final"
    files.swap_in(tmp_path / "draft", tmp_path / "final")
    assert (tmp_path / "final/file").read_text() == "draft"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_every_interrupted_swap_in_a_folder_is_undone(tmp_path: Path) -> None:
    for name in (".one-before", ".two-before", "two", ".three-draft"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    files.recover_all(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".three-draft", ".two-before", "one", "two"]
    assert (tmp_path / "one/file").read_text() == ".one-before"
    assert (tmp_path / "two/file").read_text() == "two"


def test_a_hash_is_that_of_the_contents_in_order(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(path.name.encode() * files.BLOCK_BYTES)
    assert files.sha256(paths) == sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


@pytest.mark.parametrize(("code", "full"), [(28, True), (122, True), (30, True), (2, False), (282, False)])
def test_a_full_disk_is_known_by_the_code_that_a_library_in_rust_passes_on(code: int, full: bool) -> None:
    assert files.is_full(SafetensorError(f"Error while serializing: I/O error: as it is (os error {code})")) is full
    assert not files.is_full(SafetensorError(f"Error while deserializing: {code}"))
