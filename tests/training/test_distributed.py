"""Two processes that share a run's steps end with the losses of one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import adapters
from adapters.options import build
from playground.storage.run_folder import CONFIG, DOCUMENTS, read_events
from playground.training.__main__ import main
from playground.training.config import RunConfig, TrainSettings
from tests.fakes.texts import house_rules


def planned(folder: Path, method: str) -> Path:
    settings = TrainSettings(steps=4, batch_tokens=256, window=64, evaluations=2)
    folder.mkdir()
    config = RunConfig(method, build(adapters.get(method).Options, {}), settings)
    (folder / CONFIG).write_text(json.dumps(config.to_dict()))
    (folder / DOCUMENTS).write_text(json.dumps([house_rules().to_dict()]))
    return folder


def losses(folder: Path) -> list[float]:
    """The losses of a run's steps."""
    return [event["loss"] for event in read_events(folder) if event["event"] == "progress" and event["step"]]


def launch(folder: Path, model: Path, processes: int) -> None:
    """Let so many processes, told apart as a launcher does, share a run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"PLAYGROUND_CHAT_MODEL": str(model), "PLAYGROUND_DATA": str(folder / "data"), "OMP_NUM_THREADS": "1"}
    group = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "playground.training", str(folder)],
            env={**os.environ, **own, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=Path(__file__).parents[2],
        )
        for rank in range(processes)
    ]
    assert [each.wait(120) for each in started] == [0] * processes


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "adalora"])
def test_two_processes_train_as_one_does(
    method: str, tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = (planned(tmp_path / each, method) for each in ("alone", "together"))
    with monkeypatch.context() as patch:
        patch.setenv("PLAYGROUND_CHAT_MODEL", str(tiny_model_folder))
        main(alone)  # in this process
    launch(together, tiny_model_folder, 2)
    assert len(losses(alone)) == 4
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4)
    assert (tmp_path / "together" / "adapter" / "adapter_model.safetensors").exists()
