"""The table of runs: what is queued, whose turn it is, how each run ended; knows no kind of run and no process."""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.files import write_text
from playground.storage.connection import IS_PREPARED, Database, check_visitor, insert_row, owned_row
from playground.storage.records import RunRow, clean_name
from playground.storage.staging import Staging

WORKING = ("running", "stopping")
ACTIVE = ("queued", *WORKING)
AT_WORK = f"state IN {WORKING}"
ROWS = f"SELECT runs.*, {IS_PREPARED} AS prepared FROM runs JOIN visitors ON visitors.id = runs.visitor"


class RunTable:
    """Runs of visitors. Every method refuses, with a UserError, what is another's."""

    def __init__(self, database: Database, staging: Staging) -> None:
        self._database = database
        self._staging = staging

    def add(
        self, visitor: str, kind: str, name: str, method: str, files: Mapping[str, str], **columns: str | float
    ) -> RunRow:
        """Queue a run whose folder holds `files` (name -> text); the run is in the queue once its folder is complete.

        Further columns: lease_until, bundle, expected, kept, base.
        """

        def fill(folder: Path) -> None:
            for file, text in files.items():
                write_text(folder / file, text)

        return self._insert({"visitor": visitor, "kind": kind, "method": method, **columns}, name, fill)

    def add_imported(
        self,
        visitor: str,
        kind: str,
        name: str,
        method: str,
        figures: Mapping[str, Any],
        fill: Callable[[Path], None],
        base: str = "",
    ) -> RunRow:
        """Keep an adapter that was trained elsewhere as a finished run; `fill` writes its folder, or raises."""
        done = {"state": "done", "figures": json.dumps(figures), "lease_until": time.time(), "base": base}
        return self._insert({"visitor": visitor, "kind": kind, "method": method, **done}, name, fill)

    def get(self, visitor: str, run: str) -> RunRow:
        """One run of a visitor."""
        with self._database.read(visitor) as db:
            owned_row(db, "runs", visitor, run)
            return self._row(db.execute(f"{ROWS} WHERE runs.id = ?", (run,)).fetchone())

    def usable(self, visitor: str, run: str) -> RunRow:
        """One run whose results a visitor may use: their own, or a finished one that the host prepared."""
        with self._database.connect() as db:
            check_visitor(db, visitor)
            row = db.execute(f"{ROWS} WHERE runs.id = ? AND {IS_PREPARED} AND state = 'done'", (run,)).fetchone()
        return self._row(row) if row is not None else self.get(visitor, run)

    def all(self, visitor: str, kind: str | None = "train") -> list[RunRow]:
        """A visitor's runs of a kind, or of all kinds, oldest first."""
        query = f"{ROWS} WHERE visitor = ? AND kind = coalesce(?, kind) ORDER BY created, runs.rowid"
        with self._database.read(visitor) as db:
            rows = db.execute(query, (visitor, kind)).fetchall()
        return [self._row(row) for row in rows]

    def active(self) -> list[RunRow]:
        """Runs of all visitors: first those at work, then those that wait, in turn. For the supervisor, not a page."""
        with self._database.connect() as db:
            return self._in_turn(db)

    def counts(self) -> dict[str, int]:
        """How many runs of all visitors are in each state that any is in."""
        with self._database.connect() as db:
            return {row["state"]: row["n"] for row in db.execute("SELECT state, count(*) n FROM runs GROUP BY state")}

    def ended_with(self, error: str) -> list[RunRow]:
        """Stopped runs of all visitors with this sentence, oldest first. For the supervisor, not a page."""
        query = f"{ROWS} WHERE state = 'stopped' AND error = ? ORDER BY queued, runs.rowid"
        with self._database.connect() as db:
            return [self._row(row) for row in db.execute(query, (error,))]

    def claim_next(self, wanted: Callable[[RunRow], bool] = lambda _: True) -> RunRow | None:
        """Mark the `wanted` waiting run whose turn it is as running and return it; None when none waits."""
        with self._database.write() as db:
            row = next((each for each in self._in_turn(db) if each.state == "queued" and wanted(each)), None)
            if row:
                db.execute("UPDATE runs SET state = 'running', pid = NULL WHERE id = ?", (row.id,))
        return self.get(row.visitor, row.id) if row else None

    def transition(self, visitor: str, run: str, states: Sequence[str], to: str, error: str = "") -> bool:
        """Change a run's state if it is in one of `states`, else return False.

        When a run stops working, its visitor counts as served now.
        """
        with self._database.write(visitor) as db:
            row = owned_row(db, "runs", visitor, run)
            if row["state"] not in states:
                return False
            db.execute("UPDATE runs SET state = ?, error = ? WHERE id = ?", (to, error, run))
            if row["state"] in WORKING and to not in WORKING:
                db.execute("UPDATE visitors SET served = ? WHERE id = ?", (time.time(), visitor))
        return True

    def update(self, visitor: str, run: str, **columns: str | int | float) -> None:
        """Set columns of a run, such as pid, queued, lease_until, kept, figures (JSON); a blank name is the method."""
        with self._database.write(visitor) as db:
            row = owned_row(db, "runs", visitor, run)
            if "name" in columns:
                columns["name"] = clean_name(str(columns["name"]), row["method"])
            for column, value in columns.items():
                db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run))

    def delete(self, visitor: str, run: str) -> None:
        """Delete a run and its folder; refused while it waits or works."""
        with self._database.write(visitor) as db:
            row = owned_row(db, "runs", visitor, run)
            if row["state"] in ACTIVE:
                raise UserError(f"The run {row['name']!r} is {row['state']}. Stop it first, then delete it.")
            db.execute("DELETE FROM runs WHERE id = ?", (run,))
        self._staging.discard([self._folder(visitor, run)])

    def _insert(self, row: Mapping[str, object], name: str, fill: Callable[[Path], None]) -> RunRow:
        """Write a run's folder, then show folder and row at once."""
        visitor, run, now = str(row["visitor"]), secrets.token_hex(8), time.time()
        with self._database.read(visitor), self._staging.new_path() as draft:
            draft.mkdir()
            fill(draft)
            with self._database.write(visitor) as db:
                own = {"id": run, "name": clean_name(name, str(row["method"])), "created": now, "queued": now}
                insert_row(db, "runs", {**own, **row})
                folder = self._folder(visitor, run)
                folder.parent.mkdir(parents=True, exist_ok=True)
                draft.rename(folder)
        return self.get(visitor, run)

    def _in_turn(self, db: sqlite3.Connection) -> list[RunRow]:
        query = f"{ROWS} WHERE state IN {ACTIVE} ORDER BY queued, runs.rowid"
        rows = [self._row(row) for row in db.execute(query)]
        served = {row["id"]: row["served"] for row in db.execute("SELECT id, served FROM visitors")}
        working = [row for row in rows if row.state in WORKING]
        for row in working:
            served[row.visitor] = time.time()
        waiting = [row for row in rows if row.state == "queued"]
        visitors = in_turn([row for row in waiting if not row.prepared], served)
        return working + visitors + [row for row in waiting if row.prepared]

    def _row(self, row: sqlite3.Row) -> RunRow:
        folder = self._folder(row["visitor"], row["id"])
        flags = {name: bool(row[name]) for name in ("kept", "prepared")}
        return RunRow(**{**row, "figures": json.loads(row["figures"]), **flags}, folder=folder)

    def _folder(self, visitor: str, run: str) -> Path:
        return self._database.folder(visitor) / "runs" / run


def in_turn(waiting: Sequence[RunRow], served: Mapping[str, float]) -> list[RunRow]:
    """The order in which waiting runs are taken; `served` tells when each visitor's last run left its work.

    A run's turn is when it was queued or, if that is later, when its visitor was last served.
    """
    left, order, last = list(waiting), [], dict(served)
    now = max([*(row.queued for row in waiting), *served.values()], default=0.0)
    while left:
        row = min(left, key=lambda each: max(each.queued, last[each.visitor]))
        left.remove(row)
        order.append(row)
        last[row.visitor] = now + len(order)
    return order
