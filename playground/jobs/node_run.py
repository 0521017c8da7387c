"""A run on a node of a cluster: its folder there, the models that it needs, and its worker. Imports no Ray."""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from playground.files import write_text
from playground.jobs import belongings, mirror
from playground.jobs.belongings import Content
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
        self._host = settings
        self.begin(place)
        self._root = Path(os.environ.get(OWN) or Path(tempfile.gettempdir()) / ROOT)

    def begin(self, place: str) -> None:
        """Turn to the run in this folder of the server's; one before it has ended."""
        self._settings, self._place = self._host, place
        self._folder = self._host.data / place

    def shares_disk(self, probe: str, token: str) -> bool:
        """Whether this node sees the server's data folder, where `probe` holds the token, and has none of its own."""
        file = self._settings.data / self._place / probe
        return OWN not in os.environ and file.is_file() and file.read_text() == token

    def move_in(self) -> None:
        """Work in a folder of this node."""
        data, models = self._root / "data", self._root / "models"
        self._settings = replace(self._settings, data=data, models=models, chat_models=NOTHING)
        self._folder = data / self._place
        _sweep(self._root)

    def lacks(self, role: str, model: str, digest: str, from_hub: bool) -> bool:
        """Use the model with this digest in that role; whether it has to be sent first.

        A chat model of the Hub keeps its name; one in a folder is named by that folder.
        """
        named = from_hub and role == "chat"
        models = self._settings.models
        self._model = fetched_folder(self._settings, model) if named else models / digest[:16] / model
        # Several runs may bring it to a node at once.
        self._draft = self._model.with_name(f"{LEFTOVER}{Path(self._place).name}")
        shutil.rmtree(self._draft, ignore_errors=True)
        wanted = model if named else str(self._model)
        if role == "chat":
            self._settings = replace(self._settings, chat_model=wanted)
        else:
            self._settings = replace(self._settings, embedder=wanted)
        return not self._has_model(digest)

    def receive(self, name: str, part: bytes) -> None:
        """A part of a model's file, in order."""
        file = self._draft / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as content:
            content.write(part)

    def keep_model(self, digest: str) -> None:
        """Put the model that was received in its place, for all later runs.

        Raises:
            ValueError: it is not what the server sent.
        """
        if weights_digest(self._draft) != digest:
            shutil.rmtree(self._draft)
            raise ValueError("a model arrived damaged")
        if self._has_model(digest):  # another run was faster
            shutil.rmtree(self._draft)
            return
        shutil.rmtree(self._model, ignore_errors=True)
        self._draft.rename(self._model)

    def unpack(self, content: Content, brought: Content) -> dict[str, Stamp]:
        """The run's folder as the server has it, and what it takes along; returns what the server knows of it."""
        known = mirror.unpack(self._folder, content)
        belongings.unpack(self._folder, brought)
        return known

    def put(self, name: str, text: str) -> None:
        """An order of the server: its lease, or that it is to stop."""
        write_text(self._folder / name, text)

    def work(self) -> str:
        """Do the run; returns the name of its last event."""
        return work(self._folder, self._settings)

    def collect(self, sizes: Mapping[str, int], seen: Mapping[str, Stamp]) -> Changes:
        """What is new in the run's folder."""
        return mirror.collect(self._folder, sizes, seen)

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
