"""Reads an uploaded adapter's files into memory, from a zip or one by one. Unpacks nothing to disk.

A pickle runs its author's code when it is loaded, so files that can hold one are refused. Of a zip only the last parts
of the members' names count, and no more bytes are unpacked than are allowed.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from playground.errors import UserError
from retrieval.readers.foreign import DAMAGED_ZIP

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz")
IGNORED = (".md", ".jinja", ".txt", ".gitattributes")  # other files beside an adapter; never read
MOST_FILES = 32


@dataclass(frozen=True)
class _UploadedFile:
    """A file, or a member of a zip, under its last name."""

    name: str
    path: Path
    member: str = ""

    def read(self, limit: int) -> bytes:
        """The bytes, refused beyond `limit` whatever size the zip claims."""
        if self.member:
            data = self._read_member(limit + 1)
        else:
            with self.path.open("rb") as file:
                data = file.read(limit + 1)
        if len(data) > limit:
            raise UserError(
                "This adapter is larger than this host takes. Train one of a smaller rank, or ask the host."
            )
        return data

    def _read_member(self, most: int) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as packed:
                return packed.read(most)
        except DAMAGED_ZIP as fault:
            raise _unreadable(self.path.name) from fault


def read_files(files: Sequence[tuple[str, Path]], max_bytes: int) -> dict[str, bytes]:
    """The .safetensors and .json files by their last names; `files` are pairs of name and path.

    `max_bytes` bounds all of them together, unpacked.

    Raises:
        UserError: a file of another kind, two of one name, too many or too large, or a zip that cannot be read.
    """
    content: dict[str, bytes] = {}
    left = max_bytes
    for file in _list_files(files):
        if not _is_wanted(file.name):
            continue
        if file.name in content:
            raise UserError(f"Two files are called {file.name}. Bring one adapter at a time.")
        content[file.name] = file.read(left)
        left -= len(content[file.name])
    return content


def _is_wanted(name: str) -> bool:
    """Whether the file belongs to an adapter; False for one to ignore."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in PICKLES:
        raise UserError(
            f"{name} is a pickle or can hold one, which may run its author's code when it is read, so it is refused. "
            "Save the adapter as safetensors, and leave such files out."
        )
    if suffix in IGNORED or name in IGNORED:
        return False
    if suffix not in (".safetensors", ".json"):
        raise UserError(f"{name} is neither .safetensors nor .json; nothing else is read. Leave it out.")
    return True


def _list_files(files: Sequence[tuple[str, Path]]) -> list[_UploadedFile]:
    found: list[_UploadedFile] = []
    for name, path in files:
        last_name = PurePosixPath(name).name
        found += _list_members(last_name, path) if name.lower().endswith(".zip") else [_UploadedFile(last_name, path)]
    if len(found) > MOST_FILES:
        raise UserError(f"More than {MOST_FILES} files came, and an adapter has three. Bring only the adapter's files.")
    return found


def _list_members(name: str, path: Path) -> list[_UploadedFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.namelist()[: MOST_FILES + 1] if not each.endswith("/")]
            encrypted = any(each.flag_bits & 1 for each in archive.infolist())
    except DAMAGED_ZIP as fault:
        raise _unreadable(name) from fault
    if encrypted:
        raise UserError("This zip is encrypted. Pack the adapter's folder without a password.")
    return [_UploadedFile(PurePosixPath(each).name, path, each) for each in members]


def _unreadable(name: str) -> UserError:
    return UserError(f"{name} is no readable zip. Pack the adapter's folder again.")
