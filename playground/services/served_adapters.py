"""The adapters of visitors' runs that are in memory, ready to answer."""

from collections.abc import Callable

from playground.inference.adapter_cache import AdapterCache
from playground.inference.served_adapter import ServedAdapter, load_adapter, weights_modified_ns
from playground.models.chat_model import ChatModel
from playground.services.self_tests import SelfTests
from playground.storage.run_folder import adapter_folder
from playground.storage.store import Store


class ServedAdapters:
    """Adapters of all visitors. An adapter is tested when it is loaded; `chat` gives the resident model."""

    def __init__(self, store: Store, self_tests: SelfTests, chat: Callable[[], ChatModel]) -> None:
        self._store = store
        self._self_tests = self_tests
        self._chat = chat
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

    def in_memory(self, visitor: str) -> dict[str, ServedAdapter]:
        """This visitor's adapters in memory, by their runs' ids, the latest asked for last."""
        return {run: each for (owner, run, _), each in self._cache.items() if owner == visitor}

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
        folder = adapter_folder(self._store.runs.usable(visitor, run).folder)

        def load() -> ServedAdapter:
            served = load_adapter(folder, self._chat())
            self._self_tests.run_after_load([*self.in_memory(visitor).values(), served])
            return served

        return load
