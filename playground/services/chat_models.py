"""The chat models that are in memory, and whose each is: as many as memory holds, the least recently used out first."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import PretrainedConfig

from playground.device import choose, free_memory, gpu, on_zero_gpu, read_rate
from playground.errors import UserError
from playground.inference.engine import complete, scheduler_of
from playground.models import registry
from playground.models.architectures import row_of
from playground.models.chat_choice import (
    ChatEntry,
    ChatFacts,
    check_list,
    facts_of,
    listed_chats,
    listed_source,
    memory_bytes,
)
from playground.models.chat_model import ChatModel, load_chat, load_config
from playground.models.fetch import BY_LOGIN, Report, fetch_chat
from playground.models.gguf_model import is_gguf, unpack_gguf
from playground.models.registry import ModelSource, fetched_folder, find_chat, gguf_file
from playground.prompts import Messages
from playground.services.keyed_locks import KeyedLocks
from playground.settings import Settings
from playground.storage.store import WORKING, Store

GPU_SECONDS = 60  # for which a GPU is lent for one batch of requests
SPARE_BYTES = 700_000_000  # that must stay free beside a further model: keys and values of a batch, and the page
READ_SHARE = 0.45  # of the rate at which weights can be read: a single answer had .35 to .52 of it (docs/log.md)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ChatOffer:
    """A chat model to choose: `here` on this machine, or to be fetched; what it takes, and how fast it answers here.

    `memory` is in bytes and `speed` in tokens per second, estimated; 0 is not known. One that came `by_login` of a
    visitor is given to those alone who may read it too.
    """

    name: str
    here: bool
    facts: ChatFacts
    memory: int
    speed: float
    by_login: bool = False


class ChatModels:
    """The base models of all visitors. Loading one delays only those who need that one; none is ever modified.

    Nobody's choice is the host's own model, `default`, which is loaded when it is first needed.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        if settings.chat_models:
            check_list(settings)
        listed = listed_chats(settings)
        # On ZeroGPU only what was loaded before the page was served can be placed on a GPU.
        self._entries = {each.name: each for each in (listed[:1] if on_zero_gpu() else listed)}
        self.default = next(iter(self._entries))
        self._cache: OrderedDict[str, ChatModel] = OrderedDict()
        self._loading = KeyedLocks()
        self._lock = threading.Lock()
        self._here: dict[str, ModelSource] | None = None
        self._on_hub: list[str] = []
        self._complete_on_gpu = gpu(GPU_SECONDS)(self._complete)

    def of(self, visitor: str) -> ChatModel:
        """The model that a visitor chose, or the host's own; raises as `get` does."""
        return self.get(self.name(visitor))

    def name(self, visitor: str) -> str:
        """The name of the one that `of` gives; loads nothing."""
        return self.known(self._store.base(visitor))

    def known(self, name: str) -> str:
        """This name, if such a model is on this machine, else that of the host's own."""
        return name if name in self.here() else self.default

    def get(self, name: str = "", beside: Sequence[str] = ()) -> ChatModel:
        """The model of this name, or the host's own; the first call takes seconds. Those `beside` it stay.

        Raises:
            UserError: it is not on this machine, cannot be loaded, or has no room in memory.
        """
        name = name or self.default
        with self._loading.hold(name):
            with self._lock:
                chat = self._cache.get(name)
            chat = chat or self._load(name, beside)
            with self._lock:
                self._cache[name] = chat
                self._cache.move_to_end(name)
        return chat

    def together(self, names: Sequence[str]) -> dict[str, ChatModel]:
        """The models of these names, all in memory at once; raises as `get` does."""
        found: dict[str, ChatModel] = {}
        for name in names:
            found[name] = self.get(name, beside=list(found))
        return found

    def source(self, name: str = "") -> ModelSource:
        """Where the model of this name is. Raises UserError where it is not on this machine."""
        return listed_source(self._settings, name)

    def folder(self, name: str = "") -> Path:
        """The folder that the model of this name is loaded from."""
        return self.source(name).folder

    def config(self, name: str = "") -> PretrainedConfig:
        """The configuration of the model of this name; loads no weights."""
        with self._lock:
            chat = self._cache.get(name or self.default)
        return chat.model.config if chat else load_config(self.source(name))

    def here(self) -> dict[str, ModelSource]:
        """The listed models that are on this machine, by name; looked for once, and again after one was fetched."""
        with self._lock:
            if self._here is None:
                found = {each.name: find_chat(self._settings, each.wanted) for each in self._others}
                self._here = {name: source for name, source in found.items() if source}
            return {**self._here}

    def look_again(self) -> None:
        """Look for the models on this machine the next time they are asked for."""
        with self._lock:
            self._here = None

    def came_by_login(self, name: str) -> bool:
        """Whether a model was fetched with the login of a visitor."""
        return (fetched_folder(self._settings, name) / BY_LOGIN).is_file()

    def bring(self, name: str, report: Report, should_stop: Callable[[], bool], token: str = "") -> None:
        """Bring a listed model that is not ready here: fetch it, or make it of its GGUF file; raises as these do."""
        wanted = self._entries[name].wanted
        if is_gguf(wanted):
            unpack_gguf(gguf_file(registry.LISTED, wanted), self._settings.models)
        else:
            fetch_chat(name, self._settings, report, should_stop, token)
        self.look_again()

    def offered_names(self) -> list[str]:
        """The host's own model, then those on this machine, then those that the Hub would give."""
        return list(dict.fromkeys([self.default, *self.here(), *self._in_files, *self._on_hub]))

    def offer(self, name: str) -> ChatOffer:
        """What is known of a model that is on offer."""
        ready, device = self.is_here(name), choose()
        facts = facts_of(name, self.source(name) if ready else None)
        weights = facts.parameters * device.dtype.itemsize
        speed = READ_SHARE * read_rate(device) / weights if weights else 0.0
        return ChatOffer(
            name,
            ready or name in self._in_files,
            facts,
            memory_bytes(facts.parameters, device, self._settings.answer_bits),
            speed,
            self.came_by_login(name),
        )

    def is_here(self, name: str) -> bool:
        """Whether a model is on this machine, as far as was looked; the host's own is."""
        return name == self.default or name in self.here()

    def ask_hub(self) -> None:
        """Ask the Hub, within seconds, which of the listed models that are not here it would give."""
        here = self.here()
        self._on_hub = registry.available_on_hub(
            [each.wanted for each in self._others if not (each.name in here or is_gguf(each.wanted))]
        )

    def in_memory(self) -> list[str]:
        """The names of the models in memory, the latest used last."""
        with self._lock:
            return list(self._cache)

    def is_loaded(self, name: str = "") -> bool:
        """Whether the model of this name is in memory."""
        return (name or self.default) in self.in_memory()

    def lacks_fast_passes(self, name: str) -> bool:
        """Whether a model trains and answers the general, slower way; False as long as it is not loaded."""
        with self._lock:
            chat = self._cache.get(name)
        return chat is not None and row_of(chat.model) is None

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn at any model; loads nothing."""
        return sum(scheduler_of(each.model).waiting for each in self._loaded())

    def forget(self, visitor: str) -> None:
        """Drop what the models have read for a visitor and keep for their next question."""
        for each in self._loaded():
            scheduler_of(each.model).forget(visitor)

    def complete(self, visitor: str, requests: Sequence[Messages], should_stop: Callable[[], bool]) -> list[str]:
        """The greedy answer of a visitor's model to each request, all in one batch; cut off once `should_stop`."""
        return self._complete_on_gpu(self.name(visitor), requests, should_stop)

    @property
    def _in_files(self) -> list[str]:
        """The listed models in GGUF files, made ready or not."""
        return [each.name for each in self._others if is_gguf(each.wanted)]

    @property
    def _others(self) -> list[ChatEntry]:
        return [each for each in self._entries.values() if each.name != self.default]

    def _loaded(self) -> list[ChatModel]:
        with self._lock:
            return list(self._cache.values())

    def _load(self, name: str, beside: Sequence[str]) -> ChatModel:
        source = self.source(name)
        if self.in_memory():
            facts = facts_of(name, source)
            needed = memory_bytes(facts.parameters, choose(), self._settings.answer_bits)
            self._make_room(name, needed, beside)
        return load_chat(source, choose(), self._settings.answer_bits)

    def _make_room(self, name: str, needed: int, beside: Sequence[str]) -> None:
        """Drop idle models, the least recently used first, until another one fits."""
        while free_memory(choose()) < needed + SPARE_BYTES:
            idle = [each for each in self.in_memory() if each not in beside and not self._is_used(each)]
            if not idle:
                raise UserError(
                    f"The memory has no room for {name} ({needed / 1e9:.1f} GB) beside the models that are in use. "
                    "Wait until their answers and runs have ended, or choose a smaller one."
                )
            log.info("%s leaves the memory for %s", idle[0], name)
            with self._lock:
                self._cache.pop(idle[0], None)

    def _is_used(self, name: str) -> bool:
        """Whether a model answers now, or a run of its kind is at work, whose adapter is likely to be asked next."""
        with self._lock:
            chat = self._cache.get(name)
        trained = [row.base or self.default for row in self._store.runs.active() if row.state in WORKING]
        return name in trained or (chat is not None and len(scheduler_of(chat.model)) > 0)

    def _complete(self, name: str, requests: Sequence[Messages], should_stop: Callable[[], bool]) -> list[str]:
        """All arguments can be pickled: on ZeroGPU this runs in a process that was forked for the call."""
        return complete(self.get(name), requests, should_stop)
