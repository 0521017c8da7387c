"""Small helpers for files and callbacks that every package may use; knows nothing of the playground."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

BLOCK_BYTES = 1 << 20
OLD = "-before"  # ends the name of a folder that is being replaced
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # the disk, the user's quota on it, or a disk that turned read-only
_PASSED_ON = re.compile(r"\(os error (\d+)\)$")  # ends what libraries in Rust say of an error of the system
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file atomically: a reader sees the old text or the new one, never a part."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def swap_in(draft: Path, final: Path) -> None:
    """Put a folder whose files are synced in another's place.

    After a crash between the two renames the old folder is beside it, where `recover` finds it.
    """
    old = _old_folder(final)
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    draft.rename(final)
    sync(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def recover(final: Path) -> None:
    """Undo a `swap_in` that a crash interrupted."""
    old = _old_folder(final)
    if old.exists() and not final.exists():
        old.rename(final)


def recover_all(folder: Path) -> None:
    """Undo every interrupted `swap_in` in a folder."""
    for old in folder.glob(_old_folder(Path("*")).name):
        recover(folder / old.name[1:].removesuffix(OLD))


def sha256(paths: Iterable[Path]) -> str:
    """SHA-256 in hex of the files' contents, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()


def _old_folder(final: Path) -> Path:
    return final.with_name(f".{final.name}{OLD}")


def spreadsheet_cell(text: str) -> str:
    """The text behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def is_full(fault: BaseException) -> bool:
    """Whether a fault says that the disk has no room, or comes of one that does.

    Also one that is no OSError: safetensors raises its own, which only names the system's code.
    """
    passed_on = _PASSED_ON.search(str(fault))
    own = fault.errno in FULL if isinstance(fault, OSError) else passed_on is not None and int(passed_on[1]) in FULL
    return own or (fault.__cause__ is not None and is_full(fault.__cause__))


def never() -> bool:
    """The stop condition of work that nobody stops."""
    return False
