"""Atomic checkpoints: tensors in safetensors, the rest in JSON, a manifest of hashes last, then one rename."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped."""

    step: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]


def save(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `folder/step-N`; older steps are removed only after the new one verifies.

    A kill at any moment leaves either the previous checkpoint or both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{checkpoint.step:06d}"
    building = folder / f".tmp-{checkpoint.step:06d}-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    save_file({name: each.contiguous() for name, each in checkpoint.tensors.items()}, building / "state.safetensors")
    (building / "facts.json").write_text(json.dumps(checkpoint.facts))
    _write_manifest(building, checkpoint.step)
    shutil.rmtree(final, ignore_errors=True)
    building.rename(final)
    _sync(folder)
    _drop_older(folder, final)
    return final


def newest(folder: Path) -> Checkpoint | None:
    """The latest checkpoint whose files match its manifest; damaged ones are passed over."""
    for path in sorted(folder.glob("step-*"), reverse=True):
        if _verifies(path):
            facts = json.loads((path / "facts.json").read_text())
            return Checkpoint(int(path.name.split("-")[1]), load_file(path / "state.safetensors"), facts)
    return None


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
        _sync(path)
    (building / MANIFEST).write_text(json.dumps({"step": step, "files": files}))
    _sync(building / MANIFEST)
    _sync(building)


def _verifies(path: Path) -> bool:
    try:
        files = json.loads((path / MANIFEST).read_text())["files"]
        return all(
            (path / name).stat().st_size == fact["bytes"] and _sha256(path / name) == fact["sha256"]
            for name, fact in files.items()
        )
    except (OSError, ValueError, KeyError):
        return False


def _drop_older(folder: Path, final: Path) -> None:
    if _verifies(final):
        for path in [*folder.glob("step-*"), *folder.glob(".tmp-*")]:
            if path != final:
                shutil.rmtree(path, ignore_errors=True)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
