"""The notebooks of docs/notebooks run as the README says, on the tiny model."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TELLS = {
    "train_and_ask": ["step 12 of 12", "held-out loss", "\nbase: ", "\ntuned: "],
    "compare_four_arms": ["'rag'", "both (", "read us_constitution.txt, characters"],
    "examine": ["answers\n", "right among choices", "report.html"],
}
COMMAND = ".venv/bin/python docs/notebooks/train_and_ask.py"


def test_every_notebook_is_run() -> None:
    assert {each.stem for each in (ROOT / "docs" / "notebooks").iterdir()} == set(TELLS)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like the repository, into which a notebook may write."""
    for name in ("adapters", "docs", "playground", "retrieval"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", TELLS)
def test_a_notebook_runs_as_the_readme_says(
    name: str, clone: Path, long_window_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(long_window_folder))
    monkeypatch.setenv("PLAYGROUND_DATA", str(clone / "data"))
    command = COMMAND.replace("train_and_ask", name).split()
    assert f"\n{COMMAND}\n" in (ROOT / "README.md").read_text(encoding="utf-8")
    ran = subprocess.run([sys.executable, *command[1:]], cwd=clone, capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stderr
    assert [each for each in TELLS[name] if each not in ran.stdout] == []
