"""What of a run can be done side by side: its parts, each in a folder of its own, and what joins them again.

Knows no cluster and no kind of run.
"""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from playground.files import write_text
from playground.storage.run_folder import EVENTS, LEASE, STOP, log_event, read_events

PARTS = ".parts"  # in a run's folder; nothing hidden goes to another machine


class Parts(Protocol):
    """The parts of the run in a folder. What was joined is the run's own, so another process goes on from there."""

    rest_is_small: bool  # whether what is left after the parts takes no model

    def open(self) -> list[Path]:
        """Folders of parts that can begin now, in any order; none where the rest is done in one piece."""

    def join(self, part: Path) -> None:
        """Take over what is new in a part's folder.

        Raises:
            UserError: it does not belong to what the others have brought.
        """

    def is_done(self, part: Path) -> bool:
        """Whether nothing of the part is left to do."""

    def progress(self) -> dict[str, Any] | None:
        """The progress of the whole run as an event; None where the joined events say it."""


def pass_orders(folder: Path, part: Path) -> None:
    """Let a part have the lease of its run, and its order to stop."""
    for name in (LEASE, STOP):
        with suppress(FileNotFoundError):
            order = (folder / name).read_text()
            if not (part / name).exists() or (part / name).read_text() != order:
                write_text(part / name, order)


def open_folder(folder: Path, part: Path) -> None:
    """Make a part ready: with its run's lease, without an order to stop from before."""
    part.mkdir(parents=True, exist_ok=True)
    (part / EVENTS).touch()
    log_event(part, {"event": "queued"})
    (part / STOP).unlink(missing_ok=True)
    pass_orders(folder, part)


def close_folders(folder: Path) -> None:
    """Delete the parts' own folders: all in them is joined."""
    shutil.rmtree(folder / PARTS, ignore_errors=True)


def last_error(part: Path) -> str:
    """Why a part ended as it did, where its last event says so."""
    return next((str(event.get("error", "")) for event in read_events(part)[-1:]), "")
