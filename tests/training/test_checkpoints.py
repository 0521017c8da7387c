"""A checkpoint is whole or passed over, and an optimizer's state survives the way through it bit for bit."""

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from playground import files
from playground.training import checkpoints
from playground.training.checkpoints import Checkpoint


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"weight": torch.full((3,), float(step))}, {"loss": step / 3})


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, checkpoint(7))
    loaded = checkpoints.newest_checkpoint(tmp_path)
    assert loaded is not None
    assert (loaded.step, loaded.facts) == (7, {"loss": 7 / 3})
    assert torch.equal(loaded.tensors["weight"], torch.full((3,), 7.0))


def test_the_newest_and_the_one_before_are_kept(tmp_path: Path) -> None:
    for step in (9, 99, 999_999, 1_000_000):
        checkpoints.save(tmp_path, checkpoint(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-1000000", "step-999999"]
    assert loaded_step(tmp_path) == 1_000_000


def loaded_step(folder: Path) -> int | None:
    loaded = checkpoints.newest_checkpoint(folder)
    return loaded.step if loaded else None


@pytest.mark.parametrize("file", [checkpoints.TENSORS, checkpoints.FACTS, checkpoints.MANIFEST])
def test_a_checkpoint_with_a_flipped_bit_or_a_lost_end_is_passed_over(tmp_path: Path, file: str) -> None:
    for step in (1, 2):
        checkpoints.save(tmp_path, checkpoint(step))
    victim = tmp_path / "step-000002" / file
    whole = victim.read_bytes()
    assert loaded_step(tmp_path) == 2
    for place in range(len(whole)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            victim.write_bytes(damaged)
            assert loaded_step(tmp_path) == 1, place
    victim.unlink()
    assert loaded_step(tmp_path) == 1
    (tmp_path / "step-000001" / file).unlink()
    assert loaded_step(tmp_path) is None


@pytest.mark.parametrize("reached", range(6))
def test_a_kill_at_any_point_of_a_save_leaves_a_whole_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: int
) -> None:
    """Killed by os._exit at the n-th call that changes the disk, in a process of its own."""
    for step in (1, 2):
        checkpoints.save(tmp_path, checkpoint(step))
    if (child := os.fork()) == 0:
        points = [(checkpoints, "save_file"), (checkpoints, "write_manifest"), (files, "sync")]
        points += [(Path, "rename"), (shutil, "rmtree"), (Path, "write_text")]
        owner, name = points[reached]
        monkeypatch.setattr(owner, name, lambda *_, **__: os._exit(9))
        checkpoints.save(tmp_path, checkpoint(2))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert loaded_step(tmp_path) == 2
    checkpoints.save(tmp_path, checkpoint(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000002", "step-000003"]


def test_every_random_generator_goes_on_where_it_stood() -> None:
    state = checkpoints.random_state()
    facts = json.loads(json.dumps(state.facts))
    drawn = [(torch.rand(1).item(), random.random(), np.random.rand()) for _ in range(3)]  # noqa: NPY002
    checkpoints.set_random_state(checkpoints.RandomState(state.tensors, facts))
    assert drawn == [(torch.rand(1).item(), random.random(), np.random.rand()) for _ in range(3)]  # noqa: NPY002


def test_a_half_written_folder_is_not_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / ".tmp-000009-1").mkdir(parents=True)
    assert checkpoints.newest_checkpoint(tmp_path) is None


def test_an_optimizer_goes_on_as_if_it_had_never_been_saved() -> None:
    runs = []
    for saved in (False, True):
        torch.manual_seed(0)
        weight = torch.nn.Parameter(torch.randn(4, 4))
        optimizer = torch.optim.AdamW([{"params": [weight], "lr": 0.1, "weight_decay": 0.1}])
        for step in range(6):
            if saved and step == 3:
                tensors, plain = checkpoints.flatten("optimizer", optimizer.state_dict())
                optimizer = torch.optim.AdamW([{"params": [weight], "lr": 0.5}])
                optimizer.load_state_dict(checkpoints.unflatten("optimizer", tensors, json.loads(json.dumps(plain))))
            optimizer.zero_grad()
            (weight**2).sum().backward()
            optimizer.step()
        runs.append(weight.detach().clone())
    assert torch.equal(runs[0], runs[1])
