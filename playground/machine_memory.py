"""The memory that this process may use: the machine's, or that of its container where this is less."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

CONTROL_GROUPS = Path("/sys/fs/cgroup")  # as a container sees its own
# Of both versions of Linux's control groups: the limit, what is used, and which line of which file counts the part of
# it that the kernel gives up first.
_VERSIONS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


def total_memory(groups: Path = CONTROL_GROUPS) -> int:
    """Bytes that all processes here may take together."""
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _limits(groups))])


def available_memory(groups: Path = CONTROL_GROUPS) -> int:
    """Bytes that may still be taken."""
    left = [limit - used for limit, used in _limits(groups)]
    return max(0, min([int(psutil.virtual_memory().available), *left]))


def _limits(groups: Path) -> Iterator[tuple[int, int]]:
    """The limit of the container and what is used of it; nothing where there is none."""
    for limit, used, figures, reclaimable in _VERSIONS:
        with suppress(OSError, ValueError):  # "max" is no limit
            lines = (line.split() for line in (groups / figures).read_text(encoding="utf-8").splitlines())
            given_up = next((int(line[1]) for line in lines if line[:1] == [reclaimable]), 0)
            yield int((groups / limit).read_text()), int((groups / used).read_text()) - given_up
