"""Folders of safetensors: the digest of their weights, and the manifest of those made here of another form."""

import json
import shutil
from pathlib import Path

from playground.errors import UserError
from playground.files import sha256
from playground.settings import MEGABYTE

MANIFEST = "manifest.json"


def weights_digest(folder: Path) -> str:
    """SHA-256 in hex of the folder's safetensors in order of name; for one file, the digest that the Hub shows."""
    return sha256(sorted(folder.glob("*.safetensors")))


def check_digest(folder: Path, digest: str) -> None:
    """Raise a UserError where the weights are not those that were written; a folder without a manifest passes."""
    manifest = folder / MANIFEST
    if manifest.is_file() and json.loads(manifest.read_text())["weights_sha256"] != digest:
        raise UserError(f"The model in {folder} is damaged. Delete that folder and run `make install` again.")


def is_complete(folder: Path, made_of: str = "") -> bool:
    """Whether every file of the manifest is there with its size: cheap, as it is checked at every start.

    With `made_of`, it must have been made of that too.
    """
    if not (folder / MANIFEST).is_file():
        return False
    manifest = json.loads((folder / MANIFEST).read_text())
    sizes = manifest["bytes"]
    whole = all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())
    return whole and made_of in ("", manifest["from"])


def check_room(models: Path, needed: int, what: str) -> None:
    """Make the folder of the models. Raises UserError where its disk has less than `needed` bytes free."""
    models.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(models).free
    if free < needed:
        raise UserError(
            f"{models} has {free // MEGABYTE} MB free and {what} needs {needed // MEGABYTE} MB. "
            "Make room, or name another folder in PLAYGROUND_MODELS."
        )


def keep(made: Path, folder: Path, made_of: str) -> None:
    """Put a model that was made of something into its place, with its manifest, in one step for any reader."""
    sizes = {path.name: path.stat().st_size for path in sorted(made.iterdir()) if path.is_file()}
    manifest = {"from": made_of, "bytes": sizes, "weights_sha256": weights_digest(made)}
    (made / MANIFEST).write_text(json.dumps(manifest, indent=2))
    if not is_complete(folder, made_of):  # another process may have been faster
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        made.rename(folder)
