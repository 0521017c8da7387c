"""One server per data folder: its queue and database are for a single one. The lock goes with its process."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from playground.errors import UserError
from playground.files import write_text

LOCK, OWNER = ".server.lock", ".server.json"


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """Within, this process is the one server of a data folder. A server that was killed no longer has it.

    Raises:
        UserError: another server has it.
    """
    data.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as fault:
        raise UserError(
            f"Another server works on the data folder {data}: {_owner(data)}. A data folder has one server, because "
            "its queue and database do. Stop that one, or give this one a folder of its own in PLAYGROUND_DATA."
        ) from fault
    try:
        own = {"process": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M")}
        write_text(data / OWNER, json.dumps(own))
        yield
    finally:
        lock.release()


def _owner(data: Path) -> str:
    """Who has the folder, as far as it says so."""
    try:
        found = json.loads((data / OWNER).read_text(encoding="utf-8"))
        return f"process {found['process']} on {found['host']}, since {found['since']}"
    except (OSError, ValueError, KeyError):
        return "it does not say which"
