"""The script for a GPU runs through on this machine in small, and a check that fails is told by its exit code."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import gpu

SMALL = ("--steps", "3", "--tokens", "4", "--methods", "lora", "full")


@pytest.mark.slow
def test_every_part_runs_in_small(long_window_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = gpu.main(["--model", str(long_window_folder), *SMALL])
    rows = {row["part"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [name for name, row in rows.items() if not row["ok"]] == []
    assert code == 0
    assert list(rows) == [
        "machine",
        "number type",
        *(f"method {each}" for each in SMALL[-2:]),
        "slices",
        "training",
        "answers",
    ]
    assert rows["slices"]["reasons"] == ["done", "stopped", "stopped", "done"]
    assert all(rows[f"method {each}"]["effect"] > 0 for each in SMALL[-2:])
    assert rows["answers"]["same"]
    assert rows["training"]["ratio"] > 0


@pytest.mark.slow
def test_a_check_that_fails_and_a_part_that_breaks_are_told(
    long_window_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gpu.NEAR, torch.float32, -1.0)
    monkeypatch.setattr(gpu, "parts", lambda _: [("number type", gpu.number_type), ("broken", lambda _: 1 / 0)])
    assert gpu.main(["--model", str(long_window_folder), *SMALL]) == 1
    rows = [*map(json.loads, capsys.readouterr().out.splitlines())]
    assert [row["ok"] for row in rows] == [False, False]
    assert rows[1]["error"].startswith("ZeroDivisionError")
