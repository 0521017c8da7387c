"""The table of runs: what is queued, whose turn it is, how each run ended; knows no kind of run and no process."""

import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playground.errors import UserError
from playground.files import write_text
from playground.storage.connection import Database, owned_row
from playground.storage.records import RunRow, clean_name

WORKING = ("running", "stopping")
ACTIVE = ("queued", *WORKING)
AT_WORK = f"state IN {WORKING}"


class RunRows(Database):
    """Runs of visitors. Every method refuses, with a UserError, what is another's."""

    def add_run(
        self, visitor: str, kind: str, name: str, method: str, files: Mapping[str, str], **columns: str | float
    ) -> RunRow:
        """Queue a run whose folder holds `files` (name -> text). The row comes last, so a queued run is whole.

        Further columns: lease_until, bundle, expected, kept.
        """
        with self._writing(visitor) as db:
            run, now = secrets.token_hex(8), time.time()
            folder = self._visitors / visitor / "runs" / run
            folder.mkdir(parents=True)
            for file, text in files.items():
                write_text(folder / file, text)
            own = {"id": run, "visitor": visitor, "kind": kind, "name": clean_name(name, method), "method": method}
            row = {**own, "created": now, "queued": now, **columns}
            db.execute(f"INSERT INTO runs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
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
            return self._run_row(owned_row(db, "runs", visitor, run))

    def runs(self, visitor: str, kind: str | None = "train") -> list[RunRow]:
        """A visitor's runs of a kind, or of all kinds, oldest first."""
        query = "SELECT * FROM runs WHERE visitor = ? AND kind = coalesce(?, kind) ORDER BY created, rowid"
        with self._reading(visitor) as db:
            rows = db.execute(query, (visitor, kind)).fetchall()
        return [self._run_row(row) for row in rows]

    def active_runs(self) -> list[RunRow]:
        """Runs of all visitors that work, then those that wait, in turn; for the supervisor, never for a page."""
        with self._connected() as db:
            return self._in_turn(db)

    def claim_run(self) -> RunRow | None:
        """Mark the waiting run whose turn it is as running and return it; None when nothing waits."""
        with self._writing() as db:
            row = next((each for each in self._in_turn(db) if each.state == "queued"), None)
            if row:
                db.execute("UPDATE runs SET state = 'running', pid = NULL WHERE id = ?", (row.id,))
        return self.run(row.visitor, row.id) if row else None

    def move_run(self, visitor: str, run: str, states: Sequence[str], to: str, error: str = "") -> bool:
        """Change a run's state if it is in one of `states`, else return False. One that leaves its work was served."""
        with self._writing(visitor) as db:
            row = owned_row(db, "runs", visitor, run)
            if row["state"] not in states:
                return False
            db.execute("UPDATE runs SET state = ?, error = ? WHERE id = ?", (to, error, run))
            if row["state"] in WORKING and to not in WORKING:
                db.execute("UPDATE visitors SET served = ? WHERE id = ?", (time.time(), visitor))
        return True

    def change_run(self, visitor: str, run: str, **columns: str | int | float) -> None:
        """Set columns of a run, such as pid, queued, lease_until, kept, figures (JSON); a blank name is the method."""
        with self._writing(visitor) as db:
            row = owned_row(db, "runs", visitor, run)
            if "name" in columns:
                columns["name"] = clean_name(str(columns["name"]), row["method"])
            for column, value in columns.items():
                db.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run))

    def delete_run(self, visitor: str, run: str) -> None:
        """Delete a run and its folder; refused while it waits or works."""
        with self._writing(visitor) as db:
            row = owned_row(db, "runs", visitor, run)
            if row["state"] in ACTIVE:
                raise UserError(f"The run {row['name']!r} is {row['state']}. Stop it first, then delete it.")
            db.execute("DELETE FROM runs WHERE id = ?", (run,))
            shutil.rmtree(self._visitors / visitor / "runs" / run, ignore_errors=True)

    def _in_turn(self, db: sqlite3.Connection) -> list[RunRow]:
        query = f"SELECT * FROM runs WHERE state IN {ACTIVE} ORDER BY queued, rowid"
        rows = [self._run_row(row) for row in db.execute(query)]
        served = {row["id"]: row["served"] for row in db.execute("SELECT id, served FROM visitors")}
        working = [row for row in rows if row.state in WORKING]
        for row in working:
            served[row.visitor] = time.time()
        return working + in_turn([row for row in rows if row.state == "queued"], served)

    def _run_row(self, row: sqlite3.Row) -> RunRow:
        folder = self._visitors / row["visitor"] / "runs" / row["id"]
        return RunRow(**{**row, "figures": json.loads(row["figures"]), "kept": bool(row["kept"])}, folder=folder)


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
