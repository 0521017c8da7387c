"""What the page says of a run that is paused: an adapter is promised only where there is one."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from playground.jobs.queue import Snapshot
from playground.storage.run_folder import write_record
from playground.ui.train.run_view import state_line


@pytest.mark.parametrize(("language", "ready"), [("en", "an adapter is ready"), ("vi", "adapter đã sẵn sàng")])
def test_a_run_that_was_killed_before_its_first_adapter_promises_none(
    tmp_path: Path, language: str, ready: str
) -> None:
    event = {"event": "progress", "step": 7, "steps": 40}
    run = cast(Snapshot, SimpleNamespace(state="stopped", events=[event], error="", folder=tmp_path))
    assert ready not in state_line(language, run)
    assert "7" in state_line(language, run)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_model.safetensors").touch()
    write_record(tmp_path / "adapter", {})
    assert ready in state_line(language, run)
