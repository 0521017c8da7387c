"""A run on a node of a cluster: its folder there, the model that it starts from, and its worker. Imports no Ray."""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from playground.files import write_text
from playground.jobs import mirror
from playground.jobs.mirror import Changes, Stamp
from playground.jobs.worker import work
from playground.models.fetch import LEFTOVER
from playground.models.registry import fetched_folder
from playground.models.weights import weights_digest
from playground.settings import NOTHING, Settings

LEFT_SECONDS = 86_400  # after which a run's folder that nobody touched was left by one that was killed
OWN = "PLAYGROUND_NODE_FOLDER"  # a node's own folder for runs and models, in the environment of its Ray
ROOT = "playground-node"  # where none is named, among the temporary files


class NodeRun:
    """One run; `work` blocks, the other methods are called beside it. `place` is its folder in the data folder."""

    def __init__(self, settings: Settings, place: str) -> None:
        self._settings, self._place = settings, place
        self._folder = settings.data / place

    def shares_disk(self, probe: str, token: str) -> bool:
        """Whether this node sees the server's data folder, where `probe` holds the token, and has none of its own."""
        file = self._settings.data / self._place / probe
        return OWN not in os.environ and file.is_file() and file.read_text() == token

    def move_in(self, model: str, digest: str, from_hub: bool) -> bool:
        """Work in a folder of this node; whether the chat model with this digest has to be sent first.

        A model of the Hub keeps its name; one in a folder is named by that folder.
        """
        root = Path(os.environ.get(OWN) or Path(tempfile.gettempdir()) / ROOT)
        own = replace(self._settings, data=root / "data", models=root / "models", chat_models=NOTHING)
        self._model = fetched_folder(own, model) if from_hub else root / "models" / digest[:16] / model
        # Several runs may bring it to a node at once.
        self._draft = self._model.with_name(f"{LEFTOVER}{Path(self._place).name}")
        shutil.rmtree(self._draft, ignore_errors=True)
        self._settings = replace(own, chat_model=model if from_hub else str(self._model))
        self._folder = root / "data" / self._place
        _sweep(root)
        return not self._has_model(digest)

    def receive(self, name: str, part: bytes) -> None:
        """A part of a model's file, in order."""
        self._draft.mkdir(parents=True, exist_ok=True)
        with (self._draft / name).open("ab") as file:
            file.write(part)

    def keep_model(self, digest: str) -> None:
        """Put the model that was received in its place, for all later runs.

        Raises:
            ValueError: it is not what the server sent.
        """
        if weights_digest(self._draft) != digest:
            shutil.rmtree(self._draft)
            raise ValueError("the chat model arrived damaged")
        if self._has_model(digest):  # another run was faster
            shutil.rmtree(self._draft)
            return
        shutil.rmtree(self._model, ignore_errors=True)
        self._draft.rename(self._model)

    def unpack(self, content: Mapping[str, Mapping[str, bytes]]) -> None:
        """The run's folder as the server has it."""
        mirror.unpack(self._folder, content)

    def put(self, name: str, text: str) -> None:
        """An order of the server: its lease, or that it is to stop."""
        write_text(self._folder / name, text)

    def work(self) -> str:
        """Do the run; returns the name of its last event."""
        return work(self._folder, self._settings)

    def collect(self, offset: int, seen: Mapping[str, Stamp]) -> Changes:
        """What is new in the run's folder."""
        return mirror.collect(self._folder, offset, seen)

    def move_out(self) -> None:
        """Delete the run's folder on this node."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _has_model(self, digest: str) -> bool:
        return self._model.is_dir() and weights_digest(self._model) == digest


def _sweep(root: Path) -> None:
    """Delete what runs left on this node whose process was killed: folders with texts, and parts of models."""
    left = [*(root / "data").glob("visitors/*/runs/*"), *(root / "models").rglob(f"{LEFTOVER}*")]
    for each in left:
        with suppress(FileNotFoundError):
            if time.time() - each.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(each, ignore_errors=True)
