"""The database's tables as numbered migrations, each applied once; only the storage package uses it."""

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


def _m002_kinds_of_runs(db: sqlite3.Connection) -> None:
    """A run is of a kind, may belong to a group, says how long it takes, and may go on without its page."""
    db.execute("ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'train'")
    db.execute("ALTER TABLE runs ADD COLUMN bundle TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE runs ADD COLUMN expected REAL NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE runs ADD COLUMN kept INT NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE visitors ADD COLUMN served REAL NOT NULL DEFAULT 0")


def _m003_embedder(db: sqlite3.Connection) -> None:
    """A visitor may choose an embedder."""
    db.execute("ALTER TABLE visitors ADD COLUMN embedder TEXT NOT NULL DEFAULT ''")


def _m004_left_out(db: sqlite3.Connection) -> None:
    """A visitor may leave parts of the text out of training."""
    db.execute("ALTER TABLE visitors ADD COLUMN left_out TEXT NOT NULL DEFAULT '[]'")


def _m005_votes(db: sqlite3.Connection) -> None:
    """A blind vote, with both answers and their stamps; gone with its visitor."""
    owner = "visitor TEXT NOT NULL REFERENCES visitors ON DELETE CASCADE"
    sides = ", ".join(f"{side}_{part} TEXT" for part in ("arm", "kind", "name", "answer") for side in ("left", "right"))
    db.execute(
        f"CREATE TABLE votes (id TEXT PRIMARY KEY, {owner}, voted REAL, text TEXT, question TEXT, choice TEXT, {sides},"
        " stamps TEXT)"
    )


def _m006_visits(db: sqlite3.Connection) -> None:
    """A secret outlives the visitor's id: starting over gives a new id, so that work for the old one keeps nothing."""
    db.execute("ALTER TABLE visitors ADD COLUMN secret TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE visitors SET secret = id")
    db.execute("CREATE UNIQUE INDEX visitors_by_secret ON visitors (secret)")


def _m007_base(db: sqlite3.Connection) -> None:
    """A visitor may choose a chat model, and a run belongs to one; empty is the host's own."""
    db.execute("ALTER TABLE visitors ADD COLUMN base TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE runs ADD COLUMN base TEXT NOT NULL DEFAULT ''")


MIGRATIONS: list[Callable[[sqlite3.Connection], None]] = [
    _m001_initial,
    _m002_kinds_of_runs,
    _m003_embedder,
    _m004_left_out,
    _m005_votes,
    _m006_visits,
    _m007_base,
]


def migrate(db: sqlite3.Connection) -> None:
    """Apply, in order and once each, the migrations this database has not seen."""
    db.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied REAL NOT NULL)")
    applied = {row["name"] for row in db.execute("SELECT name FROM migrations")}
    for migration in MIGRATIONS:
        if migration.__name__ not in applied:
            migration(db)
            db.execute("INSERT INTO migrations VALUES (?, ?)", (migration.__name__, time.time()))
