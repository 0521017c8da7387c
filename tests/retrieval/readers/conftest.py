"""What the tests of the readers share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Afterwards no new process and no temporary file is left, and this process has not grown."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    before, children = psutil.Process().memory_info().rss, set(psutil.Process().children(recursive=True))
    yield
    assert psutil.Process().memory_info().rss - before < 60_000_000
    assert not list(temporary.iterdir())
    assert not set(psutil.Process().children(recursive=True)) - children
