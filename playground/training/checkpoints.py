"""Atomic checkpoints: tensors in safetensors, the rest in JSON, a manifest of hashes last, then one rename."""

import hashlib
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

TENSORS, FACTS, MANIFEST = "state.safetensors", "facts.json", "manifest.json"
KEPT = 2  # checkpoints, so that one is left when the newest turns out to be damaged


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True)
class RandomState:
    """Where random generators stand: those with tensors (torch's), and those with plain numbers (Python's, numpy's)."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `folder/step-N`; of the older ones the last stays, and nothing is removed before the new one verifies.

    A kill at any moment leaves all that was whole before, or what `newest` makes whole again.

    Raises:
        OSError: it could not be written, such as for lack of room; nothing of it is left.
    """
    final = folder / f"step-{checkpoint.step:06d}"
    building = folder / f".tmp-{checkpoint.step:06d}-{os.getpid()}"
    try:
        building.mkdir(parents=True, exist_ok=True)
        save_file({name: each.contiguous() for name, each in checkpoint.tensors.items()}, building / TENSORS)
        (building / FACTS).write_text(json.dumps(checkpoint.facts))
        _write_manifest(building, checkpoint.step)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    swap_in(building, final)
    _drop_older(folder, final)
    return final


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """The latest checkpoint whose files match its manifest; damaged ones are passed over."""
    for aside in folder.glob(".step-*-before"):
        recover(folder / aside.name[1:].removesuffix("-before"))
    for path in _by_step(folder):
        if _verifies(path):
            facts = json.loads((path / FACTS).read_text())
            return Checkpoint(_step(path), load_file(path / TENSORS), facts)
    return None


def swap_in(draft: Path, final: Path) -> None:
    """Put a folder whose files are synced into another's place.

    A kill between the two renames leaves the one before beside it, where `recover` finds it.
    """
    aside = _aside(final)
    if final.exists():
        shutil.rmtree(aside, ignore_errors=True)
        final.rename(aside)
    draft.rename(final)
    sync(final.parent)
    shutil.rmtree(aside, ignore_errors=True)


def recover(final: Path) -> None:
    """Undo a `swap_in` that a kill cut short."""
    aside = _aside(final)
    if aside.exists() and not final.exists():
        aside.rename(final)


def random_state() -> RandomState:
    """Where all random generators of this process stand: torch's on every device, numpy's and Python's."""
    tensors = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"cuda.{number}": each for number, each in enumerate(torch.cuda.get_rng_state_all())}
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - others' code may use the global generator
    return RandomState(tensors, {"python": random.getstate(), "numpy": [name, np.asarray(keys).tolist(), *rest]})


def set_random_state(state: RandomState) -> None:
    """Put all random generators where `random_state` found them."""
    torch.set_rng_state(state.tensors["cpu"])
    cards = [name for name in state.tensors if name.startswith("cuda.")]
    if cards and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([state.tensors[f"cuda.{number}"] for number in range(len(cards))])
    version, internal, gauss = state.facts["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(state.facts["numpy"]))  # noqa: NPY002 - see above


def flatten(prefix: str, nested: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state_dict as named tensors and plain JSON, so that no pickle is needed."""
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


def _write_manifest(building: Path, step: int) -> None:
    files = {path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in sorted(building.iterdir())}
    for path in building.iterdir():
        sync(path)
    (building / MANIFEST).write_text(json.dumps({"step": step, "files": files}))
    sync(building / MANIFEST)
    sync(building)


def _verifies(path: Path) -> bool:
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        files = manifest["files"]
        return (manifest["step"], sorted(files)) == (_step(path), sorted((TENSORS, FACTS))) and all(
            (path / name).stat().st_size == fact["bytes"] and _sha256(path / name) == fact["sha256"]
            for name, fact in files.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _drop_older(folder: Path, final: Path) -> None:
    if _verifies(final):
        older = [path for path in _by_step(folder) if path != final]
        for path in [*older[KEPT - 1 :], *folder.glob(".*")]:
            shutil.rmtree(path, ignore_errors=True)


def _by_step(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"), key=_step, reverse=True)


def _step(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def _aside(final: Path) -> Path:
    return final.with_name(f".{final.name}-before")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
