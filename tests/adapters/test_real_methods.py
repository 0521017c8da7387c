"""Every method on the real model and a real text, through the command line as a person would type it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import adapters
from playground.errors import UserError
from playground.models.registry import chat_source
from playground.settings import Settings

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = ROOT / "playground" / "data" / "example_texts" / "us_constitution.txt"
SECONDS = 600  # a busy machine is slow; only a hanging command shall end this way


@pytest.fixture(autouse=True)
def chat_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run on the model that is on this machine."""
    try:
        monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(chat_source(Settings.from_environment()).folder))
    except UserError as reason:
        pytest.skip(str(reason))


def run(*words: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "playground", *words, "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def train(method: str, out: Path) -> dict[str, Any]:
    """The last event of six steps; the held-out loss is measured before and after them only, which takes time."""
    words = ["--preset", "quick", "--max-steps", "6", "--evaluations", "1", "--out", str(out)]
    return run("train", str(TEXT), "--method", method, *words)[-1]


@pytest.mark.parametrize("method", adapters.methods())
def test_every_method_learns_a_text_in_six_steps(method: str, tmp_path: Path) -> None:
    last = train(method, tmp_path / "run")
    assert (last["reason"], last["step"]) == ("done", 6)
    assert last["heldout_after"] < last["heldout_before"]
    if method == "lora":
        question = "What does the Constitution say about the age of the President?"
        base, tuned = run("ask", question, "--adapter", str(tmp_path / "run"), "--max-new-tokens", "24")
        assert (base["arm"], tuned["arm"]) == ("base", "tuned")
        assert base["answer"].strip()
        assert tuned["answer"].strip()
        assert tuned["stamp"]["method"] == "lora"
        assert tuned["stamp"]["base_hash"] == base["stamp"]["base_hash"]
