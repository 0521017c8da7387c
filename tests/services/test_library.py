"""A visitor's text: what is accepted and what is refused."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.data.examples import examples
from playground.errors import UserError
from playground.services.library import Added, Library
from playground.settings import Settings
from playground.storage.store import Store

STREET = "The bakery is in Rose Street. It opens at seven.\n"


@pytest.fixture
def make(store: Store, settings: Settings) -> Callable[..., Library]:
    """A library with these limits."""
    return lambda **limits: Library(store, replace(settings, **limits))


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


def test_a_table_without_a_usable_row_waits_for_a_mapping(library: Library, visitor: str, write: Any) -> None:
    file = write("t.csv", "prompt,answer,text\nWhen does the bakery open?,,At seven.\nWhere is it?,,In Rose Street.\n")
    (waiting,) = library.add(visitor, [file]).unmapped
    assert (waiting.path, waiting.name, waiting.reason.columns) == (*file, ("prompt", "answer", "text"))
    library.add(visitor, [(waiting.path, waiting.name)], {"question": "prompt", "answer": "text"})
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


def test_two_texts_of_one_name_can_be_told_apart(library: Library, visitor: str, write: Any) -> None:
    assert names(library.add_text(visitor, STREET, "notes")) == ["notes.txt"]
    (second,) = library.add_text(visitor, "Nine to five.", "notes").documents
    assert second.name == "notes (2).txt"
    assert names(library.add_text(visitor, "Ten to six.", "notes")) == ["notes (3).txt"]
    assert names(library.add(visitor, [write("notes.txt", "At noon.")], instead_of=second.id)) == ["notes (2).txt"]
    long = [names(library.add(visitor, [write("n" * 90 + ".txt", text)]))[0] for text in ("One.", "Two.")]
    assert [len(each) for each in long] == [60, 60]
    assert long[1].endswith("n (2).txt")


def test_a_summary_says_what_was_read(library: Library, visitor: str) -> None:
    library.add_text(visitor, "The bakery is in the town, and it is open from seven to nine.\n" * 20)
    (summary,) = library.summary(visitor)
    assert (summary.language, summary.pages, summary.pairs) == ("en", 0, 0)
    assert summary.chars == len(library.documents(visitor)[0].text)


def test_every_example_can_be_added(library: Library, visitor: str) -> None:
    assert examples()
    for example in examples():
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
    attempts: list[Callable[[], Any]] = [
        lambda: library.document(stranger, document),
        lambda: library.remove(stranger, document),
    ]
    for attempt in attempts:
        with pytest.raises(UserError, match="not found"):
            attempt()
    assert library.documents(stranger) == library.summary(stranger) == []


PAGE = "<nav><a href=x>Home</a> <a href=y>Shop</a></nav><h1>Bees</h1><p>Bees fly from flower to flower.</p>"


@pytest.fixture
def page(library: Library, visitor: str, write: Any) -> str:
    """The id of a document whose menu was left out."""
    (row,) = library.add(visitor, [write("bees.html", PAGE)]).documents
    return row.id


def test_a_part_is_taken_back_and_a_second_click_leaves_it_out_again(library: Library, visitor: str, page: str) -> None:
    before, hash_before = library.document(visitor, page), library.text_hash(visitor)
    library.take_part(visitor, page, 0, True)
    taken = library.document(visitor, page)
    assert taken.text == f"{before.left_out[0].text}\n\n{before.text}"
    assert library.text_hash(visitor) != hash_before
    assert library.rows(visitor)[0].chars == len(taken.text)
    library.take_part(visitor, page, 0, False)
    assert library.document(visitor, page) == before
    assert library.text_hash(visitor) == hash_before


@pytest.mark.parametrize("part", [-1, 1])
def test_only_a_part_of_this_document_can_be_taken(library: Library, visitor: str, page: str, part: int) -> None:
    with pytest.raises(UserError, match="no part number"):
        library.take_part(visitor, page, part, True)


def test_a_part_that_makes_the_text_too_long_stays_out(make: Any, visitor: str, write: Any) -> None:
    library = make(text_chars=40)
    (row,) = library.add(visitor, [write("bees.html", PAGE)]).documents
    with pytest.raises(UserError, match="the limit is 40"):
        library.take_part(visitor, row.id, 0, True)


def test_nobody_takes_back_a_part_of_anothers_text(library: Library, store: Store, page: str) -> None:
    with pytest.raises(UserError, match="not found among yours"):
        library.take_part(store.visitor("x" * 40), page, 0, True)
