"""A checkpoint is whole or passed over, and an optimizer's state survives the way through it bit for bit."""

import json
from pathlib import Path

import pytest
import torch

from playground import checkpoints
from playground.checkpoints import Checkpoint


def checkpoint(step: int) -> Checkpoint:
    return Checkpoint(step, {"weight": torch.full((3,), float(step))}, {"loss": step / 3})


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, checkpoint(7))
    loaded = checkpoints.newest(tmp_path)
    assert loaded is not None
    assert (loaded.step, loaded.facts) == (7, {"loss": 7 / 3})
    assert torch.equal(loaded.tensors["weight"], torch.full((3,), 7.0))


def test_the_older_one_goes_only_when_the_newer_is_whole(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, checkpoint(1))
    checkpoints.save(tmp_path, checkpoint(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000002"]


@pytest.mark.parametrize("damage", ["flip", "truncate", "no manifest"])
def test_a_damaged_one_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints.save(tmp_path / "a", checkpoint(1))
    checkpoints.save(tmp_path / "b", checkpoint(2))
    (tmp_path / "b" / "step-000002").rename(tmp_path / "a" / "step-000002")
    victim = tmp_path / "a" / "step-000002" / "state.safetensors"
    data = bytearray(victim.read_bytes())
    if damage == "flip":
        data[-1] ^= 1
    elif damage == "truncate":
        data = data[:-2]
    else:
        (victim.parent / checkpoints.MANIFEST).unlink()
    victim.write_bytes(data)
    loaded = checkpoints.newest(tmp_path / "a")
    assert loaded is not None
    assert loaded.step == 1


def test_a_half_written_folder_is_not_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / ".tmp-000009-1").mkdir(parents=True)
    assert checkpoints.newest(tmp_path) is None


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
