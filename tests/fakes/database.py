"""Another process that writes to the database of a store."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from playground.settings import Settings


@contextmanager
def write_lock(settings: Settings, timeout: float = 30) -> Iterator[None]:
    """Hold the database's write lock; fails where another holds it for `timeout` seconds."""
    with closing(sqlite3.connect(settings.data / "playground.db", timeout=timeout, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")
