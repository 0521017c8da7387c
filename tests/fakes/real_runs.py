"""Short runs of every method on the real model and a real text, each trained once for all tests that ask for it."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from playground.cli.main import main
from playground.training import throughput

ROOT = Path(__file__).parents[2]
TEXT = ROOT / "playground" / "data" / "example_texts" / "us_constitution.txt"
RATES = {"vera": "0.1"}  # at its default rate six steps would not change what it says
# Six steps are few: of one kind of example alone every method learns from them.
WINDOWS = ["--text-form", "windows", "--pairs-share", "0", "--replay-share", "0", "--exercises-share", "0"]
SECONDS = 600  # a busy machine is slow; only a hanging command shall end this way


def run_command(*words: str) -> list[dict[str, Any]]:
    """The lines that a command prints as JSON, in a process of its own as a person would start it."""
    command = [sys.executable, "-m", "playground", *words, "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def run_command_here(*words: str) -> list[dict[str, Any]]:
    """The same in this process, which has imported everything already."""
    output = io.StringIO()
    with redirect_stdout(output):
        assert main([*words, "--json"]) == 0
    return [json.loads(line) for line in output.getvalue().splitlines()]


class RealRuns:
    """Six steps of a method; the held-out loss is measured before and after them only, which takes time."""

    def __init__(self, folder: Path, model: Path) -> None:
        self._folder, self._model = folder, model
        self._ends: dict[str, dict[str, Any]] = {}

    def end(self, method: str) -> dict[str, Any]:
        """The last event of a method's run."""
        if method not in self._ends:
            words = ["--preset", "quick", "--max-steps", "6", "--evaluations", "1", "--out", str(self.folder(method))]
            words += WINDOWS
            words += ["--learning-rate", RATES[method]] if method in RATES else []
            command = run_command if method == "lora" else run_command_here
            model = mock.patch.dict(os.environ, PLAYGROUND_CHAT_MODEL=str(self._model))
            with model, mock.patch.object(throughput, "REPEATS", 1):  # how fast it would be does not matter here
                self._ends[method] = command("train", str(TEXT), "--method", method, *words)[-1]
        return self._ends[method]

    def folder(self, method: str) -> Path:
        """Where a method's run lies."""
        return self._folder / method

    def adapter(self, method: str) -> Path:
        """The folder of a method's trained adapter."""
        self.end(method)
        return self.folder(method) / "adapter"
