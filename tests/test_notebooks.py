"""The notebooks of docs/notebooks run as they stand, on the tiny model."""

import runpy
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
ALONE = "train_and_ask"  # runs in a process of its own; to import everything anew takes longer than to run it


def test_every_notebook_is_run() -> None:
    assert {each.stem for each in (ROOT / "docs" / "notebooks").iterdir()} == set(TELLS)


@pytest.mark.slow
@pytest.mark.parametrize("name", TELLS)
def test_a_notebook_runs_as_it_stands(
    name: str,
    long_window_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = (ROOT / "docs" / "notebooks" / f"{name}.py").read_text(encoding="utf-8").replace('"runs/', f'"{tmp_path}/')
    (tmp_path / "notebook.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(long_window_folder))
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(ROOT)
    if name == ALONE:
        subprocess.run([sys.executable, str(tmp_path / "notebook.py")], check=True, timeout=600)
    else:
        runpy.run_path(str(tmp_path / "notebook.py"))
    told = capfd.readouterr().out
    assert [each for each in TELLS[name] if each not in told] == []
