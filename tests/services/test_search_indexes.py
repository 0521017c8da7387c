"""When a search index is built, watched, cancelled and kept."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from playground.errors import UserError
from playground.services import search_indexes as indexes_module
from playground.services.library import Library
from playground.services.search_indexes import SearchIndexes
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from retrieval import build as build_module
from retrieval.errors import IndexingStopped
from retrieval.persistence import load
from tests.fakes.embedders import LetterEmbedder
from tests.fakes.memory import held_in_memory

STREET = "The bakery is in Rose Street. It opens at seven.\n"


@pytest.fixture
def make(store: Store, library: Library, embedder: LetterEmbedder) -> Callable[[], SearchIndexes]:
    """The indexes as a new start of the server finds them."""
    embedders = SimpleNamespace(of=lambda _: embedder)
    return lambda: SearchIndexes(store, library, embedders)  # type: ignore[arg-type]


@pytest.fixture
def indexes(make: Callable[[], SearchIndexes]) -> SearchIndexes:
    return make()


def test_an_index_needs_text(library: Library, indexes: SearchIndexes, visitor: str) -> None:
    with pytest.raises(UserError, match="no text"):
        indexes.index(visitor)
    assert indexes.ready(visitor) is None


def test_an_index_is_built_once_and_read_from_disk_after_a_restart(
    library: Library,
    indexes: SearchIndexes,
    make: Callable[[], SearchIndexes],
    embedder: LetterEmbedder,
    visitor: str,
) -> None:
    library.add_text(visitor, STREET)
    assert indexes.ready(visitor) is None
    steps: list[tuple[int, int]] = []
    index = indexes.index(visitor, lambda *step: steps.append(step))
    assert steps == [(1, 1)]
    assert indexes.index(visitor) is indexes.ready(visitor) is index
    after = make().ready(visitor)
    assert after
    assert after.passages == index.passages
    assert len(embedder.encoded) == 1


def test_only_new_passages_are_encoded_when_the_text_changes(
    library: Library,
    indexes: SearchIndexes,
    make: Callable[[], SearchIndexes],
    settings: Settings,
    embedder: LetterEmbedder,
    visitor: str,
) -> None:
    library.add_text(visitor, STREET)
    indexes.index(visitor)
    library.add_text(visitor, "The mill is by the river.", "mill")
    assert indexes.ready(visitor) is None
    assert len(make().index(visitor).passages) == 2
    assert [text.split()[1] for text in embedder.encoded] == ["bakery", "mill"]
    kept = settings.data / "visitors" / visitor / "indexes"
    assert [folder.name for folder in kept.iterdir()] == [library.text_hash(visitor)]


def test_a_damaged_index_is_built_again(
    library: Library,
    indexes: SearchIndexes,
    make: Callable[[], SearchIndexes],
    settings: Settings,
    embedder: LetterEmbedder,
    visitor: str,
) -> None:
    library.add_text(visitor, STREET)
    indexes.index(visitor)
    vectors = settings.data / "visitors" / visitor / "indexes" / library.text_hash(visitor) / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-4])
    assert make().ready(visitor) is None
    assert make().index(visitor).passages
    assert len(embedder.encoded) == 2


def test_an_index_is_its_visitor_s_alone(library: Library, indexes: SearchIndexes, visitor: str, stranger: str) -> None:
    library.add_text(visitor, STREET)
    indexes.index(visitor)
    assert indexes.ready(stranger) is None


def test_two_requests_at_once_build_one_index(
    library: Library,
    indexes: SearchIndexes,
    embedder: LetterEmbedder,
    visitor: str,
) -> None:
    library.add_text(visitor, STREET)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: indexes.index(visitor), range(4)))
    assert len({id(index) for index in found}) == len(embedder.encoded) == 1


def test_an_index_of_text_deleted_meanwhile_is_not_kept(
    library: Library,
    indexes: SearchIndexes,
    settings: Settings,
    store: Store,
    embedder: LetterEmbedder,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library.add_text(visitor, STREET)
    begun, forgotten = threading.Event(), threading.Event()
    encode = embedder.encode

    def slow(texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        begun.set()
        forgotten.wait(10)
        return encode(texts, progress)

    monkeypatch.setattr(embedder, "encode", slow)
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(indexes.index, visitor)
        begun.wait(10)
        store.forget(visitor)
        indexes.forget(visitor)
        forgotten.set()
        with pytest.raises((IndexingStopped, UserError)):
            building.result()
    assert not list((settings.data / "visitors").rglob("*"))
    assert not held_in_memory(indexes, visitor)


def test_the_oldest_index_leaves_the_memory(
    library: Library,
    indexes: SearchIndexes,
    store: Store,
    embedder: LetterEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexes_module, "IN_MEMORY", 2)
    visitors = [store.visitor(new_secret()) for _ in range(3)]
    for each in visitors:
        library.add_text(each, STREET)
    first, second, _ = (indexes.index(each) for each in visitors)
    assert indexes.ready(visitors[1]) is second
    assert indexes.ready(visitors[0]) is not first
    assert len(embedder.encoded) == 3


@pytest.fixture
def shared(
    library: Library,
    indexes: SearchIndexes,
    store: Store,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """Visitors of one example, whose index is on disk."""
    visitors = [visitor, *(store.visitor(new_secret()) for _ in range(5))]
    for each in visitors:
        library.add_text(each, STREET)
    indexes.index(visitor)
    folder = store.index_folder(visitor)
    monkeypatch.setattr(store, "saved_index", lambda _, text: folder / text)
    return visitors


def test_an_index_that_several_visitors_share_is_loaded_once(
    make: Callable[[], SearchIndexes], shared: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[object] = []

    def slow_load(*of: object) -> object:
        loads.append(of)
        time.sleep(0.2)
        return load(*of)  # type: ignore[arg-type]

    monkeypatch.setattr(indexes_module, "load", slow_load)
    monkeypatch.setattr(indexes_module, "IN_MEMORY", 1)
    after = make()
    with ThreadPoolExecutor(len(shared)) as pool:
        found = list(pool.map(after.ready, shared))
    assert len({id(index) for index in found}) == len(loads) == 1
    assert [after.ready(each) for each in shared] == found
    assert len(loads) == 1, "one index counts once, however many use it"


def test_forget_drops_the_index_from_memory(
    library: Library,
    indexes: SearchIndexes,
    settings: Settings,
    store: Store,
    visitor: str,
) -> None:
    library.add_text(visitor, STREET)
    indexes.index(visitor)
    store.forget(visitor)
    indexes.forget(visitor)
    assert not list((settings.data / "visitors").iterdir())
    assert not held_in_memory(indexes, visitor)


def test_forget_drops_the_vectors_of_an_unfinished_index(
    library: Library, indexes: SearchIndexes, visitor: str
) -> None:
    library.add_text(visitor, STREET)
    with pytest.raises(IndexingStopped):
        indexes.index(visitor, should_stop=lambda: True)
    assert held_in_memory(indexes, visitor)
    indexes.forget(visitor)
    assert not held_in_memory(indexes, visitor)


def test_a_cancelled_index_goes_on_where_it_was_and_the_one_before_stays(
    library: Library,
    indexes: SearchIndexes,
    embedder: LetterEmbedder,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build_module, "SLICE", 1)
    library.add_text(visitor, STREET)
    before = indexes.index(visitor)
    library.add_text(visitor, "The mill is by the river.", "mill")
    library.add_text(visitor, "The church is on the hill.", "church")
    with pytest.raises(IndexingStopped, match="stopped with 2 of 2"):
        indexes.index(visitor, lambda done, _: indexes.cancel(visitor) if done == 1 else None)
    assert len(embedder.encoded) == 3
    assert indexes.ready(visitor) is None
    assert indexes.index(visitor) is not before
    assert len(embedder.encoded) == 4
    library.add_text(visitor, "One more.", "more")
    with pytest.raises(IndexingStopped):
        indexes.index(visitor, should_stop=lambda: True)


def test_while_an_index_is_built_the_one_before_answers_without_documents_that_are_gone(
    library: Library,
    indexes: SearchIndexes,
    embedder: LetterEmbedder,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    street = library.add_text(visitor, STREET).documents[0].id
    library.add_text(visitor, "The mill is by the river.", "mill")
    before = indexes.index(visitor)
    library.add_text(visitor, "The church is on the hill.", "church")
    begun, go_on = threading.Event(), threading.Event()
    encode = embedder.encode

    def slow(texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        begun.set()
        go_on.wait(10)
        return encode(texts, progress)

    monkeypatch.setattr(embedder, "encode", slow)
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(indexes.index, visitor)
        begun.wait(10)
        assert indexes.usable(visitor) is before
        library.remove(visitor, street)
        assert [each.source for each in indexes.usable(visitor).passages] == ["mill.txt"]
        go_on.set()
        assert len(building.result().passages) == 3
    assert [each.source for each in indexes.usable(visitor).passages] == ["mill.txt", "church.txt"]
