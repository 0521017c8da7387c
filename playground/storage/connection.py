"""The database's connections and transactions, and the paths of visitors' folders; only the storage package uses it."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playground.errors import UserError
from playground.storage.migrations import migrate

WAIT_SECONDS = 30  # for another's write
# In the place of a secret's hash, which is hexadecimal: no browser's secret leads to an owner of prepared things.
PREPARED = "prepared "
IS_PREPARED = f"visitors.secret LIKE '{PREPARED}%'"
LEAST_FREE_BYTES = 1_000_000  # with less the database cannot even open its log


class Database:
    """Opens a connection for each call, so any thread and any forked process may use the same object."""

    def __init__(self, data: Path) -> None:
        """Make the data folder and bring its database up to date."""
        self._file = data / "playground.db"
        self.visitors = data / "visitors"
        self.visitors.mkdir(parents=True, exist_ok=True)
        with self.connect() as db:
            db.execute("PRAGMA journal_mode = WAL")
        with self.write() as db:
            migrate(db)
        # While one connection is open the log stays, so that a full disk, where none can be made, can still be read.
        self._keeper = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._keeper.execute("SELECT count(*) FROM visitors").fetchone()

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection that commits each statement by itself."""
        try:
            with closing(sqlite3.connect(self._file, timeout=WAIT_SECONDS, isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.execute("PRAGMA foreign_keys = ON")
                yield db
        except sqlite3.OperationalError as fault:
            raise self._explained(fault) from fault

    def _explained(self, fault: sqlite3.OperationalError) -> Exception:
        """What a fault of the database means, where it is the disk's or a wait's."""
        words = str(fault)
        if "locked" in words:
            return UserError("The server is busy with others' work, so nothing was changed. Try again in a moment.")
        if "full" in words or shutil.disk_usage(self.visitors).free < LEAST_FREE_BYTES:
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return OSError(errno.EROFS, os.strerror(errno.EROFS)) if "readonly" in words else fault

    @contextmanager
    def read(self, visitor: str) -> Iterator[sqlite3.Connection]:
        """A connection for reading what a visitor owns.

        Raises:
            UserError: there is no such visitor.
        """
        with self.connect() as db:
            check_visitor(db, visitor)
            yield db

    @contextmanager
    def write(self, visitor: str | None = None) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start, so what it reads stays true until it ends.

        All other writers wait for it, so write large files before it. Delete files after it: a full disk may undo it
        at its very end.

        Raises:
            UserError: there is no such visitor.
        """
        with self.connect() as db, db:
            db.execute("BEGIN IMMEDIATE")
            if visitor is not None:
                check_visitor(db, visitor)
            yield db

    def folder(self, visitor: str) -> Path:
        """Where a visitor's files are kept."""
        return self.visitors / visitor


def check_visitor(db: sqlite3.Connection, visitor: str) -> None:
    """Raise UserError for a visitor who was never here or whose work was deleted."""
    if db.execute("SELECT 1 FROM visitors WHERE id = ?", (visitor,)).fetchone() is None:
        raise UserError("This session was not found; its work may have been deleted. Reload the page to begin afresh.")


def owned_row(db: sqlite3.Connection, table: str, visitor: str, id_: str) -> sqlite3.Row:
    """A row of a table by its id; UserError unless it is this visitor's."""
    row = db.execute(f"SELECT * FROM {table} WHERE id = ? AND visitor = ?", (id_, visitor)).fetchone()
    if row is None:
        raise UserError(f"This {table[:-1]} was not found among yours; it may have been deleted. Reload the page.")
    return row


def insert_row(db: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    """Insert one row, given as column -> value."""
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", (*row.values(),))
