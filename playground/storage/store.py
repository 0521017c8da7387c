"""Where everything of a visitor is kept. No other package knows SQL or a path of it; knows no model and no page.

A visitor is known by a secret that only their browser holds; its hash leads to the visitor's id. Whoever starts over
gets another id, so that work still under way for the old one can keep nothing.
"""

import hashlib
import json
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.files import is_full, write_text
from playground.settings import Settings
from playground.storage.connection import IS_PREPARED, Database, insert_row, owned_row
from playground.storage.prepared import PreparedTable
from playground.storage.records import NAME_CHARS, Ballot, Choice, DocumentRow, RunRow, VoteRow, clean_name
from playground.storage.runs import ACTIVE, AT_WORK, WORKING, RunTable
from playground.storage.staging import Staging

__all__ = [  # the one door to what is kept
    "ACTIVE",
    "DAY",
    "NAME_CHARS",
    "WORKING",
    "DocumentRow",
    "RunRow",
    "Store",
    "VoteRow",
    "clean_name",
    "digest",
    "new_secret",
    "write_text",
]

DAY = 86_400
SECRET_CHARS = 32
SEEN_SECONDS = 60.0  # how old the time may be at which a visitor was seen last


def new_secret() -> str:
    """What a new visitor's browser keeps in its cookie."""
    return secrets.token_urlsafe(32)


class Store:
    """Visitors, their documents, conversation and votes, in `runs` their runs, in `prepared` what the host prepares.

    Every method refuses, with a UserError, what is another's.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the data folder; a new one is made, an old one is brought up to date."""
        self._database = Database(settings.data)
        self._staging = Staging(settings.data)
        self._keep_seconds = settings.keep_days * DAY
        self.runs = RunTable(self._database, self._staging)
        self.prepared = PreparedTable(self._database, self._staging)

    def visitor(self, secret: str) -> str:
        """The id that belongs to a secret. A new visitor is added; of a known one it is noted when they were seen.

        Most requests only read: the time is written again once it is `SEEN_SECONDS` old.
        """
        if len(secret) < SECRET_CHARS:
            raise UserError("This browser's session was not recognised. Reload the page to begin a new one.")
        known, now = _secret_hash(secret), time.time()
        with self._database.connect() as db:
            row = db.execute("SELECT id, seen FROM visitors WHERE secret = ?", (known,)).fetchone()
        if row is not None and 0 <= now - row["seen"] < SEEN_SECONDS:
            return str(row["id"])
        seen = (
            "INSERT INTO visitors (id, secret, seen) VALUES (?, ?, ?)"
            " ON CONFLICT (secret) DO UPDATE SET seen = excluded.seen RETURNING id"
        )
        try:
            with self._database.write() as db:
                return str(db.execute(seen, (secrets.token_hex(16), known, now)).fetchone()["id"])
        except OSError as fault:
            if row is None or not is_full(fault):
                raise
            return str(row["id"])  # reading goes on without a note of the visit

    def is_known(self, secret: str) -> bool:
        """Whether a visitor holds this secret; adds none."""
        with self._database.connect() as db:
            found = db.execute("SELECT 1 FROM visitors WHERE secret = ?", (_secret_hash(secret),)).fetchone()
        return found is not None

    def visitor_count(self, since: float = 0.0) -> int:
        """How many visitors there are who were seen since, in unix seconds; owners of prepared things aside."""
        query = f"SELECT count(*) n FROM visitors WHERE seen >= ? AND NOT {IS_PREPARED}"
        with self._database.connect() as db:
            return int(db.execute(query, (since,)).fetchone()["n"])

    def forget(self, visitor: str) -> None:
        """Delete everything of a visitor, whose secret leads to a new id; refused while a run of theirs is at work."""
        with self._database.write(visitor) as db:
            if db.execute(f"SELECT 1 FROM runs WHERE visitor = ? AND {AT_WORK}", (visitor,)).fetchone():
                raise UserError("A run of yours is still training. Stop it first, then start over.")
            secret = db.execute("SELECT secret FROM visitors WHERE id = ?", (visitor,)).fetchone()["secret"]
            db.execute("DELETE FROM visitors WHERE id = ?", (visitor,))
            again = (secrets.token_hex(16), secret, time.time())
            db.execute("INSERT INTO visitors (id, secret, seen) VALUES (?, ?, ?)", again)
        self._staging.discard([self._database.folder(visitor)])

    def sweep(self, now: float) -> list[str]:
        """Delete visitors last seen over `keep_days` before `now`, and leftovers.

        Returns the ids of the deleted visitors. A visitor with a run at work stays.
        """
        with self._database.write() as db:
            absent = f"seen < ? AND id NOT IN (SELECT visitor FROM runs WHERE {AT_WORK})"
            before = (now - self._keep_seconds,)
            gone = [row["id"] for row in db.execute(f"SELECT id FROM visitors WHERE {absent}", before)]
            db.execute(f"DELETE FROM visitors WHERE {absent}", before)
        self.sweep_leftovers()
        return gone

    def sweep_leftovers(self) -> None:
        """Delete folders without a visitor, and what killed processes left."""
        with self._database.write() as db:
            known = {row["id"] for row in db.execute("SELECT id FROM visitors")}
            left = [folder for folder in self._database.visitors.iterdir() if folder.name not in known]
        if left:
            self._staging.discard(left)
        self._staging.sweep()

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """A folder for one piece of work, deleted afterwards, or later where a kill ends the work."""
        with self._staging.new_path() as folder:
            folder.mkdir()
            yield folder

    def add_document(self, visitor: str, name: str, content: Mapping[str, Any], size: int, chars: int) -> DocumentRow:
        """Keep a document's JSON form. `size` is the upload in bytes."""
        document = secrets.token_hex(8)
        path = self._document_path(visitor, document)
        row = DocumentRow(document, visitor, clean_name(name, "text"), size, chars, digest(content), path)
        with self._database.read(visitor), self._staging.new_path() as draft:
            write_text(draft, json.dumps(content, ensure_ascii=False))
            with self._database.write(visitor) as db:
                db.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?)", astuple(row)[:-1])
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.rename(path)
        return row

    def change_document(self, visitor: str, document: str, content: Mapping[str, Any], chars: int) -> None:
        """Keep a document's JSON form in place of the one before; the questions written about that one are deleted."""
        path = self._document_path(visitor, document)
        with self._database.read(visitor), self._staging.new_path() as draft:
            write_text(draft, json.dumps(content, ensure_ascii=False))
            with self._database.write(visitor) as db:
                owned_row(db, "documents", visitor, document)
                changed = (chars, digest(content), document)
                db.execute("UPDATE documents SET chars = ?, digest = ? WHERE id = ?", changed)
            self._written_path(visitor, document).unlink(missing_ok=True)
            draft.replace(path)

    def documents(self, visitor: str) -> list[DocumentRow]:
        """A visitor's documents, oldest first."""
        with self._database.read(visitor) as db:
            rows = db.execute("SELECT * FROM documents WHERE visitor = ? ORDER BY rowid", (visitor,)).fetchall()
        return [DocumentRow(**row, path=self._document_path(visitor, row["id"])) for row in rows]

    def remove_document(self, visitor: str, document: str) -> None:
        """Delete one document with the questions that were written about it."""
        with self._database.write(visitor) as db:
            owned_row(db, "documents", visitor, document)
            db.execute("DELETE FROM documents WHERE id = ?", (document,))
        self._document_path(visitor, document).unlink(missing_ok=True)
        self._written_path(visitor, document).unlink(missing_ok=True)

    def synthetic_questions(self, visitor: str, document: str) -> dict[str, Any]:
        """What was kept with `save_synthetic_questions`; empty where nothing was."""
        with self._database.read(visitor) as db:
            owned_row(db, "documents", visitor, document)
            path = self._written_path(visitor, document)
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def save_synthetic_questions(self, visitor: str, document: str, content: Mapping[str, Any]) -> None:
        """Keep the questions that were written about a document, in place of those before; they go when it goes."""
        path = self._written_path(visitor, document)
        with self._database.read(visitor), self._staging.new_path() as draft:
            write_text(draft, json.dumps(content, ensure_ascii=False))
            with self._database.write(visitor) as db:
                owned_row(db, "documents", visitor, document)
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(path)

    def excluded_kinds(self, visitor: str) -> list[str]:
        """The kinds of findings that a visitor leaves out of training."""
        with self._database.read(visitor) as db:
            row = db.execute("SELECT left_out FROM visitors WHERE id = ?", (visitor,)).fetchone()
        return list(json.loads(row["left_out"]))

    def exclude_kinds(self, visitor: str, kinds: Collection[str]) -> None:
        """Keep which kinds a visitor leaves out, in place of those before."""
        with self._database.write(visitor) as db:
            db.execute("UPDATE visitors SET left_out = ? WHERE id = ?", (json.dumps(sorted(kinds)), visitor))

    def index_folder(self, visitor: str) -> Path:
        """Where a visitor's search indexes are kept."""
        with self._database.read(visitor):
            return self._database.folder(visitor) / "indexes"

    def saved_index(self, visitor: str, text: str) -> Path:
        """Where the index of a visitor's text with this hash lies: among their own, or among what the host prepared."""
        own = self.index_folder(visitor) / text
        return own if own.is_dir() else self.prepared.saved_index(text) or own

    def exam_folder(self, visitor: str) -> Path:
        """Where the exam that a visitor draws up is kept until it begins."""
        with self._database.read(visitor):
            return self._database.folder(visitor) / "exam"

    def save_conversation(self, visitor: str, conversation: Mapping[str, Any]) -> None:
        """Keep a visitor's one conversation, in the page's own form."""
        with self._database.write(visitor) as db:
            db.execute("INSERT OR REPLACE INTO conversations VALUES (?, ?)", (visitor, json.dumps(conversation)))

    def conversation(self, visitor: str) -> dict[str, Any]:
        """A visitor's saved conversation; empty when none was saved."""
        with self._database.read(visitor) as db:
            row = db.execute("SELECT content FROM conversations WHERE visitor = ?", (visitor,)).fetchone()
        return json.loads(row["content"]) if row else {}

    def add_vote(self, visitor: str, ballot: Ballot, choice: Choice) -> None:
        """Keep one vote."""
        with self._database.write(visitor) as db:
            row = {
                "id": secrets.token_hex(8),
                "visitor": visitor,
                "voted": time.time(),
                "choice": choice,
                **vars(ballot),
            }
            row["stamps"] = json.dumps(ballot.stamps)
            insert_row(db, "votes", row)

    def votes(self, visitor: str) -> list[VoteRow]:
        """A visitor's votes, oldest first."""
        with self._database.read(visitor) as db:
            return _votes(db.execute("SELECT * FROM votes WHERE visitor = ? ORDER BY voted, rowid", (visitor,)))

    def all_votes(self) -> list[VoteRow]:
        """All visitors' votes, oldest first; for standings that the host shares, of which no text is shown."""
        with self._database.connect() as db:
            return _votes(db.execute("SELECT * FROM votes ORDER BY voted, rowid"))

    def embedder(self, visitor: str) -> str:
        """The name of the embedder that a visitor chose; empty where none was."""
        with self._database.read(visitor) as db:
            return str(db.execute("SELECT embedder FROM visitors WHERE id = ?", (visitor,)).fetchone()["embedder"])

    def choose_embedder(self, visitor: str, name: str) -> None:
        """Keep which embedder a visitor chose."""
        with self._database.write(visitor) as db:
            db.execute("UPDATE visitors SET embedder = ? WHERE id = ?", (name, visitor))

    def base(self, visitor: str) -> str:
        """The name of the chat model that a visitor chose; empty where none was."""
        with self._database.read(visitor) as db:
            return str(db.execute("SELECT base FROM visitors WHERE id = ?", (visitor,)).fetchone()["base"])

    def choose_base(self, visitor: str, name: str) -> None:
        """Keep which chat model a visitor chose."""
        with self._database.write(visitor) as db:
            db.execute("UPDATE visitors SET base = ? WHERE id = ?", (name, visitor))

    def _document_path(self, visitor: str, document: str) -> Path:
        return self._database.folder(visitor) / "documents" / f"{document}.json"

    def _written_path(self, visitor: str, document: str) -> Path:
        return self._database.folder(visitor) / "written" / f"{document}.json"


def _secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def digest(content: Mapping[str, Any]) -> str:
    """64 hex digits of a document's JSON form without its name: the same content under two names is the same."""
    nameless = {key: value for key, value in content.items() if key != "name"}
    return hashlib.sha256(json.dumps(nameless, sort_keys=True).encode()).hexdigest()


def _votes(rows: Iterable[Any]) -> list[VoteRow]:
    return [VoteRow(**{**row, "stamps": json.loads(row["stamps"])}) for row in rows]
