"""Fetches a chat model from the Hub: safetensors, JSON and text files alone, each compared with the Hub's own hash.

The files lie in a folder of their own until all are complete, then that is renamed: a model is here as a whole or not
at all. Nothing of it is run or unpickled.
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

from playground.errors import UserError
from playground.files import BLOCK_BYTES, is_full, never, sync
from playground.models.compat import HUB_ERRORS
from playground.models.registry import HUB_SECONDS, HUB_TEXTS, HUB_WEIGHTS, fetched_folder, first_line
from playground.settings import MEGABYTE, Settings

SILENT_SECONDS = 30.0  # of the Hub in the middle of a file, after which the transfer counts as broken
RETRIES = 2
BY_LOGIN = "by-login"  # a file in the folder of a model that came with a visitor's login: others need one too
LEFTOVER = ".fetching-"  # begins the name of a folder that is being filled
LEFTOVER_SECONDS = 86_400  # after which one was left by a process that was killed

Report = Callable[[int, int], None]  # told the bytes that are here, and all of them


class FetchCancelled(Exception):
    """The transfer was to stop; nothing of it is left."""


@dataclass(frozen=True)
class HubModel:
    """What the Hub says of a model: its commit, and the files that are wanted of it."""

    name: str
    commit: str
    files: tuple[RepoSibling, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all files."""
        return sum(each.size or 0 for each in self.files)


def ask_hub(name: str) -> HubModel:
    """What the Hub says of a model, with the hash of each file.

    Raises:
        UserError: it is unknown, gated, without safetensors, or the Hub is out of reach.
    """
    try:
        info = HfApi().model_info(name, timeout=HUB_SECONDS, files_metadata=True)
    except HUB_ERRORS as fault:
        raise UserError(_refusal(name, fault)) from fault
    files = tuple(each for each in info.siblings or () if _is_wanted(each.rfilename))
    if not any(each.rfilename.endswith(".safetensors") for each in files):
        raise UserError(f"{name} has no safetensors on the Hub, and no other form is loaded. Choose another model.")
    return HubModel(name, info.sha or "main", files)


def check_access(name: str, token: str) -> None:
    """Refuse whoever may not read a model on the Hub: the visitor with this token, or the host without one.

    Raises:
        UserError: a login or the authors' consent is missing, or the Hub is out of reach.
    """
    try:
        HfApi().auth_check(name, token=token or None)
    except HUB_ERRORS as fault:
        raise UserError(_refusal(name, fault)) from fault


def fetch_chat(
    name: str, settings: Settings, report: Report, should_stop: Callable[[], bool] = never, token: str = ""
) -> Path:
    """Bring a chat model into its folder, which is returned; with a visitor's `token`, or else the host's own login.

    Raises:
        UserError: what `ask_hub` raises, a full disk, or a file that is not what the Hub announced.
        FetchCancelled: `should_stop` returned True.
    """
    model, final = ask_hub(name), fetched_folder(settings, name)
    final.parent.mkdir(parents=True, exist_ok=True)
    _sweep(final.parent)
    if shutil.disk_usage(final.parent).free < model.nbytes + settings.reserve_bytes:
        raise UserError(_no_room(model))
    try:
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=LEFTOVER) as scratch:
            made = Path(scratch) / "model"
            made.mkdir()
            _Transfer(model, made, report, should_stop, token).run()
            if token:
                (made / BY_LOGIN).touch()
            if not final.is_dir():  # another process may have been faster
                made.rename(final)
    except HUB_ERRORS as fault:
        raise UserError(_no_room(model) if is_full(fault) else _refusal(name, fault)) from fault
    sync(final.parent)
    return final


class _Transfer:
    """The files of one model on their way into a folder."""

    def __init__(
        self, model: HubModel, folder: Path, report: Report, should_stop: Callable[[], bool], token: str
    ) -> None:
        self._model, self._folder, self._report, self._should_stop = model, folder, report, should_stop
        self._token = token
        self._done = 0

    def run(self) -> None:
        for file in self._model.files:
            self._bring(file)

    def _bring(self, file: RepoSibling) -> None:
        """One file, synced; its hash is taken as it comes."""
        digest = hashlib.sha256() if file.lfs else hashlib.sha1(b"blob %d\0" % (file.size or 0), usedforsecurity=False)
        path = self._folder / file.rfilename
        url = hf_hub_url(self._model.name, file.rfilename, revision=self._model.commit)
        headers = build_hf_headers(token=self._token or None)  # None: with the host's own login, if there is one
        with (
            http_stream_backoff("GET", url, headers=headers, timeout=SILENT_SECONDS, max_retries=RETRIES) as response,
            path.open("wb") as out,
        ):
            hf_raise_for_status(response)
            for block in response.iter_bytes(BLOCK_BYTES):
                if self._should_stop():
                    raise FetchCancelled
                out.write(block)
                digest.update(block)
                self._done += len(block)
                self._report(self._done, self._model.nbytes)
        if digest.hexdigest() != (file.lfs.sha256 if file.lfs else file.blob_id):
            raise UserError(
                f"{file.rfilename} of {self._model.name} is not the file that the Hub announced, so nothing was kept. "
                "Try again later, or choose another model."
            )
        sync(path)


def _is_wanted(name: str) -> bool:
    """Files of the first folder alone: those below hold other forms of the same weights."""
    return "/" not in name and "\\" not in name and any(fnmatch(name, each) for each in (*HUB_TEXTS, *HUB_WEIGHTS))


def _refusal(name: str, fault: Exception) -> str:
    """Why the Hub does not give a model, and what to do."""
    if isinstance(fault, GatedRepoError):
        return (
            f"{name} is gated: its authors ask for a login and a consent first. Give both at "
            f"https://huggingface.co/{name}, then choose it again with a token of yours that may read it, or ask the "
            "host to log in; until then choose another model."
        )
    if isinstance(fault, RepositoryNotFoundError):
        return f"The Hub has no model {name}, or does not show it to this host. Choose another model."
    return f"{name} could not be fetched from the Hub: {first_line(fault)}. Try again later, or choose another one."


def _no_room(model: HubModel) -> str:
    needed = max(1, model.nbytes // MEGABYTE)
    return f"The disk has no room for {model.name} ({needed} MB), so nothing was kept. Choose a smaller model."


def _sweep(folder: Path) -> None:
    """Delete what a killed process left."""
    for each in folder.glob(f"{LEFTOVER}*"):
        if time.time() - each.stat().st_mtime > LEFTOVER_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
