"""Atomic checkpoints: tensors in safetensors, the rest in JSON, a manifest of hashes last, then one rename."""

import json
import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from playground import files

TENSORS, FACTS, MANIFEST = "state.safetensors", "facts.json", "manifest.json"
KEPT = 2  # checkpoints: one is left where the newest turns out to be damaged


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to continue as if it had never stopped."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True)
class RandomState:
    """The state of all random generators: torch's as tensors, Python's and numpy's as plain numbers in `facts`."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `folder/step-N`. The newest older one is kept; nothing is removed before the new one verifies.

    After a crash at any moment, `newest_checkpoint` finds a whole one.

    Raises:
        OSError, SafetensorError: it could not be written, such as for lack of disk space; nothing of it is left.
    """
    final = folder / f"step-{checkpoint.step:06d}"
    building = folder / f".tmp-{checkpoint.step:06d}-{os.getpid()}"
    try:
        building.mkdir(parents=True, exist_ok=True)
        save_file({name: each.contiguous() for name, each in checkpoint.tensors.items()}, building / TENSORS)
        (building / FACTS).write_text(json.dumps(checkpoint.facts))
        write_manifest(building, checkpoint.step)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    files.swap_in(building, final)
    _remove_older(folder, final)
    return final


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint whose files match its manifest; damaged ones are skipped."""
    files.recover_all(folder)
    for path in _by_step(folder):
        if _verifies(path):
            facts = json.loads((path / FACTS).read_text())
            return Checkpoint(_step(path), load_file(path / TENSORS), facts)
    return None


def random_state() -> RandomState:
    """The state of all random generators of this process: torch's on every device, numpy's and Python's."""
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"cuda.{number}": each for number, each in enumerate(torch.cuda.get_rng_state_all())}
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - others' code may use the global generator
    return RandomState(tensors, {"python": random.getstate(), "numpy": [name, np.asarray(keys).tolist(), *rest]})


def set_random_state(state: RandomState) -> None:
    """Restore all random generators to a `random_state`."""
    torch.set_rng_state(state.tensors["cpu"])
    cards = [name for name in state.tensors if name.startswith("cuda.")]
    if cards and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([state.tensors[f"cuda.{number}"] for number in range(len(cards))])
    version, internal, gauss = state.facts["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(state.facts["numpy"]))  # noqa: NPY002 - see above


def flatten(prefix: str, nested: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state_dict as named tensors and plain JSON, so that no pickle is needed.

    The tensors are named `prefix.parameter number.name`.
    """
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {"param_groups": nested["param_groups"], "state": {}}
    for number, values in nested["state"].items():
        plain["state"][str(number)] = {}
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"{prefix}.{number}.{name}"] = value
            else:
                plain["state"][str(number)][name] = value
    return tensors, plain


def unflatten(prefix: str, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    state: dict[int, dict[str, Any]] = {int(number): dict(values) for number, values in plain["state"].items()}
    for key, value in tensors.items():
        if key.startswith(f"{prefix}."):
            number, name = key[len(prefix) + 1 :].split(".", 1)
            state[int(number)][name] = value
    return {"state": state, "param_groups": plain["param_groups"]}


def write_manifest(building: Path, step: int) -> None:
    """Write the hashes of a checkpoint's files, and wait until all is on the disk."""
    entries = {
        path.name: {"bytes": path.stat().st_size, "sha256": files.sha256([path])} for path in sorted(building.iterdir())
    }
    for path in building.iterdir():
        files.sync(path)
    (building / MANIFEST).write_text(json.dumps({"step": step, "files": entries}))
    files.sync(building / MANIFEST)
    files.sync(building)


def _verifies(path: Path) -> bool:
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        entries = manifest["files"]
        return (manifest["step"], sorted(entries)) == (_step(path), sorted((TENSORS, FACTS))) and all(
            (path / name).stat().st_size == fact["bytes"] and files.sha256([path / name]) == fact["sha256"]
            for name, fact in entries.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _remove_older(folder: Path, final: Path) -> None:
    if _verifies(final):
        older = [path for path in _by_step(folder) if path != final]
        for path in [*older[KEPT - 1 :], *folder.glob(".*")]:
            shutil.rmtree(path, ignore_errors=True)


def _by_step(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name.rpartition("-")[2])
