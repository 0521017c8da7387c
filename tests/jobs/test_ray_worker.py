"""The process that stands in for a worker: which node it leaves at once when its run is stopped. Starts no cluster."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.jobs.mirror import Changes
from playground.settings import Settings
from playground.storage.run_folder import (
    EVENTS,
    LEASE,
    STOP,
    has_stepped,
    log_event,
    read_events,
    write_config,
    write_documents,
)
from tests.fakes.runs import TEXT, config

pytest.importorskip("ray", reason="the package ray is not installed")
from playground.jobs import ray_worker  # noqa: E402 - it imports ray
from playground.jobs.ray_worker import RemoteWorker  # noqa: E402

LOADED: list[dict[str, Any]] = [{"event": "started"}, {"event": "progress", "step": 1}]


class BusyNode:
    """A node that is there and whose work ends once so many `reports` were fetched."""

    def __init__(self, reports: int, busy_in: str = "work") -> None:
        self.reports, self.busy_in, self.calls = reports, busy_in, list[str]()

    def is_there(self) -> bool:
        """It is."""
        return True

    def start(self, method: str, *arguments: Any) -> str:
        """Nothing is waited for."""
        self.calls.append(method)
        self.reports -= method == "collect"
        return method

    def answer(self, method: str) -> Any:
        """It shares no disk, has the models, and brings nothing new."""
        return {"collect": Changes(), "unpack": {}, "work": "stopped"}.get(method, False)

    def close(self) -> None:
        """Give the room back."""
        self.calls.append("close")


@pytest.fixture
def folder(settings: Settings) -> Path:
    """A run that is queued."""
    folder = settings.data / "visitors" / "v" / "runs" / "r"
    folder.mkdir(parents=True)
    write_config(folder, config().to_dict())
    write_documents(folder, TEXT)
    (folder / EVENTS).write_text("")
    (folder / LEASE).write_text("inf")
    return folder


@pytest.fixture
def stop_after(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, float]]:
    """Let a node work, ask it to stop; how the run ended there, and after how many seconds."""

    def stop(node: BusyNode) -> tuple[str, float]:
        def wait(answers: list[str], timeout: float) -> tuple[list[str], list[str]]:
            done = answers if node.reports <= 0 or answers != [node.busy_in] else []
            return done, []

        monkeypatch.setattr(ray_worker.ray, "wait", wait)
        monkeypatch.setattr(ray_worker.ray, "get", node.answer)
        steps = RemoteWorker(folder, settings, node).steps()  # type: ignore[arg-type]
        next(steps)
        (folder / STOP).write_text(str(time.time() + 10))
        began = time.monotonic()
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value, time.monotonic() - began
            time.sleep(0.05)

    return stop


@pytest.mark.parametrize("busy_in", ["work", "unpack"])
@pytest.mark.parametrize("exam", [True, False])
def test_a_node_that_has_nothing_to_lose_is_left_though_it_does_not_answer(
    folder: Path,
    stop_after: Callable[..., tuple[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    exam: bool,
    busy_in: str,
) -> None:
    if exam:
        monkeypatch.setattr(ray_worker, "read_config", lambda _: {"kind": "exam"})
        for event in LOADED:
            log_event(folder, event)
    node = BusyNode(1_000, busy_in)
    ended, seconds = stop_after(node)
    assert (ended, seconds < 2) == ("stopped", True)
    assert node.calls[-2:] == ["move_out", "close"]
    assert read_events(folder)[-1] == {"event": "stopped"}


DRILLED = [{"event": "started"}, {"event": "progress", "step": 9, "arm": "drill"}]
DONE = [*LOADED, {"event": "finished", "reason": "done"}]


@pytest.mark.parametrize(("kind", "logged"), [("train", LOADED), ("exam", DRILLED), ("exam", DONE)])
def test_a_run_that_has_something_to_bring_or_has_ended_is_waited_for(
    folder: Path,
    stop_after: Callable[..., tuple[str, float]],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    logged: list[dict[str, Any]],
) -> None:
    monkeypatch.setattr(ray_worker, "read_config", lambda _: {"kind": kind})
    for event in logged:
        log_event(folder, event)
    node = BusyNode(40)
    ended, seconds = stop_after(node)
    assert (ended, seconds > ray_worker.LEAVE_SECONDS) == ("stopped", True)
    assert "close" not in node.calls


@pytest.mark.parametrize(
    ("names", "has"),
    [([], False), (["started"], False), (["started", "progress"], True), (["progress", "started"], False)],
)
def test_a_run_that_is_started_again_has_done_no_step_until_it_does(folder: Path, names: list[str], has: bool) -> None:
    for step, name in enumerate(names):
        log_event(folder, {"event": name, "step": step})
    assert has_stepped(folder) == has
