"""Does a run on a Ray cluster, in the place of a worker: `python -m playground.jobs.ray_worker FOLDER BYTES`.

BYTES is the memory that Ray keeps for it on its node.

An actor on a node does the run; this process sends it the run's folder and its orders, and brings back events,
checkpoints, the adapter and an exam's answers. It is a process of its own, because Ray ends a process whose cluster is
gone.
"""

import errno
import logging
import math
import os
import secrets
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import ray
from ray.exceptions import RayError

from playground.errors import UserError
from playground.evaluation.exam import DRILL
from playground.files import BLOCK_BYTES, is_full
from playground.jobs import belongings, mirror
from playground.jobs.node_run import NodeRun
from playground.jobs.ray_connection import connect, room
from playground.jobs.room import LOST
from playground.jobs.side_by_side import PROBE, REPORT_SECONDS, SideBySide, Work, parts_of
from playground.jobs.worker import work
from playground.models.chat_choice import listed_source
from playground.models.registry import ModelSource, installed_embedder
from playground.models.weights import weights_digest
from playground.settings import Settings
from playground.storage.run_folder import (
    ENDINGS,
    LEASE,
    STOP,
    asked_to_stop,
    has_stepped,
    log_event,
    read_base,
    read_config,
    read_events,
)

LOOK_SECONDS = 5.0  # between two looks, while it waits, whether any node can hold the run
CALL_SECONDS = 60.0  # for an answer of a node
LEAVE_SECONDS = 1.0  # from the order to stop until a node is left that has nothing to lose
MOMENT_SECONDS = 0.02  # most answers come sooner
PART_BYTES = 64 * BLOCK_BYTES  # of a model's file per message

logger = logging.getLogger(__name__)


class NoNodeError(Exception):
    """No node that is there can hold the run."""


class RayNode:
    """An actor on a node of the cluster that this process has joined; it does one run after another.

    Ray starts it where so many bytes of `memory` are not promised to others.
    """

    def __init__(self, settings: Settings, place: str, memory: int = 0) -> None:
        self._settings, self._memory = settings, memory
        # `work` blocks one of its threads; reports and orders come beside it.
        actor: Any = ray.remote(NodeRun).options(
            num_cpus=settings.ray_cpus, num_gpus=int(settings.ray_gpu), memory=memory or None, max_concurrency=2
        )
        self._actor = actor.remote(settings, place)
        self._answer = self.start("begin", place)
        self._look = time.monotonic()

    def is_there(self) -> bool:
        """Whether a node had room for it. Raises NoNodeError where none that is there ever has."""
        if ray.wait([self._answer], timeout=0)[0]:
            return True
        if time.monotonic() >= self._look:
            self._look = time.monotonic() + LOOK_SECONDS
            now = room(self._settings)
            if not now.slots or now.memory < self._memory:
                raise NoNodeError(f"no node holds {self._memory} bytes; the largest has {now.memory}")
        return False

    def start(self, method: str, *arguments: Any) -> Any:
        """Call a method of `NodeRun` there without waiting for it."""
        return getattr(self._actor, method).remote(*arguments)

    def close(self) -> None:
        """End it, and give its cores and memory back."""
        ray.kill(self._actor)


class RemoteWorker:
    """The run in a folder of this machine, at work on a node."""

    def __init__(self, folder: Path, settings: Settings, node: RayNode) -> None:
        self._folder, self._settings, self._node = folder, settings, node
        self._orders: dict[str, str] = {}
        self._seen: dict[str, mirror.Stamp] = {}
        self._shared = False

    def run(self) -> str:
        """Do the run; returns the name of its last event, and raises what `steps` does."""
        steps = self.steps()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return str(end.value)
            time.sleep(REPORT_SECONDS)

    def steps(self) -> Work:
        """Do the run, a report at every step; returns the name of its last event.

        Raises:
            RayError: the node, or the cluster, is gone; what came back until then is in the folder.
            NoNodeError: the nodes that could hold it are gone.
        """
        work, patience = self._work(), math.inf
        while True:
            try:
                next(work)
            except StopIteration as end:
                return str(end.value)
            if asked_to_stop(self._folder):
                patience = min(patience, time.monotonic() + LEAVE_SECONDS)
                if time.monotonic() >= patience and self._can_be_left():
                    work.close()
                    return self._leave()
            yield

    def _work(self) -> Work:
        probe = self._folder / f"{PROBE}{secrets.token_hex(4)}"
        try:
            shared = yield from self._place(probe)
        finally:
            probe.unlink(missing_ok=True)
        if shared is None:
            return self._note_stop()
        self._shared = shared
        if not shared:
            yield from self._move_in()
        working = self._node.start("work")
        while not ray.wait([working], timeout=0)[0]:
            yield from self._exchange()
            yield
        yield from self._exchange()
        if not shared:
            yield from self._call("move_out")
        return str(ray.get(working))

    def _can_be_left(self) -> bool:
        """Whether the node has nothing that is not here: answers come one by one, and a run that loads has no step.

        A drill trains, and a run that has ended only tidies up.
        """
        last = (read_events(self._folder) or [{"event": ""}])[-1]
        if last["event"] in ENDINGS:
            return False
        if read_config(self._folder)["kind"] == "exam":
            return last.get("arm") != DRILL
        return not has_stepped(self._folder)

    def _leave(self) -> str:
        """End what the node does without waiting for it, such as for a model that loads."""
        if not self._shared:
            ray.wait([self._node.start("move_out")], timeout=LEAVE_SECONDS / 2)
        self._node.close()
        return self._note_stop()

    def _note_stop(self) -> str:
        log_event(self._folder, {"event": "stopped"})
        return "stopped"

    def _place(self, probe: Path) -> Generator[None, None, bool | None]:
        """Wait for a node with room; whether it sees the run's folder, so that nothing has to travel.

        None once the run is stopped before.
        """
        token = secrets.token_hex(16)
        probe.write_text(token)
        while not self._node.is_there():
            if asked_to_stop(self._folder):
                return None
            yield
        yield from self._call("begin", place_of(self._folder, self._settings))
        return bool((yield from self._call("shares_disk", probe.name, token)))

    def _move_in(self) -> Generator[None, None, None]:
        """Send the models, unless an earlier run has brought them to this node, then the run's folder."""
        yield from self._call("move_in")
        yield from self._send(listed_source(self._settings, read_base(self._folder)))
        embedder = belongings.embedder_needed(self._folder)
        if embedder is not None:
            yield from self._send(installed_embedder(self._settings, embedder))
        self._seen = yield from self._call("unpack", mirror.whole(self._folder), belongings.pack(self._folder))
        self._orders = self._read_orders()

    def _send(self, model: ModelSource) -> Generator[None, None, None]:
        digest = weights_digest(model.folder)
        if not (yield from self._call("lacks", model.role, model.name, digest, model.origin in ("hub", "wheel"))):
            return
        for file in _files_of(model):
            with file.open("rb") as content:
                while part := content.read(PART_BYTES):
                    yield from self._call("receive", file.relative_to(model.folder).as_posix(), part)
        yield from self._call("keep_model", digest)

    def _exchange(self) -> Generator[None, None, None]:
        """Send orders that are new, and bring back what is new in the run's folder."""
        if self._shared:
            return
        orders = self._read_orders()
        for name, text in orders.items():
            if self._orders.get(name) != text:
                yield from self._call("put", name, text)
        self._orders = orders
        changes = yield from self._call("collect", mirror.grown(self._folder), self._seen)
        mirror.apply(self._folder, changes)
        self._seen = dict(changes.stamps)

    def _call(self, method: str, *arguments: Any) -> Generator[None, None, Any]:
        """What a method of `NodeRun` returns there; meanwhile this process looks after other nodes."""
        answer, until = self._node.start(method, *arguments), time.monotonic() + CALL_SECONDS
        while not ray.wait([answer], timeout=MOMENT_SECONDS)[0]:
            if time.monotonic() >= until:
                raise TimeoutError(f"no answer to {method} in {CALL_SECONDS:.0f} s")
            yield
        return ray.get(answer)

    def _read_orders(self) -> dict[str, str]:
        found = {}
        for name in (LEASE, STOP):
            with suppress(FileNotFoundError):
                found[name] = (self._folder / name).read_text()
        return found


def place_of(folder: Path, settings: Settings) -> str:
    """A run's folder in the data folder."""
    return folder.absolute().relative_to(settings.data.absolute()).as_posix()


def carry_out(folder: Path, settings: Settings, memory: int) -> str:
    """Do the run in a folder, its parts side by side where there are several nodes; the name of its last event.

    Raises:
        RayError: a node, or the cluster, is gone; what came back until then is in the folder.
        NoNodeError: the nodes that could hold it are gone.
    """

    def start() -> RayNode:
        return RayNode(settings, place_of(folder, settings), memory)

    def do(part: Path, node: RayNode) -> Work:
        return RemoteWorker(part, settings, node).steps()

    nodes = room(settings).slots
    parts = parts_of(folder) if nodes > 1 else None
    if parts is None:
        return RemoteWorker(folder, settings, start()).run()
    beside = SideBySide(folder, parts, start, do, nodes)
    ended = beside.run()
    if ended != "finished":
        return ended
    return work(folder, settings) if parts.rest_is_small else RemoteWorker(folder, settings, beside.take_node()).run()


def _files_of(model: ModelSource) -> list[Path]:
    """The files of a model; of its subfolders the texts alone, such as how an encoder pools."""
    files = [each for each in model.folder.rglob("*") if each.is_file()]
    return sorted(each for each in files if each.parent == model.folder or each.suffix == ".json")


def main() -> int:
    """The exit code: 0, 1 for a failed run, ENOSPC on a full disk here, or LOST without the node or the cluster."""
    settings = Settings.from_environment()
    try:
        connect(settings)
        return int(carry_out(Path(sys.argv[1]), settings, int(sys.argv[2])) == "failed")
    except UserError as error:
        log_event(Path(sys.argv[1]), {"event": "failed", "error": str(error)})
        return 1
    except (RayError, NoNodeError, ConnectionError, TimeoutError):
        logger.exception("the node failed, or it or the cluster is gone")
        return LOST
    except OSError as error:
        if not is_full(error):
            raise
        return errno.ENOSPC


def end_at_once(code: int) -> NoReturn:
    """End this process without taking leave of the cluster, which takes seconds; Ray ends what it had there."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    end_at_once(main())
