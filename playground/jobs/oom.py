"""What the kernel has on record of processes that it ended for lack of memory."""

from contextlib import suppress
from pathlib import Path

COUNTERS = (  # file -> the line that counts; of the whole machine, and of the container that this runs in
    (Path("/proc/vmstat"), "oom_kill"),
    (Path("/sys/fs/cgroup/memory.events"), "oom_kill"),
    (Path("/sys/fs/cgroup/memory/memory.oom_control"), "oom_kill"),
)


def oom_kills(counters: tuple[tuple[Path, str], ...] = COUNTERS) -> int:
    """How many processes were ended so far; 0 where no counter can be read."""
    return sum(_count(path, name) for path, name in counters)


def _count(path: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
        return next((int(line[1]) for line in lines if line[:1] == [name]), 0)
    return 0
