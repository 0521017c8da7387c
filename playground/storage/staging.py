"""Where files wait outside the database's write lock: written before they appear, deleted after they are gone."""

import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MAX_AGE_SECONDS = 3_600  # what is older was left by a process that was killed
EARLIER = ".export-*"  # what exports of earlier versions left beside this folder


class Staging:
    """A folder beside the visitors' folders, on the same disk, so a rename into or out of it takes no time."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "staging"

    @contextmanager
    def new_path(self) -> Iterator[Path]:
        """A path for a file or folder to write and then rename into place; what is left there is deleted."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / secrets.token_hex(8)
        try:
            yield path
        finally:
            _delete(path)

    def discard(self, paths: Iterable[Path]) -> None:
        """Take files and folders out of sight at once, then delete them; nothing happens where there is none."""
        with self.new_path() as folder:
            folder.mkdir()
            for path in paths:
                with suppress(FileNotFoundError):
                    path.rename(folder / secrets.token_hex(8))

    def sweep(self, now: float | None = None) -> None:
        """Delete what a killed process left over an hour ago; `now` is in unix seconds."""
        before = (now or time.time()) - MAX_AGE_SECONDS
        for path in [*self._folder.glob("*"), *self._folder.parent.glob(EARLIER)]:
            with suppress(FileNotFoundError):  # deleted meanwhile by its own writer
                if path.stat().st_mtime < before:
                    _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
