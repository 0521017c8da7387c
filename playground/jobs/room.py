"""What the processes that talk to a cluster tell the server: its room for runs, and that a node is lost."""

from dataclasses import dataclass

LOST = 75  # the exit code of a worker whose node, or cluster, is gone


@dataclass(frozen=True)
class Room:
    """How many runs a cluster takes at once, and the bytes of memory that the largest of its nodes has for one."""

    slots: int = 0
    memory: int = 0
