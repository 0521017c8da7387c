"""Does the parts of one run side by side on the nodes of a cluster, as they become free, and joins what they bring.

Imports no Ray: what starts a node and what does a part there is given.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from playground.jobs.exam_parts import ExamParts
from playground.jobs.parts import Parts, close_folders, last_error, pass_orders
from playground.jobs.sweep_parts import SweepParts
from playground.storage.run_folder import asked_to_stop, log_event, read_config, read_events

REPORT_SECONDS = 0.2  # between two reports of a node
PROBE = ".probe-"  # begins the name of a file in the folder of a run that waits for a node

Work = Generator[None, None, str]  # goes on at every step; returns the name of the part's last event


class Node(Protocol):
    """A place on the cluster that does one part after another."""

    def is_there(self) -> bool:
        """Whether there was room for it, so that it can begin."""

    def close(self) -> None:
        """Give the room back."""


N = TypeVar("N", bound=Node)


def parts_of(folder: Path) -> Parts | None:
    """The parts of the run in a folder; None for one that is done in one piece.

    Raises:
        UserError: the folder is damaged.
    """
    kind = read_config(folder)["kind"]
    if kind == "exam":
        return ExamParts(folder)
    return SweepParts(folder) if kind == "sweep" else None


class SideBySide(Generic[N]):
    """The parts of the run in a folder, on at most so many nodes at once.

    A node does one part after another, so that its imports are done once, but gives way to other runs in between.
    """

    def __init__(
        self, folder: Path, parts: Parts, start: Callable[[], N], do: Callable[[Path, N], Work], most: int
    ) -> None:
        self._folder, self._parts, self._start, self._do, self._most = folder, parts, start, do, most
        self._idle: list[N] = []  # some of them still wait for room
        self._at_work: dict[N, tuple[Path, Work]] = {}
        self._told: dict[str, Any] | None = None
        self._error = ""

    def run(self) -> str:
        """Do all parts; "finished" if they are done, else how the first ended that is not, which is logged.

        Raises:
            UserError: the parts do not fit together.
        """
        began, ended = False, "finished"
        while ended == "finished" and (waiting := deque(self._parts.open())):
            if not began:
                resumed = any(event["event"] == "started" for event in read_events(self._folder))
                log_event(self._folder, {"event": "started", "pid": os.getpid(), "resumed": resumed})
                began = True
            ended = self._do_all(waiting)
        if ended != "finished":
            told = {name: value for name, value in (self._told or {}).items() if name in ("step", "steps", "seconds")}
            error = {"error": self._error} if self._error else {}
            log_event(self._folder, {"event": ended, "reason": ended, **told, **error})
        close_folders(self._folder)
        return ended

    def take_node(self) -> N:
        """A node for what is left of the run; the others are given back."""
        node = next((each for each in self._idle if each.is_there()), None) or self._start()
        for each in self._idle:
            if each is not node:
                each.close()
        return node

    def _do_all(self, waiting: deque[Path]) -> str:
        """Do these parts, but begin none once one has ended without being done; the name of that one's last event."""
        ended = "finished"
        while waiting or self._at_work:
            if asked_to_stop(self._folder):
                waiting.clear()
                ended = "stopped"
            self._place(waiting)
            for node in list(self._at_work):
                last = self._advance(node)
                if last == "failed":
                    return last
                if last == "stopped":
                    waiting.clear()
                    ended = last
            self._tell()
            time.sleep(REPORT_SECONDS)
        return ended

    def _place(self, waiting: deque[Path]) -> None:
        """Give waiting parts to idle nodes, and start or close nodes, as many as there is work for."""
        for node in list(self._idle):
            if waiting and node.is_there():
                self._idle.remove(node)
                part = waiting.popleft()
                self._at_work[node] = part, self._do(part, node)
            elif not waiting and (not node.is_there() or self._others_wait()):
                self._close(node)
        while len(self._idle) < min(len(waiting), self._most - len(self._at_work)):
            self._idle.append(self._start())

    def _advance(self, node: N) -> str:
        """Let a part go on; the name of its last event where it ended without being done, else nothing."""
        part, work = self._at_work[node]
        pass_orders(self._folder, part)
        try:
            next(work)
        except StopIteration as end:
            self._parts.join(part)
            del self._at_work[node]
            self._idle.append(node)
            if self._others_wait():
                self._close(node)
            if self._parts.is_done(part):
                return ""
            self._error = last_error(part)
            return str(end.value)
        self._parts.join(part)
        return ""

    def _close(self, node: N) -> None:
        self._idle.remove(node)
        node.close()

    def _others_wait(self) -> bool:
        """Whether another run waits for a node."""
        return any(self._folder.absolute().parents[2].glob(f"*/runs/*/{PROBE}*"))

    def _tell(self) -> None:
        """Log the progress of all together where it is new."""
        now = self._parts.progress()
        if now and (self._told is None or now["step"] > self._told["step"]):
            log_event(self._folder, now)
            self._told = now
