"""A slice of `benchmarks.kills`: workers ended by SIGKILL at random moments and inside saves."""

from pathlib import Path

import pytest

from benchmarks import kills


@pytest.mark.slow
@pytest.mark.parametrize("method", ["adalora", "delta_lora"])
def test_a_killed_run_ends_as_if_it_had_been_left_alone(method: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    kills.FORKED.set_forkserver_preload(kills.PRELOADED)
    found = kills.tally(method, 6, tiny_model_folder, tmp_path)
    assert found.exact, found
    assert found.kills == 6
    assert found.inside_a_save > 0


def test_steps_done_again_are_counted_for_each_kill(tmp_path: Path) -> None:
    events = [("started", 0), ("progress", 1), ("progress", 2), ("progress", 3), ("started", 1), ("progress", 3)]
    lines = [f'{{"event": "{name}", "resumed": {str(bool(n)).lower()}, "step": {n}}}' for name, n in events]
    (tmp_path / kills.EVENTS).write_text("\n".join([*lines, '{"event": "pro']))
    assert list(kills.lost_steps(tmp_path)) == [1]
