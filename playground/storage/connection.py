"""The database's connections and transactions, and what every table shares; only the store uses it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from playground.errors import UserError
from playground.settings import Settings
from playground.storage.migrations import migrate


class Database:
    """Connections live for one call, so any thread and any forked process may use the same one."""

    def __init__(self, settings: Settings) -> None:
        """Make the data folder and bring its database up to date."""
        self._settings = settings
        self._visitors = settings.data / "visitors"
        self._visitors.mkdir(parents=True, exist_ok=True)
        with self._connected() as db:
            db.execute("PRAGMA journal_mode = WAL")
        with self._writing() as db:
            migrate(db)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._settings.data / "playground.db", timeout=30, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            yield db

    @contextmanager
    def _reading(self, visitor: str) -> Iterator[sqlite3.Connection]:
        with self._connected() as db:
            check_visitor(db, visitor)
            yield db

    @contextmanager
    def _writing(self, visitor: str | None = None) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start, so what it reads stays true until it ends."""
        with self._connected() as db, db:
            db.execute("BEGIN IMMEDIATE")
            if visitor is not None:
                check_visitor(db, visitor)
            yield db


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
