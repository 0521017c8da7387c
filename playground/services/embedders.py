"""The sentence encoder for each visitor's text: theirs or their language's, those on offer, the few in memory."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from playground.errors import USER_FACING, UserError
from playground.models import registry
from playground.models.registry import EMBEDDERS, KnownEmbedder, ModelSource
from playground.services.keyed_locks import KeyedLocks
from playground.services.library import main_language
from playground.settings import Settings
from playground.storage.store import Store
from retrieval.embed import Embedder
from retrieval.search import ENGLISH

RESIDENT = 2  # in memory; the least recently used one is dropped
FAULT = "The embedder could not be made ready through a fault of this program. Choose it again, or another one."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offer:
    """An embedder to choose: `here` on this machine, or to be fetched; `known` is None for a host's own folder."""

    name: str
    here: bool
    known: KnownEmbedder | None


@dataclass(frozen=True)
class EmbedderChange:
    """A visitor's change to another embedder: in progress until the text is indexed with it, or failed with `error`."""

    name: str
    error: str = ""

    @property
    def under_way(self) -> bool:
        """Whether it has not failed."""
        return not self.error


@dataclass(frozen=True)
class _Waiting:
    """A visitor's change, and what follows once its embedder is ready."""

    change: EmbedderChange
    then: Callable[[], None]


class Embedders:
    """The embedders of all visitors. Loading or fetching one delays only those who need that one."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._cache: OrderedDict[str, Embedder] = OrderedDict()
        self._loading = KeyedLocks()
        self._lock = threading.Lock()
        self._on_hub: list[str] = []
        self._waiting: dict[str, dict[str, _Waiting]] = {}
        self._changes: dict[str, EmbedderChange] = {}

    def default(self) -> Embedder:
        """The one that the host chose, for whoever chose none; raises UserError where it is not here."""
        return self._load(self._default_source)

    def of(self, visitor: str) -> Embedder:
        """The one that a visitor chose, if it is still here; else the one for their text's language."""
        return self._load(self._source(visitor))

    def name(self, visitor: str) -> str:
        """The name of the one that `of` gives; loads nothing."""
        return self._source(visitor).name

    def in_memory(self) -> list[str]:
        """The names of the embedders in memory, the latest used last."""
        with self._lock:
            return list(self._cache)

    def offers(self) -> list[Offer]:
        """Those on this machine, the host's own first, then those that the Hub would give."""
        known = {each.name: each for each in EMBEDDERS}
        here = [source.name for source in registry.installed_embedders(self._settings)]
        away = [name for name in self._on_hub if name not in here]
        return [Offer(name, name in here, known.get(name)) for name in here + away]

    def ask_hub(self) -> None:
        """Ask the Hub, within seconds, which of those that are not here it would give."""
        here = [source.name for source in registry.installed_embedders(self._settings)]
        wanted = [each.name for each in EMBEDDERS if each.on_hub and each.name not in here]
        self._on_hub = registry.available_on_hub(wanted)

    def choose(self, visitor: str, name: str, then: Callable[[], None]) -> None:
        """Change a visitor's embedder on a thread, once it is fetched and loaded; `then` indexes the text with it.

        Raises:
            UserError: it is not on offer.
        """
        offered = [each.name for each in self.offers()]
        if name not in offered:
            raise UserError(f"There is no embedder {name!r} here. Choose one of {', '.join(offered)}.")
        change = EmbedderChange(name)
        with self._lock:
            self._changes[visitor] = change
            begun = name in self._waiting
            self._waiting.setdefault(name, {})[visitor] = _Waiting(change, then)
        if not begun:
            threading.Thread(target=self._bring, args=(name,), daemon=True).start()

    def change(self, visitor: str) -> EmbedderChange | None:
        """The visitor's change that is under way or failed, if there is one."""
        return self._changes.get(visitor)

    def forget(self, visitor: str) -> None:
        """Cancel the change that a visitor waits for."""
        with self._lock:
            self._changes.pop(visitor, None)

    @cached_property
    def _default_source(self) -> ModelSource:
        return registry.embedder_source(self._settings)

    def _source(self, visitor: str) -> ModelSource:
        chosen = self._store.embedder(visitor)
        here = registry.installed_embedders(self._settings) if chosen else []
        return next((each for each in here if each.name == chosen), None) or self._source_for_text(visitor)

    def _source_for_text(self, visitor: str) -> ModelSource:
        """The host's own; for a text in another language than English the multilingual one, where it is here."""
        many = registry.multilingual_source(self._settings)
        if many is None or main_language(self._store.documents(visitor)) in ENGLISH:
            return self._default_source
        return many

    def _load(self, source: ModelSource) -> Embedder:
        with self._loading.hold(source.name):
            with self._lock:
                embedder = self._cache.get(source.name)
            embedder = embedder or Embedder(source.folder, name=source.name)
            with self._lock:
                self._cache[source.name] = embedder
                self._cache.move_to_end(source.name)
                while len(self._cache) > RESIDENT:
                    self._cache.popitem(last=False)
        return embedder

    def _bring(self, name: str) -> None:
        """Fetch and load an embedder for all who wait for it."""
        error = self._make_ready(name)
        with self._lock:
            waiting = self._waiting.pop(name)
        for visitor, each in waiting.items():
            if error:
                self._settle(visitor, each.change, replace(each.change, error=error))
            else:
                threading.Thread(target=self._serve, args=(visitor, each), daemon=True).start()

    def _make_ready(self, name: str) -> str:
        """Make an embedder ready; returns why it is not, in a sentence, or nothing."""
        try:
            here = {source.name: source for source in registry.installed_embedders(self._settings)}
            if name not in here:
                registry.fetch_embedder(name)
            self._load(here.get(name) or registry.embedder_source(self._settings, name))
        except USER_FACING as error:
            return str(error)
        except Exception:  # the end of a thread: a fault of ours is logged, and the visitor is told
            logger.exception("embedder %s", name)
            return FAULT
        return ""

    def _serve(self, visitor: str, waiting: _Waiting) -> None:
        """Give a visitor the embedder, unless they chose another meanwhile."""
        try:
            with self._lock:  # or a change made in between would be written first, and lost
                if self._changes.get(visitor) is not waiting.change:
                    return
                self._store.choose_embedder(visitor, waiting.change.name)
            waiting.then()
        except USER_FACING:  # no text, cancelled, or the visitor is gone: the page says what there is
            pass
        except Exception:  # the end of a thread
            logger.exception("indexing again")
        finally:
            self._settle(visitor, waiting.change, None)

    def _settle(self, visitor: str, change: EmbedderChange, to: EmbedderChange | None) -> None:
        """End a change, unless a later one took its place."""
        with self._lock:
            if self._changes.get(visitor) is change:
                if to:
                    self._changes[visitor] = to
                else:
                    del self._changes[visitor]
