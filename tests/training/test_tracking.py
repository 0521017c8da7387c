"""The host's log of losses with trackio: off by default, a folder of its own, no text, and never a run's end."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import adapters
from playground.errors import UserError
from playground.jobs.worker import work
from playground.settings import Settings
from playground.storage.run_folder import CONFIG, DOCUMENTS, EVENTS, LEASE, read_events
from playground.training import tracking
from playground.training.config import RunConfig, TrainSettings
from retrieval.document import Document

SECRET = "marzipan"
TEXT = "\n\n".join(f"Rule {n} of the {SECRET} club says that member {n} brings biscuit {n}." for n in range(60))


class StandIn(SimpleNamespace):
    """What is used of trackio, noting what it is told; `fault` is raised by the call of that name."""

    def __init__(self, fault: str = "") -> None:
        super().__init__(told=[])
        for name in ("init", "log", "finish"):
            vars(self)[name] = self._call(name, fault)

    def _call(self, name: str, fault: str) -> Any:
        def call(*given: Any, **named: Any) -> None:
            self.told.append((name, given, named))
            if name == fault:
                raise OSError("no room")

        return call


@pytest.fixture
def on(settings: Settings, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TRACKIO_SPACE_ID", "someone/space")
    monkeypatch.setenv("TRACKIO_DIR", "/nowhere")
    return replace(settings, chat_model=str(tiny_model_folder), trackio=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A short run that a worker can do."""
    folder = tmp_path / "visitor" / "run7"
    folder.mkdir(parents=True)
    config = RunConfig("lora", adapters.get("lora").Options(rank=2), TrainSettings(steps=3, window=64, evaluations=1))
    (folder / CONFIG).write_text(json.dumps(config.to_dict()))
    (folder / DOCUMENTS).write_text(json.dumps([Document(f"{SECRET}.txt", TEXT).to_dict()]))
    (folder / LEASE).write_text("inf")
    (folder / EVENTS).touch()
    return folder


def test_a_runs_losses_are_logged_and_nothing_of_its_text(
    on: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trackio = StandIn()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    assert work(folder, on) == "finished"
    (first, _, named), *logged, (last, _, _) = trackio.told
    assert (first, last) == ("init", "finish")
    assert (named["name"], named["config"]["method"], named["resume"]) == ("run7", "lora", "allow")
    steps = [event for event in read_events(folder) if event["event"] == "progress"]
    assert [step["step"] for _, _, step in logged] == [0, 1, 2, 3]
    assert [given[0].get("loss") for _, given, _ in logged] == [step["loss"] for step in steps]
    assert [given[0].get("heldout_loss") for _, given, _ in logged] == [step["heldout_loss"] for step in steps]
    assert SECRET not in repr(trackio.told)
    assert os.environ["TRACKIO_DIR"] == str(on.data / "trackio")
    assert "TRACKIO_SPACE_ID" not in os.environ


@pytest.mark.parametrize("fault", ["init", "log", "finish"])
def test_a_fault_of_the_log_is_the_hosts_and_the_run_goes_on(
    on: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    trackio = StandIn(fault)
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    assert work(folder, on) == "finished"
    assert [name for name, _, _ in trackio.told].count(fault) == 1
    assert "trackio" in caplog.text


def test_it_is_off_unless_asked_for(
    on: Settings, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    trackio = StandIn()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    events: Iterator[dict[str, Any]] = iter([{"event": "progress", "step": 1, "loss": 2.0}])
    assert len(list(tracking.track(events, tmp_path, {}, settings))) == 1
    assert trackio.told == []
    assert Settings.from_environment({}).trackio is False
    assert Settings.from_environment({"PLAYGROUND_TRACKIO": "yes"}).trackio is True


def test_a_host_who_asks_for_it_without_the_package_is_told_so(
    on: Settings, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "PACKAGE", "no_such_trackio")
    tracking.check(settings)
    with pytest.raises(UserError, match="pip install trackio"):
        tracking.check(on)
