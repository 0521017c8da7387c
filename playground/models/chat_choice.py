"""The chat models that a visitor may choose from: those that the host lists, what each is, and what it takes here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

from playground import device
from playground.device import Device
from playground.errors import UserError
from playground.machine_memory import total_memory
from playground.models.gguf_model import is_gguf
from playground.models.known_chat import CHAT_MODELS, KnownChat
from playground.models.registry import ModelSource, chat_source, find_chat
from playground.settings import MEGABYTE, NOTHING, Settings

RESIDENT = 1.55  # what a model takes while it answers, over its weights: 1.51 to 1.63 on a CPU (docs/log.md)
HALF_COPY = 1.5  # a model with its copy in 16 bits, over the model alone
TRAINED_COPIES = 2  # of a model while it is trained: the page's, and the worker's


@dataclass(frozen=True)
class ChatFacts:
    """What is known of a chat model; 0, or "" for the licence, is not known. `context` is in tokens."""

    parameters: int = 0
    megabytes: int = 0
    licence: str = ""
    languages: int = 0
    context: int = 0
    gated: bool = False


@dataclass(frozen=True)
class ChatEntry:
    """A chat model of the host's list: `wanted` is its folder, GGUF file or id, `name` what a visitor sees."""

    name: str
    wanted: str


def listed_chats(settings: Settings, memory: int = 0) -> list[ChatEntry]:
    """The host's own chat model, then the others that it lists; by default the known ones that `memory` bytes hold."""
    wanted = [each.strip() for each in settings.chat_models.split(",") if each.strip()]
    if not wanted:
        wanted = [each.name for each in CHAT_MODELS if fits(each.parameters, memory or total_memory())]
    others = [] if wanted == [NOTHING] else wanted
    return [_entry(each) for each in dict.fromkeys([settings.chat_model, *others])]


def check_list(settings: Settings) -> None:
    """Refuse a list of chat models that cannot be used; one that is not on this machine yet is none.

    Raises:
        UserError: two of them have one name, or one is no folder with weights, GGUF file or name on the Hub.
    """
    entries = listed_chats(settings)
    for entry in entries[1:]:
        if entry.name in [each.name for each in entries if each is not entry]:
            raise UserError(f"PLAYGROUND_CHAT_MODELS names two models called {entry.name}. Rename one of them.")
        find_chat(settings, entry.wanted)


def listed_source(settings: Settings, name: str) -> ModelSource:
    """Where the listed model of this name is; with "" the host's own. Uses no network.

    Raises:
        UserError: it is not listed, or not on this machine.
    """
    wanted = "" if not name else next((each.wanted for each in listed_chats(settings) if each.name == name), None)
    if wanted is None or (wanted and find_chat(settings, wanted) is None and wanted != settings.chat_model):
        raise UserError(
            f"This was made with the chat model {name}, which is not on this machine. Choose something else, or ask "
            "the host to bring that model back."
        )
    return chat_source(settings, wanted)


def fits(parameters: int, memory: int) -> bool:
    """Whether a model of so many parameters can answer and be trained on a machine with this memory, in float32."""
    return TRAINED_COPIES * parameters * torch.float32.itemsize < memory


def memory_bytes(parameters: int, here: Device, bits: int) -> int:
    """What a model takes while it answers with weights of so many bits."""
    whole = parameters * here.dtype.itemsize
    return round(whole * (HALF_COPY if bits < 8 * here.dtype.itemsize else RESIDENT))


def check_room(sources: Sequence[ModelSource], here: Device, bits: int, loaded: int = 0) -> None:
    """Refuse two chat models that the memory cannot hold at once: the system would end the process without a word.

    The first `loaded` of them are in memory already. One alone is not refused.

    Raises:
        UserError: naming both, and what they take.
    """
    sizes = [memory_bytes(facts_of(each.name, each).parameters, here, bits) for each in sources]
    if len(sources) > 1 and sum(sizes[loaded:]) > device.free_memory(here):
        raise UserError(
            f"The memory has no room for {sources[0].name} and {sources[1].name} at once ({sum(sizes) / 1e9:.1f} GB). "
            "Let the ways of answering without an adapter use a smaller model, or the same one."
        )


def facts_of(name: str, source: ModelSource | None) -> ChatFacts:
    """What is known of a chat model: what its authors say and, once it is here, what its files say."""
    known = next((each for each in CHAT_MODELS if each.name == name), None)
    said = _said(known) if known else ChatFacts()
    return _read(source.folder, said) if source else said


def _said(known: KnownChat) -> ChatFacts:
    return ChatFacts(**{name: value for name, value in vars(known).items() if name != "name"})


def _read(folder: Path, said: ChatFacts) -> ChatFacts:
    config = (
        json.loads((folder / "config.json").read_text(encoding="utf-8")) if (folder / "config.json").exists() else {}
    )
    weights = sorted(folder.glob("*.safetensors"))
    return ChatFacts(
        parameters=said.parameters or _parameters(weights),
        megabytes=sum(each.stat().st_size for each in weights) // MEGABYTE,
        licence=said.licence,
        languages=said.languages,
        context=config.get("max_position_embeddings", said.context),
        gated=said.gated,
    )


def _parameters(weights: Iterable[Path]) -> int:
    count = 0
    for file in weights:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - this is no dictionary
                count += torch.Size(tensors.get_slice(name).get_shape()).numel()
    return count


def _entry(wanted: str) -> ChatEntry:
    path = Path(wanted).expanduser()
    if is_gguf(wanted):
        return ChatEntry(path.stem, wanted)
    return ChatEntry(path.resolve().name if path.is_dir() else wanted, wanted)
