"""The adapters of visitors' runs that are in memory, ready to answer."""

from collections.abc import Callable

from playground.inference.adapter_cache import AdapterCache
from playground.inference.served_adapter import ServedAdapter, load_adapter, weights_modified_ns
from playground.services.chat_models import ChatModels
from playground.services.self_tests import SelfTests
from playground.storage.run_folder import adapter_folder
from playground.storage.store import Store


class ServedAdapters:
    """Adapters of all visitors, each over the base model of its run. An adapter is tested when it is loaded."""

    def __init__(self, store: Store, self_tests: SelfTests, chats: ChatModels) -> None:
        self._store = store
        self._self_tests = self_tests
        self._chats = chats
        self._cache = AdapterCache()

    def get(self, visitor: str, run: str) -> ServedAdapter:
        """The adapter of one of this visitor's runs, from memory or disk.

        It is loaded again where the run has written its weights again since.

        Raises:
            UserError: there is no such run, or it has no adapter yet.
        """
        return self._cache.get(self._key(visitor, run), self._loader(visitor, run))

    def prepare(self, visitor: str, run: str) -> None:
        """Load on a thread an adapter that is likely to be asked for soon. Raises UserError as `get` does."""
        self._cache.prepare(self._key(visitor, run), self._loader(visitor, run))

    def base(self, visitor: str, run: str) -> str:
        """The name of the chat model of one of this visitor's runs. Raises UserError as `get` does."""
        return self._store.runs.usable(visitor, run).base or self._chats.default

    def in_memory(self, visitor: str, base: str) -> dict[str, ServedAdapter]:
        """This visitor's adapters of a base in memory, by their runs' ids, the latest asked for last."""
        mine = {run: each for (owner, run, _), each in self._cache.items() if owner == visitor}
        return {run: each for run, each in mine.items() if self.base(visitor, run) == base}

    def drop(self, visitor: str, run: str) -> None:
        """Drop a deleted run's adapter from memory."""
        self._cache.drop(lambda key: isinstance(key, tuple) and key[:2] == (visitor, run))

    def forget(self, visitor: str) -> None:
        """Drop all of a visitor's adapters from memory."""
        self._cache.drop(lambda key: isinstance(key, tuple) and key[0] == visitor)

    def _key(self, visitor: str, run: str) -> tuple[str, str, int]:
        row = self._store.runs.usable(visitor, run)
        return row.visitor, run, weights_modified_ns(adapter_folder(row.folder))

    def _loader(self, visitor: str, run: str) -> Callable[[], ServedAdapter]:
        folder, base = adapter_folder(self._store.runs.usable(visitor, run).folder), self.base(visitor, run)

        def load() -> ServedAdapter:
            served = load_adapter(folder, self._chats.get(base))
            self._self_tests.run_after_load([*self.in_memory(visitor, base).values(), served], base)
            return served

        return load
