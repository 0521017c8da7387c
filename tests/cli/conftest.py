"""Runs commands in this process, on the tiny chat model and the embedder that comes with the requirements."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers.utils.logging import disable_progress_bar, enable_progress_bar

from playground.cli.main import main
from tests.fakes.command_line import TEXT, CommandResult, RunCommand


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny model, this test's own folder to work in, and the quiet that a process of its own would begin with."""
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(tiny_model_folder))
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "town.md").write_text(TEXT)
    disable_progress_bar()
    yield
    enable_progress_bar()


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> RunCommand:
    """Runs a command; takes what it wrote from the file descriptors, so that nothing slips by."""

    def run(*words: str) -> CommandResult:
        capfd.readouterr()
        code = main(words)
        return CommandResult(code, *capfd.readouterr())

    return run
