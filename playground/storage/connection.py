"""The database's connections and transactions, and the paths of visitors' folders; only the storage package uses it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playground.errors import UserError
from playground.storage.migrations import migrate


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

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """A connection that commits each statement by itself."""
        with closing(sqlite3.connect(self._file, timeout=30, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            yield db

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

        All other writers wait for it: write large files before it, and delete folders after it.

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
