"""The database's tables, as steps that are applied in order and once each; a new table or column is a new step."""

import sqlite3
import time
from collections.abc import Callable


def _m001_initial(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE visitors (id TEXT PRIMARY KEY, seen REAL NOT NULL)")
    owner = "visitor TEXT NOT NULL REFERENCES visitors ON DELETE CASCADE"
    db.execute(f"CREATE TABLE documents (id TEXT PRIMARY KEY, {owner}, name TEXT, bytes INT, chars INT, digest TEXT)")
    db.execute(
        f"CREATE TABLE runs (id TEXT PRIMARY KEY, {owner}, name TEXT, method TEXT, state TEXT DEFAULT 'queued',"
        " pid INT, pid_started REAL, created REAL, queued REAL, lease_until REAL, error TEXT DEFAULT '',"
        " figures TEXT DEFAULT '{}')"
    )
    db.execute(f"CREATE TABLE conversations ({owner} PRIMARY KEY, content TEXT NOT NULL)")


def _m002_votes(db: sqlite3.Connection) -> None:
    owner = "visitor TEXT NOT NULL REFERENCES visitors ON DELETE CASCADE"
    sides = ", ".join(f"{side}_{part} TEXT" for part in ("arm", "kind", "name", "answer") for side in ("left", "right"))
    db.execute(
        f"CREATE TABLE votes (id TEXT PRIMARY KEY, {owner}, voted REAL, text TEXT, question TEXT, choice TEXT, {sides},"
        " stamps TEXT)"
    )


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [_m001_initial, _m002_votes]


def migrate(db: sqlite3.Connection) -> None:
    """Apply, in order and once each, the migrations this database has not seen."""
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied REAL NOT NULL)")
    applied = {row["name"] for row in db.execute("SELECT name FROM migrations")}
    for migration in MIGRATIONS:
        if migration.__name__ not in applied:
            migration(db)
            db.execute("INSERT INTO migrations VALUES (?, ?)", (migration.__name__, time.time()))
