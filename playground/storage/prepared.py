"""Owners of what the host prepares of the example texts: rows among the visitors that no browser's secret leads to."""

import math
import secrets
from collections.abc import Collection
from pathlib import Path

from playground.storage.connection import IS_PREPARED, PREPARED, Database
from playground.storage.runs import AT_WORK
from playground.storage.staging import Staging


class PreparedTable:
    """The owners, each known by a key that says what was prepared, of which text and how. Sweeping never takes them."""

    def __init__(self, database: Database, staging: Staging) -> None:
        self._database = database
        self._staging = staging

    def owner(self, key: str) -> str:
        """The id of the owner with this key, made if there is none; what it owns is kept as a visitor's is."""
        with self._database.write() as db:
            row = db.execute("SELECT id FROM visitors WHERE secret = ?", (PREPARED + key,)).fetchone()
            if row is not None:
                return str(row["id"])
            id_ = secrets.token_hex(16)
            db.execute("INSERT INTO visitors (id, secret, seen) VALUES (?, ?, ?)", (id_, PREPARED + key, math.inf))
        return id_

    def owners(self) -> dict[str, str]:
        """The ids of all owners by their keys, the oldest first."""
        with self._database.connect() as db:
            rows = db.execute(f"SELECT id, secret FROM visitors WHERE {IS_PREPARED} ORDER BY rowid")
            return {row["secret"].removeprefix(PREPARED): row["id"] for row in rows}

    def remove_others(self, keys: Collection[str]) -> None:
        """Delete all owners with other keys and all of theirs; one with a run at work stays until the next time."""
        others = {id_ for key, id_ in self.owners().items() if key not in keys}
        with self._database.write() as db:
            gone = others - {row["visitor"] for row in db.execute(f"SELECT visitor FROM runs WHERE {AT_WORK}")}
            for id_ in gone:
                db.execute("DELETE FROM visitors WHERE id = ?", (id_,))
        self._staging.discard(map(self._database.folder, gone))

    def saved_index(self, text: str) -> Path | None:
        """The folder of the index of the text with this hash, if one is prepared."""
        folders = (self._database.folder(id_) / "indexes" / text for id_ in self.owners().values())
        return next((folder for folder in folders if folder.is_dir()), None)
