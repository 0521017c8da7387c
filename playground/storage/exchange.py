"""Files on their way between browsers and services, a folder a visitor: uploads not read yet, and downloads.

Every file lies in a folder of its own, so that two visitors who bring the same file never share one.
"""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playground.errors import UserError

UPLOADS, HELD, DOWNLOADS = "uploads", "held", "downloads"  # not read yet; waits for a visitor's choice; to be fetched
LINKS = "links"  # to be fetched by whoever holds the address: a program, which has no cookie
KEPT_SECONDS = {UPLOADS: 1_800, HELD: 3_600, DOWNLOADS: 3_600, LINKS: 3_600}
UNCLAIMED = "unclaimed"  # in place of a visitor: uploads of programs, until one names its file by the path it was told
BROUGHT = (UPLOADS, HELD)
STRAY_SECONDS = 600  # how long a file may lie outside all visitors' folders


class Exchange:
    """The folder that the page serves files from and takes them into; what is not used in time is swept."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "exchange"
        self.folder.mkdir(parents=True, exist_ok=True)

    def owner(self, path: Path) -> str | None:
        """The visitor in whose folder this path lies, if it lies in any."""
        place = self._place(path)
        return place[0] if place else None

    def is_link(self, path: Path) -> bool:
        """Whether this file may be fetched by whoever knows its path."""
        place = self._place(path)
        return bool(place) and place[1] == LINKS

    def _place(self, path: Path) -> tuple[str, ...]:
        """The visitor, the kind, the folder and the file that a path names; empty where it lies elsewhere."""
        try:
            parts = path.resolve().relative_to(self.folder.resolve()).parts
        except (OSError, ValueError):
            return ()
        return parts if len(parts) > 3 and parts[1] in KEPT_SECONDS else ()

    def new_folder(self, visitor: str, kind: str) -> Path:
        """A new folder for one upload or download; nobody can guess its name."""
        folder = self.folder / visitor / kind / secrets.token_urlsafe(32)
        folder.mkdir(parents=True)
        return folder

    @contextmanager
    def filled_folder(self, visitor: str, kind: str) -> Iterator[Path]:
        """A new folder to fill; it is deleted where that fails, or nothing was put into it."""
        folder = self.new_folder(visitor, kind)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with suppress(OSError):  # not empty
            folder.rmdir()

    def take(self, visitor: str, path: str | Path) -> Path:
        """The path of a file that this visitor uploaded.

        Raises:
            UserError: it is none of theirs, or was swept.
        """
        file = Path(path)
        if self.owner(file) != visitor or not file.is_file():
            raise UserError(f"The upload {file.name[:60]!r} is not here any more. Add the file again.")
        return file

    def claim(self, visitor: str, path: str | Path) -> Path:
        """`take`, also of a file that was uploaded without a cookie: only its uploader was told where it lies."""
        file = Path(path)
        return self.take(UNCLAIMED if self.owner(file) == UNCLAIMED else visitor, file)

    def hold(self, path: Path) -> Path:
        """Let an upload wait for a choice of its visitor; where it lies then."""
        visitor = self.owner(path)
        if visitor is None:
            return path
        held = path.rename(self.new_folder(visitor, HELD) / path.name)
        self.drop(path)
        return held

    def drop(self, path: Path) -> None:
        """Delete a file of a visitor with the folder that was made for it; a file elsewhere stays."""
        if self.owner(path):
            visitor, kind, folder, *_ = path.resolve().relative_to(self.folder.resolve()).parts
            shutil.rmtree(self.folder / visitor / kind / folder, ignore_errors=True)

    def brought_bytes(self, visitor: str = "*") -> int:
        """The bytes that a visitor uploaded and no service has taken yet; of all visitors without a name."""
        folders = [folder for kind in BROUGHT for folder in self.folder.glob(f"{visitor}/{kind}")]
        # Unlike a glob, a walk passes over folders that others delete meanwhile.
        return sum(_size(Path(at, name)) for folder in folders for at, _, names in os.walk(folder) for name in names)

    def forget(self, visitor: str) -> None:
        """Delete all files of a visitor."""
        shutil.rmtree(self.folder / visitor, ignore_errors=True)

    def sweep(self, now: float | None = None) -> None:
        """Delete what nobody used in time; `now` is in unix seconds."""
        now = now or time.time()
        for path, seconds in self._swept():
            with suppress(FileNotFoundError):  # taken meanwhile
                if path.stat().st_mtime < now - seconds:
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
        visitors = _entries(self.folder)
        for folder in [*(kind for visitor in visitors for kind in _entries(visitor)), *visitors]:
            with suppress(OSError):  # not empty
                folder.rmdir()

    def _swept(self) -> Iterator[tuple[Path, int]]:
        visitors = _entries(self.folder)
        inside = [each for visitor in visitors for each in _entries(visitor)]
        for kind in (each for each in inside if each.name in KEPT_SECONDS):
            yield from ((folder, KEPT_SECONDS[kind.name]) for folder in _entries(kind))
        # Gradio leaves an empty file for each upload that it hands over, and what an assistant sent as a data address.
        yield from ((path, STRAY_SECONDS) for path in (*visitors, *inside) if path.is_file())


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where it is none, or was deleted meanwhile."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
