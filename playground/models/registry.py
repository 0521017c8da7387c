"""Which chat model and embedder, and where they come from: safetensors only, never remote code."""

import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from playground.errors import UserError
from playground.models import wheels
from playground.models.compat import HUB_ERRORS, check, downloaded_bytes
from playground.models.gguf_model import find_unpacked, is_gguf, unpack_gguf
from playground.models.weights import weights_digest
from playground.settings import MEGABYTE, Settings

HUB_TEXTS, HUB_WEIGHTS = ["*.json", "*.txt", "*.jinja"], ["*.safetensors"]  # never *.bin, never *.py
HUB_SECONDS = 5.0  # for a first answer; without one the Hub counts as absent
VARIABLES = {"chat": "PLAYGROUND_CHAT_MODEL", "embedder": "PLAYGROUND_EMBEDDER"}
LISTED = "PLAYGROUND_CHAT_MODELS"
FETCHED = "hub"  # the folder, among the models, of those that `fetch` brought

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownEmbedder:
    """An embedder that a visitor may choose: its number of languages, its size in megabytes, its licence.

    One that is not `on_hub` comes with the installation alone.
    """

    name: str
    languages: int
    megabytes: int
    licence: str
    on_hub: bool = True


# Only models that need no prompt, or whose own configuration has it: without its prompts, E5's cosines say little.
EMBEDDERS = (
    KnownEmbedder("sentence-transformers/all-MiniLM-L6-v2", 1, 91, "Apache-2.0"),
    KnownEmbedder(wheels.MULTILINGUAL_EMBEDDER, 94, 490, "MIT", on_hub=False),
    KnownEmbedder("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", 50, 480, "Apache-2.0"),
)


@dataclass(frozen=True)
class ModelSource:
    """A model on this machine: its role ("chat", "embedder") and name, where it came from, and its folder.

    The origin is "folder", "gguf", "hub" or "wheel".
    """

    role: str
    name: str
    origin: str
    folder: Path


def chat_source(settings: Settings, wanted: str = "") -> ModelSource:
    """Where a chat model is, the settings' own or a folder or id: a folder, the Hub's cache, or made of its wheel.

    Uses no network. Raises UserError, saying what to do, when it is not on this machine.
    """
    return _require_source("chat", settings, wanted)


def find_chat(settings: Settings, wanted: str) -> ModelSource | None:
    """The chat model of this folder, GGUF file or id, if it is on this machine. Uses no network.

    Raises UserError for a folder without weights, and for what is neither such a file, a folder nor a name on the Hub.
    """
    return _find_source("chat", wanted, settings)


def fetched_folder(settings: Settings, name: str) -> Path:
    """Where a chat model that was fetched from the Hub is, or will be, complete."""
    return settings.models / FETCHED / name.replace("/", "--")


def embedder_source(settings: Settings, name: str = "") -> ModelSource:
    """Where an embedder is, the settings' own or a named one: a folder, the Hub's cache, or the installed wheel.

    Uses no network. Raises UserError, saying what to do, when it is not on this machine.
    """
    return _require_source("embedder", settings, name)


def embedder_by_hash(settings: Settings, name: str, digest: str) -> ModelSource:
    """The embedder with these weights (16 hex digits): the settings' own, or the one of this name or in this folder.

    Raises UserError when it is not on this machine.
    """
    for each in ("", name):
        with suppress(UserError):
            source = embedder_source(settings, each)
            if weights_digest(source.folder)[:16] == digest:
                return source
    raise UserError(
        f"The index was built with the embedder {name} ({digest}), which is not on this machine. Bring it back, or "
        "build the index again."
    )


def multilingual_source(settings: Settings) -> ModelSource | None:
    """The embedder for texts that are not in English, where it is on this machine and the host chose no other.

    Uses no network.
    """
    if settings.embedder != wheels.EMBEDDER:
        return None
    return _find_source("embedder", wheels.MULTILINGUAL_EMBEDDER, settings)


def is_installed(settings: Settings, name: str) -> bool:
    """Whether the embedder of this name is on this machine. Uses no network."""
    return _find_source("embedder", name, settings) is not None


def installed_embedders(settings: Settings) -> list[ModelSource]:
    """The embedders on this machine: the settings' own first, then those of `EMBEDDERS`. Uses no network."""
    own = embedder_source(settings)
    others = [_find_source("embedder", each.name, settings) for each in EMBEDDERS if each.name != own.name]
    return [own, *(each for each in others if each)]


def installed_embedder(settings: Settings, name: str) -> ModelSource:
    """The embedder of that name, or the settings' own where it is not on this machine. Uses no network."""
    here = installed_embedders(settings)
    return next((each for each in here if each.name == name), here[0])


def available_on_hub(names: Sequence[str]) -> list[str]:
    """Which of these models the Hub offers as safetensors; none once it does not answer within `HUB_SECONDS`."""
    available = []
    for name in names:
        try:
            files = HfApi().model_info(name, timeout=HUB_SECONDS).siblings or []
        except HfHubHTTPError as fault:  # it answers, but does not give this one
            log.info("The Hub does not give %s: %s", name, first_line(fault))
            continue
        except HUB_ERRORS as fault:
            log.info("The Hub is out of reach: %s", first_line(fault))
            break
        if any(file.rfilename.endswith(".safetensors") for file in files):
            available.append(name)
    return available


def fetch_embedder(name: str) -> None:
    """Download an embedder from the Hub into its cache.

    Raises UserError without room on the disk, and when the Hub does not give it.
    """
    check()
    needed = next((each.megabytes for each in EMBEDDERS if each.name == name), 0)
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(cache).free // MEGABYTE) < 2 * needed:
        raise UserError(f"The disk has {free} MB free, too little to fetch {name} ({needed} MB). Choose another one.")
    try:
        _download(name)
    except HUB_ERRORS as fault:
        raise UserError(
            f"{name} could not be fetched from the Hub: {first_line(fault)}. Try again later, or choose another one."
        ) from fault


def downloaded_megabytes(name: str) -> int:
    """How much of a model has been downloaded from the Hub so far."""
    return downloaded_bytes(name) // MEGABYTE


def install_models(settings: Settings, report: Callable[[str], None]) -> list[ModelSource]:
    """Download what is missing of the two models, from the Hub or else from a wheel, and report each step as a line.

    With the default embedder, the one for other languages than English is made too, if its wheel can be had.

    Raises UserError when neither has a model, or the disk has no room for it.
    """
    sources = []
    for role in VARIABLES:
        report(f"The {role} model {_configured_name(role, settings)}")
        if _find_source(role, _configured_name(role, settings), settings) is None:
            _fetch_model(role, settings, report)
        source = _require_source(role, settings)
        report(f"  is ready in {source.folder} (from the {source.origin})")
        sources.append(source)
    if settings.embedder == wheels.EMBEDDER:
        _install_multilingual(settings, report)
    return sources


def _install_multilingual(settings: Settings, report: Callable[[str], None]) -> None:
    """Make the embedder for other languages than English of its wheel; everything works without it."""
    report(f"The embedder for other languages than English, {wheels.MULTILINGUAL_EMBEDDER}")
    if multilingual_source(settings) is None:
        try:
            wheels.install_multilingual_embedder(settings.models, report)
        except UserError as fault:
            report(f"  is left out: {fault}")
            return
    report(f"  is ready in {settings.models / wheels.MULTILINGUAL_EMBEDDER}")


def _configured_name(role: str, settings: Settings) -> str:
    return settings.chat_model if role == "chat" else settings.embedder


def _require_source(role: str, settings: Settings, name: str = "") -> ModelSource:
    name = name or _configured_name(role, settings)
    source = _find_source(role, name, settings)
    if source is None:
        raise UserError(
            f"The {role} model {name} is not on this machine as safetensors. Run `make install` once with a "
            f"connection, or name a folder in {VARIABLES[role]}."
        )
    return source


def _find_source(role: str, name: str, settings: Settings) -> ModelSource | None:
    """The first of GGUF file, folder, Hub's cache, what was fetched and wheel that holds the model of this name."""
    variable = LISTED if role == "chat" and name != settings.chat_model else VARIABLES[role]
    if role == "chat" and is_gguf(name):
        file = gguf_file(variable, name)
        unpacked = find_unpacked(file, settings.models)
        return ModelSource(role, file.stem, "gguf", unpacked) if unpacked else None
    if (folder := _named_folder(variable, name)) is not None:
        return ModelSource(role, folder.name, "folder", folder)
    if (folder := _cached_snapshot(variable, name)) is not None:
        return ModelSource(role, name, "hub", folder)
    if role == "chat" and _has_weights(fetched := fetched_folder(settings, name)):
        return ModelSource(role, name, "hub", fetched)
    if (folder := wheels.wheel_folder(name, settings.models)) is not None:
        return ModelSource(role, name, "wheel", folder)
    return None


def gguf_file(variable: str, name: str) -> Path:
    """The GGUF file that a setting names. Raises UserError where there is none."""
    file = Path(name).expanduser()
    if not file.is_file():
        raise UserError(
            f"{variable} names {name}, which is no file. Correct it, or name a folder or a model on the Hub."
        )
    return file.resolve()


def _named_folder(variable: str, name: str) -> Path | None:
    """The folder that the setting names, or None where it names a model on the Hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not _has_weights(folder):
            raise UserError(f"{variable} names {name}, which has no .safetensors file; no other form is loaded.")
        return folder.resolve()
    if name.startswith(("/", ".", "~")):
        raise UserError(f"{variable} names {name}, which is no folder. Correct it, or name a model on the Hub.")
    return None


def _cached_snapshot(variable: str, name: str) -> Path | None:
    """The model's snapshot in the Hub's cache, where it is complete."""
    try:
        folder = Path(snapshot_download(name, allow_patterns=HUB_WEIGHTS, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as fault:
        raise UserError(f"{variable} names {name}: no folder here, nor a Hub name like owner/model.") from fault
    return folder if _has_weights(folder) else None


def _has_weights(folder: Path) -> bool:
    return any(folder.glob("*.safetensors"))


def _fetch_model(role: str, settings: Settings, report: Callable[[str], None]) -> None:
    """Download the model into the Hub's cache, or else make it from the wheel."""
    name = _configured_name(role, settings)
    if role == "chat" and is_gguf(name):
        report("  is made into float32 safetensors, once (about a minute per 500 million weights)")
        unpack_gguf(gguf_file(VARIABLES[role], name), settings.models)
        return
    report("  is not on this machine; asking the Hugging Face Hub")
    try:
        _download(name)
    except HUB_ERRORS as fault:
        report(f"  the Hub does not give it: {first_line(fault)}")
        if name != wheels.CHAT_MODEL:
            raise UserError(
                f"The {role} model {name} cannot be had from the Hub: {first_line(fault)}. Check its name and the "
                f"connection, or name a folder in {VARIABLES[role]}."
            ) from fault
        wheels.install_chat_model(settings.models, report)


def _download(name: str) -> None:
    """Download the model into the Hub's cache, weights last: a model that has them is complete."""
    HfApi().model_info(name, timeout=HUB_SECONDS)  # the download alone would wait forever on a silent network
    for patterns in (HUB_TEXTS, HUB_WEIGHTS):
        snapshot_download(name, allow_patterns=patterns)


def first_line(fault: BaseException) -> str:
    """The first line of an error's text, without a full stop, to be put into a sentence."""
    return (str(fault).strip() or type(fault).__name__).splitlines()[0].rstrip(".")
