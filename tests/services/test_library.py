"""A visitor's text: what is taken in and what is refused, and when its index is built anew."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from playground.errors import UserError
from playground.services import search_indexes as indexes_module
from playground.services.library import Added, Library
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from retrieval import build as build_module
from retrieval.errors import IndexingStopped
from tests.fakes.embedders import LetterEmbedder

STREET = "The bakery is in Rose Street. It opens at seven.\n"


@pytest.fixture
def make(store: Store, settings: Settings, embedder: LetterEmbedder) -> Callable[..., Library]:
    """A library with these limits."""
    return lambda **limits: Library(store, replace(settings, **limits), lambda _: embedder)  # type: ignore[arg-type,return-value]


@pytest.fixture
def library(make: Callable[..., Library]) -> Library:
    return make()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], tuple[Path, str]]:
    """Make a file as an upload comes: a path, and the visitor's own name for it."""

    def file(name: str, content: str | bytes) -> tuple[Path, str]:
        path = tmp_path / hashlib.sha256(name.encode()).hexdigest()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path, name

    return file


def names(added: Added) -> list[str]:
    return [row.name for row in added.documents]


def test_files_are_read_kept_and_removed(library: Library, visitor: str, write: Any) -> None:
    added = library.add(visitor, [write("a.txt", STREET), write("b.md", "# Hours\n\nSeven to nine.")])
    assert names(added) == ["a.txt", "b.md"]
    assert [document.name for document in library.documents(visitor)] == ["a.txt", "b.md"]
    assert library.document(visitor, added.documents[1].id).headings[0].label == "Hours"
    library.remove(visitor, added.documents[0].id)
    assert [each.name for each in library.summary(visitor)] == ["b.md"]


def test_one_bad_file_does_not_stop_the_others(library: Library, visitor: str, write: Any) -> None:
    files = [write("a.txt", STREET), write("b.exe", b"MZ"), write("c.txt", ""), write("d.txt", "Another text.")]
    added = library.add(visitor, files)
    assert names(added) == ["a.txt", "d.txt"]
    assert [sentence.split(" ")[0] for sentence in added.refusals] == ["b.exe", "c.txt"]


def test_a_fault_of_ours_is_not_taken_for_a_bad_file(library: Library, visitor: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        library.add(visitor, [(tmp_path / "nothing", "a.txt")])


def test_the_same_content_is_kept_once(library: Library, visitor: str, stranger: str, write: Any) -> None:
    library.add(visitor, [write("a.txt", STREET)])
    assert library.add(visitor, [write("b.txt", STREET)]).refusals == (
        "b.txt was not added: a.txt, which you have already, says exactly the same.",
    )
    assert names(library.add(stranger, [write("b.txt", STREET)])) == ["b.txt"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"file_bytes": 1_000_000}, ["2.0 MB", "the limit is 1 MB"]),
        ({"visitor_bytes": 2_000_000}, ["With b.txt", "2.1 MB", "the limit is 2 MB"]),
        ({"visitor_files": 1}, ["you keep 1 files"]),
        ({"text_chars": 60_000}, ["2,0", "the limit is 60,000"]),
    ],
)
def test_limits_are_refused_with_the_value_and_the_limit(
    make: Callable[..., Library], visitor: str, write: Any, limits: dict[str, int], words: list[str]
) -> None:
    library = make(**limits)
    assert names(library.add(visitor, [write("a.txt", "Small town. " * 5_000)])) == ["a.txt"]
    refused = library.add(visitor, [write("b.txt", "Large city. " * 170_000)])
    assert not refused.documents
    assert all(word in refused.refusals[0] for word in words)


def test_all_the_text_together_has_a_limit(make: Callable[..., Library], visitor: str) -> None:
    library = make(text_chars=100)
    library.add_text(visitor, "a" * 60)
    assert library.add_text(visitor, "b" * 60).refusals == (
        "With Pasted text.txt your text has 120 characters; the limit is 100. Remove a file or add a part.",
    )


def test_uploads_at_the_same_time_cannot_pass_a_limit_together(make: Callable[..., Library], visitor: str) -> None:
    library = make(visitor_files=3)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: library.add_text(visitor, f"Text number {number}."), range(6)))
    assert len(library.documents(visitor)) == 3


def test_a_table_with_unknown_columns_waits_for_a_mapping(library: Library, visitor: str, write: Any) -> None:
    file = write("t.csv", "one,two\nWhen does the bakery open?,At seven.\nWhere is it?,In Rose Street.\n")
    (waiting,) = library.add(visitor, [file]).unmapped
    assert (waiting.path, waiting.name, waiting.reason.columns) == (*file, ("one", "two"))
    library.add(visitor, [(waiting.path, waiting.name)], {"question": "one", "answer": "two"})
    assert [each.pairs for each in library.summary(visitor)] == [2]


def test_a_long_name_keeps_its_ending(library: Library, visitor: str, write: Any) -> None:
    (name,) = names(library.add(visitor, [write("../" + "long " * 40 + ".txt", STREET)]))
    assert len(name) <= 60
    assert name.startswith("long long")
    assert name.endswith(".txt")


def test_pasted_text_is_a_document_and_a_blank_one_is_refused(library: Library, visitor: str) -> None:
    assert names(library.add_text(visitor, STREET, "  ")) == ["Pasted text.txt"]
    assert names(library.add_text(visitor, "Café \ud800", "notes")) == ["notes.txt"]
    assert "is empty" in library.add_text(visitor, " \n", "blank").refusals[0]


def test_a_summary_says_what_was_read(library: Library, visitor: str) -> None:
    library.add_text(visitor, "The bakery is in the town, and it is open from seven to nine.\n" * 20)
    (summary,) = library.summary(visitor)
    assert (summary.language, summary.pages, summary.pairs) == ("en", 0, 0)
    assert summary.first_lines.startswith("The bakery")
    assert summary.chars == len(library.documents(visitor)[0].text)


def test_every_example_can_be_added(library: Library, visitor: str) -> None:
    assert library.examples()
    for example in library.examples():
        assert library.add_example(visitor, example).documents
    with pytest.raises(UserError, match="no example '../../etc'"):
        library.add_example(visitor, "../../etc")


def test_the_text_hash_follows_names_content_and_nothing_else(library: Library, visitor: str, stranger: str) -> None:
    empty = library.text_hash(visitor)
    added = library.add_text(visitor, STREET)
    library.add_text(stranger, STREET)
    assert empty != library.text_hash(visitor) == library.text_hash(stranger)
    library.remove(visitor, added.documents[0].id)
    assert library.text_hash(visitor) == empty


def test_nothing_of_one_visitor_is_reachable_by_another(library: Library, visitor: str, stranger: str) -> None:
    document = library.add_text(visitor, STREET).documents[0].id
    library.index(visitor)
    attempts: list[Callable[[], Any]] = [
        lambda: library.document(stranger, document),
        lambda: library.remove(stranger, document),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert library.documents(stranger) == library.summary(stranger) == []
    assert library.ready_index(stranger) is None


def test_an_index_needs_text(library: Library, visitor: str) -> None:
    with pytest.raises(UserError, match="no text"):
        library.index(visitor)
    assert library.ready_index(visitor) is None


def test_an_index_is_built_once_and_read_from_disk_after_a_restart(
    library: Library, make: Callable[..., Library], embedder: LetterEmbedder, visitor: str
) -> None:
    library.add_text(visitor, STREET)
    assert library.ready_index(visitor) is None
    steps: list[tuple[int, int]] = []
    index = library.index(visitor, lambda *step: steps.append(step))
    assert steps == [(1, 1)]
    assert library.index(visitor) is library.ready_index(visitor) is index
    after = make().ready_index(visitor)
    assert after
    assert after.passages == index.passages
    assert len(embedder.encoded) == 1


def test_only_new_passages_are_encoded_when_the_text_changes(
    library: Library, make: Callable[..., Library], settings: Settings, embedder: LetterEmbedder, visitor: str
) -> None:
    library.add_text(visitor, STREET)
    library.index(visitor)
    library.add_text(visitor, "The mill is by the river.", "mill")
    assert library.ready_index(visitor) is None
    assert len(make().index(visitor).passages) == 2
    assert [text.split()[1] for text in embedder.encoded] == ["bakery", "mill"]
    kept = settings.data / "visitors" / visitor / "indexes"
    assert [folder.name for folder in kept.iterdir()] == [library.text_hash(visitor)]


def test_a_damaged_index_is_built_again(
    library: Library, make: Callable[..., Library], settings: Settings, embedder: LetterEmbedder, visitor: str
) -> None:
    library.add_text(visitor, STREET)
    library.index(visitor)
    vectors = settings.data / "visitors" / visitor / "indexes" / library.text_hash(visitor) / "vectors.npy"
    vectors.write_bytes(vectors.read_bytes()[:-4])
    assert make().ready_index(visitor) is None
    assert make().index(visitor).passages
    assert len(embedder.encoded) == 2


def test_two_requests_at_once_build_one_index(library: Library, embedder: LetterEmbedder, visitor: str) -> None:
    library.add_text(visitor, STREET)
    with ThreadPoolExecutor(4) as pool:
        indexes = list(pool.map(lambda _: library.index(visitor), range(4)))
    assert len({id(index) for index in indexes}) == len(embedder.encoded) == 1


def test_an_index_of_text_deleted_meanwhile_is_not_kept(
    library: Library, settings: Settings, embedder: LetterEmbedder, visitor: str, monkeypatch: pytest.MonkeyPatch
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
        building = pool.submit(library.index, visitor)
        begun.wait(10)
        library.forget(visitor)
        forgotten.set()
        with pytest.raises(IndexingStopped):
            building.result()
    assert not list((settings.data / "visitors").rglob("*"))
    assert library.ready_index(visitor) is None


def test_the_oldest_index_leaves_the_memory(
    library: Library, store: Store, embedder: LetterEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes_module, "IN_MEMORY", 2)
    visitors = [store.visitor(new_secret()) for _ in range(3)]
    for each in visitors:
        library.add_text(each, STREET)
    first, second, _ = (library.index(each) for each in visitors)
    assert library.ready_index(visitors[1]) is second
    assert library.ready_index(visitors[0]) is not first
    assert len(embedder.encoded) == 3


def test_forget_leaves_nothing_on_disk_or_in_memory(library: Library, settings: Settings, visitor: str) -> None:
    library.add_text(visitor, STREET)
    library.index(visitor)
    library.forget(visitor)
    assert library.documents(visitor) == []
    assert not list((settings.data / "visitors").iterdir())
    assert not library._indexes._held


def test_a_cancelled_index_goes_on_where_it_was_and_the_one_before_stays(
    library: Library, embedder: LetterEmbedder, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "SLICE", 1)
    library.add_text(visitor, STREET)
    before = library.index(visitor)
    library.add_text(visitor, "The mill is by the river.", "mill")
    library.add_text(visitor, "The church is on the hill.", "church")
    with pytest.raises(IndexingStopped, match="stopped with 2 of 2"):
        library.index(visitor, lambda done, _: library.cancel_index(visitor) if done == 1 else None)
    assert len(embedder.encoded) == 3
    assert library.ready_index(visitor) is None
    assert library.index(visitor) is not before
    assert len(embedder.encoded) == 4
    library.add_text(visitor, "One more.", "more")
    with pytest.raises(IndexingStopped):
        library.index(visitor, should_stop=lambda: True)


def test_while_an_index_is_built_the_one_before_answers_without_documents_that_are_gone(
    library: Library, embedder: LetterEmbedder, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = library.add_text(visitor, STREET).documents[0].id
    library.add_text(visitor, "The mill is by the river.", "mill")
    before = library.index(visitor)
    library.add_text(visitor, "The church is on the hill.", "church")
    begun, go_on = threading.Event(), threading.Event()
    encode = embedder.encode

    def slow(texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        begun.set()
        go_on.wait(10)
        return encode(texts, progress)

    monkeypatch.setattr(embedder, "encode", slow)
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(library.index, visitor)
        begun.wait(10)
        assert library.usable_index(visitor) is before
        library.remove(visitor, street)
        assert [each.source for each in library.usable_index(visitor).passages] == ["mill.txt"]
        go_on.set()
        assert len(building.result().passages) == 3
    assert [each.source for each in library.usable_index(visitor).passages] == ["mill.txt", "church.txt"]
