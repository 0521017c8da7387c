"""Where everything of a visitor is kept: the only file that knows paths and reads or writes; knows no model or page.

A visitor is known by a secret that only their browser holds; its hash is the visitor's id.
"""

import hashlib
import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.schema import migrate
from playground.settings import Settings
from playground.tables import NAME_CHARS, DocumentRow, RunRow, VoteRow, clean_name

__all__ = ["NAME_CHARS", "DocumentRow", "RunRow", "Store", "VoteRow", "clean_name", "new_secret", "write_text"]

DAY = 86_400
SECRET_CHARS = 32
ACTIVE = ("queued", "running", "stopping")
AT_WORK = "state IN ('running', 'stopping')"


def new_secret() -> str:
    """What a new visitor's browser keeps in its cookie."""
    return secrets.token_urlsafe(32)


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new one, never a part."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


class Store:
    """Visitors, their documents, runs and conversation. Every method refuses, with a UserError, what is another's.

    A connection lives for one call, so any thread and any forked process may use the same Store.
    """

    def __init__(self, settings: Settings) -> None:
        """Make the data folder and bring its database up to date."""
        self._settings = settings
        self._visitors = settings.data / "visitors"
        self._visitors.mkdir(parents=True, exist_ok=True)
        with self._connected() as db:
            db.execute("PRAGMA journal_mode = WAL")
        with self._writing() as db:
            migrate(db)

    def visitor(self, secret: str) -> str:
        """The id that belongs to a secret; a new visitor is made, a known one is marked as seen now."""
        if len(secret) < SECRET_CHARS:
            raise UserError("This browser's session was not recognised. Reload the page to begin a new one.")
        visitor = hashlib.sha256(secret.encode()).hexdigest()[:32]
        seen = "INSERT INTO visitors (id, seen) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen"
        with self._writing() as db:
            db.execute(seen, (visitor, time.time()))
        return visitor

    def forget(self, visitor: str) -> None:
        """Delete everything of a visitor, who may go on afresh; refused while a run of theirs is at work."""
        with self._writing(visitor) as db:
            if db.execute(f"SELECT 1 FROM runs WHERE visitor = ? AND {AT_WORK}", (visitor,)).fetchone():
                raise UserError("A run of yours is still training. Stop it first, then start over.")
            db.execute("DELETE FROM visitors WHERE id = ?", (visitor,))
            db.execute("INSERT INTO visitors (id, seen) VALUES (?, ?)", (visitor, time.time()))
            shutil.rmtree(self._visitors / visitor, ignore_errors=True)

    def sweep(self, now: float) -> int:
        """Delete visitors last seen over `keep_days` before `now`, and folders without a visitor; returns how many."""
        with self._writing() as db:
            query = f"DELETE FROM visitors WHERE seen < ? AND id NOT IN (SELECT visitor FROM runs WHERE {AT_WORK})"
            gone = db.execute(query, (now - self._settings.keep_days * DAY,)).rowcount
            known = {row["id"] for row in db.execute("SELECT id FROM visitors")}
            for folder in self._visitors.iterdir():
                if folder.name not in known:
                    shutil.rmtree(folder, ignore_errors=True)
        return gone

    def add_document(self, visitor: str, name: str, content: Mapping[str, Any], size: int, chars: int) -> DocumentRow:
        """Keep a document's JSON form. `size` is the upload in bytes."""
        with self._writing(visitor) as db:
            document = secrets.token_hex(8)
            path = self._document_path(visitor, document)
            row = DocumentRow(document, visitor, clean_name(name, "text"), size, chars, digest(content), path)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(content, ensure_ascii=False))
            db.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", astuple(row)[:-1])
        return row

    def documents(self, visitor: str) -> list[DocumentRow]:
        """A visitor's documents, oldest first."""
        with self._reading(visitor) as db:
            rows = db.execute("SELECT * FROM documents WHERE visitor = ? ORDER BY rowid", (visitor,)).fetchall()
        return [DocumentRow(**row, path=self._document_path(visitor, row["id"])) for row in rows]

    def remove_document(self, visitor: str, document: str) -> None:
        """Delete one document."""
        with self._writing(visitor) as db:
            _owned(db, "documents", visitor, document)
            db.execute("DELETE FROM documents WHERE id = ?", (document,))
            self._document_path(visitor, document).unlink(missing_ok=True)

    def left_out(self, visitor: str) -> list[str]:
        """The kinds of findings that a visitor leaves out of training."""
        with self._reading(visitor) as db:
            row = db.execute("SELECT left_out FROM visitors WHERE id = ?", (visitor,)).fetchone()
        return list(json.loads(row["left_out"]))

    def leave_out(self, visitor: str, kinds: Collection[str]) -> None:
        """Keep which kinds a visitor leaves out, in place of those before."""
        with self._writing(visitor) as db:
            db.execute("UPDATE visitors SET left_out = ? WHERE id = ?", (json.dumps(sorted(kinds)), visitor))

    def index_folder(self, visitor: str) -> Path:
        """Where a visitor's search indexes are kept."""
        with self._reading(visitor):
            return self._visitors / visitor / "indexes"

    def exam_folder(self, visitor: str) -> Path:
        """Where the exam that a visitor draws up is kept until it begins."""
        with self._reading(visitor):
            return self._visitors / visitor / "exam"

    def add_run(
        self, visitor: str, kind: str, name: str, method: str, lease_until: float, files: Mapping[str, str]
    ) -> RunRow:
        """Queue a run whose folder holds `files` (name -> text). The row comes last, so a queued run is whole."""
        with self._writing(visitor) as db:
            run, now = secrets.token_hex(8), time.time()
            folder = self._visitors / visitor / "runs" / run
            folder.mkdir(parents=True)
            for file, text in files.items():
                write_text(folder / file, text)
            columns = "id, visitor, kind, name, method, created, queued, lease_until"
            values = (run, visitor, kind, clean_name(name, method), method, now, now, lease_until)
            db.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return self.run(visitor, run)

    def add_brought_run(
        self, visitor: str, kind: str, name: str, method: str, figures: Mapping[str, Any], fill: Callable[[Path], None]
    ) -> RunRow:
        """Keep an adapter that was trained elsewhere as a run that is done; `fill` makes its folder, or raises."""
        run, now = secrets.token_hex(8), time.time()
        with self._reading(visitor):
            folder = self._visitors / visitor / "runs" / run
        folder.mkdir(parents=True)
        try:
            fill(folder)
            with self._writing(visitor) as db:
                told = (run, visitor, kind, clean_name(name, method), method, "done", json.dumps(figures))
                columns = "id, visitor, kind, name, method, state, figures, created, queued, lease_until"
                db.execute(
                    f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*told, now, now, now)
                )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self.run(visitor, run)

    def run(self, visitor: str, run: str) -> RunRow:
        """One run of a visitor."""
        with self._reading(visitor) as db:
            return self._run_row(_owned(db, "runs", visitor, run))

    def runs(self, visitor: str, kind: str = "train") -> list[RunRow]:
        """A visitor's runs of a kind, oldest first."""
        query = "SELECT * FROM runs WHERE visitor = ? AND kind = ? ORDER BY created, rowid"
        with self._reading(visitor) as db:
            rows = db.execute(query, (visitor, kind)).fetchall()
        return [self._run_row(row) for row in rows]

    def active_runs(self) -> list[RunRow]:
        """Runs of all visitors that wait or work, in the order of the queue; for the supervisor, never for a page."""
        with self._connected() as db:
            rows = db.execute(f"SELECT * FROM runs WHERE state IN {ACTIVE} ORDER BY queued, rowid").fetchall()
        return [self._run_row(row) for row in rows]

    def claim_run(self) -> RunRow | None:
        """Mark the first run of the queue as running and return it; None when nothing waits."""
        with self._writing() as db:
            row = db.execute("SELECT * FROM runs WHERE state = 'queued' ORDER BY queued, rowid LIMIT 1").fetchone()
            if row:
                db.execute("UPDATE runs SET state = 'running', pid = NULL WHERE id = ?", (row["id"],))
        return self.run(row["visitor"], row["id"]) if row else None

    def move_run(self, visitor: str, run: str, states: Sequence[str], to: str, error: str = "") -> bool:
        """Change a run's state if it is in one of `states`, else return False."""
        with self._writing(visitor) as db:
            row = _owned(db, "runs", visitor, run)
            if row["state"] not in states:
                return False
            db.execute("UPDATE runs SET state = ?, error = ? WHERE id = ?", (to, error, run))
        return True

    def change_run(self, visitor: str, run: str, **columns: str | int | float) -> None:
        """Set columns of a run: name (if blank: the method), pid, pid_started, queued, lease_until, figures (JSON)."""
        with self._writing(visitor) as db:
            row = _owned(db, "runs", visitor, run)
            if "name" in columns:
                columns["name"] = clean_name(str(columns["name"]), row["method"])
            for column, value in columns.items():
                db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run))

    def delete_run(self, visitor: str, run: str) -> None:
        """Delete a run and its folder; refused while it waits or works."""
        with self._writing(visitor) as db:
            row = _owned(db, "runs", visitor, run)
            if row["state"] in ACTIVE:
                raise UserError(f"The run {row['name']!r} is {row['state']}. Stop it first, then delete it.")
            db.execute("DELETE FROM runs WHERE id = ?", (run,))
            shutil.rmtree(self._visitors / visitor / "runs" / run, ignore_errors=True)

    def save_conversation(self, visitor: str, conversation: Mapping[str, Any]) -> None:
        """Keep a visitor's one conversation, in the page's own form."""
        with self._writing(visitor) as db:
            db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?)", (visitor, json.dumps(conversation)))

    def conversation(self, visitor: str) -> dict[str, Any]:
        """A visitor's saved conversation; empty when none was saved."""
        with self._reading(visitor) as db:
            row = db.execute("SELECT content FROM conversations WHERE visitor = ?", (visitor,)).fetchone()
        return json.loads(row["content"]) if row else {}

    def add_vote(self, visitor: str, content: Mapping[str, Any]) -> None:
        """Keep one vote: the fields of a VoteRow but id, visitor and time."""
        with self._writing(visitor) as db:
            row = {"id": secrets.token_hex(8), "visitor": visitor, "voted": time.time(), **content}
            row["stamps"] = json.dumps(row["stamps"])
            db.execute(f"INSERT INTO votes ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", (*row.values(),))

    def votes(self, visitor: str) -> list[VoteRow]:
        """A visitor's votes, oldest first."""
        with self._reading(visitor) as db:
            return _votes(db.execute("SELECT * FROM votes WHERE visitor = ? ORDER BY voted, rowid", (visitor,)))

    def all_votes(self) -> list[VoteRow]:
        """All visitors' votes, oldest first; for standings that the host shares, of which no text is shown."""
        with self._connected() as db:
            return _votes(db.execute("SELECT * FROM votes ORDER BY voted, rowid"))

    def embedder(self, visitor: str) -> str:
        """The name of the embedder that a visitor chose; empty where none was."""
        with self._reading(visitor) as db:
            return str(db.execute("SELECT embedder FROM visitors WHERE id = ?", (visitor,)).fetchone()["embedder"])

    def choose_embedder(self, visitor: str, name: str) -> None:
        """Keep which embedder a visitor chose."""
        with self._writing(visitor) as db:
            db.execute("UPDATE visitors SET embedder = ? WHERE id = ?", (name, visitor))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._settings.data / "playground.db", timeout=30, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA foreign_keys = ON")
            yield db

    @contextmanager
    def _reading(self, visitor: str) -> Iterator[sqlite3.Connection]:
        with self._connected() as db:
            _known(db, visitor)
            yield db

    @contextmanager
    def _writing(self, visitor: str | None = None) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the write lock from its start, so what it reads stays true until it ends."""
        with self._connected() as db, db:
            db.execute("BEGIN IMMEDIATE")
            if visitor is not None:
                _known(db, visitor)
            yield db

    def _document_path(self, visitor: str, document: str) -> Path:
        return self._visitors / visitor / "documents" / f"{document}.json"

    def _run_row(self, row: sqlite3.Row) -> RunRow:
        folder = self._visitors / row["visitor"] / "runs" / row["id"]
        return RunRow(**{**row, "figures": json.loads(row["figures"]), "kept": bool(row["kept"])}, folder=folder)


def digest(content: Mapping[str, Any]) -> str:
    """64 hex digits of a document's JSON form without its name: the same content under two names is the same."""
    nameless = {key: value for key, value in content.items() if key != "name"}
    return hashlib.sha256(json.dumps(nameless, sort_keys=True).encode()).hexdigest()


def _known(db: sqlite3.Connection, visitor: str) -> None:
    if db.execute("SELECT 1 FROM visitors WHERE id = ?", (visitor,)).fetchone() is None:
        raise UserError("This session was not found; its work may have been deleted. Reload the page to begin afresh.")


def _owned(db: sqlite3.Connection, table: str, visitor: str, id_: str) -> sqlite3.Row:
    row = db.execute(f"SELECT * FROM {table} WHERE id = ? AND visitor = ?", (id_, visitor)).fetchone()
    if row is None:
        raise UserError(f"This {table[:-1]} was not found among yours; it may have been deleted. Reload the page.")
    return row


def _votes(rows: sqlite3.Cursor) -> list[VoteRow]:
    return [VoteRow(**{**row, "stamps": json.loads(row["stamps"])}) for row in rows.fetchall()]
