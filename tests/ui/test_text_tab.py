"""The Text tab's handlers: indexing that is shown and can be cancelled from its start, also on a page opened since."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from playground.errors import UserError
from playground.services.app import Services
from playground.services.library import Added
from playground.storage.exchange import UPLOADS
from playground.storage.store import new_secret
from playground.ui.shared.session import COOKIE
from playground.ui.text.tab import TextTab
from tests.conftest import Write
from tests.fakes.page import page_request
from tests.fakes.texts import CLUB_RULES
from tests.fakes.waiting import wait_until

SOON = "Indexing: starting…"
STOPPING = "Indexing: stopping…"
MISSING = "This text has no search index at the moment"


@pytest.fixture
def services(services: Services) -> Services:
    """Everything behind the page, with the tiny chat model resident."""
    assert services.chat
    return services


@pytest.fixture
def tab(services: Services) -> TextTab:
    """The tab, drawn on a page of its own."""
    with gr.Blocks():
        return TextTab(services, gr.Tab())


def state(updates: tuple[Any, ...], tab: TextTab) -> tuple[str, bool]:
    """What updates of the panel say of the index, and whether it can be cancelled."""
    line, cancel, *_ = updates[-len(tab.index.outputs) :]
    return line, cancel["visible"]


class Held:
    """Embedding that has begun and waits until it may go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()


@pytest.fixture
def held(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """The first passages are not embedded until they may be."""
    held, embedder = Held(), services.embedders.default()
    encode = embedder.encode

    def wait_and_encode(*args: Any) -> Any:
        held.begun.set()
        held.go_on.wait(60)
        return encode(*args)

    monkeypatch.setattr(embedder, "encode", wait_and_encode)
    yield held
    held.go_on.set()


def test_indexing_can_be_cancelled_from_its_start(tab: TextTab, services: Services, held: Held) -> None:
    request = page_request()
    services.library.add_text(services.store.visitor(request.cookies[COOKIE]), CLUB_RULES)
    began = time.monotonic()
    updates = tab.stream_added(request, Added(), 0)
    line, cancel, _ = next(updates)[-3:]
    assert time.monotonic() - began < 0.3
    assert (line, cancel["visible"]) == (SOON, True)
    assert held.begun.wait(30)
    tab.index.cancel_indexing(request)
    assert [next(updates)[-3], next(updates)[-2]["visible"]] == [STOPPING, False]
    held.go_on.set()
    line, cancel, _ = list(updates)[-1][-3:]
    assert line.startswith(MISSING)
    assert not cancel["visible"]


def test_a_page_opened_while_a_text_is_indexed_shows_it_and_can_cancel_it(
    tab: TextTab, services: Services, held: Held
) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    services.library.add_text(visitor, CLUB_RULES)
    next(tab.stream_added(request, Added(), 0))
    assert held.begun.wait(30)
    opened = tab.refresh(request)
    assert state(opened, tab) == (SOON, True)
    *_, under_way, timer, _, _, _ = opened
    assert timer["active"]
    assert state(tab.refresh(page_request()), tab)[1] is False
    tab.index.cancel_indexing(request)
    assert state(tab.index.watch(request), tab) == (STOPPING, False)
    held.go_on.set()
    assert wait_until(lambda: services.indexes.building(visitor) is None)
    line, _, now, timer, *_ = tab.index.watch(request)
    assert line.startswith(MISSING)
    assert now != under_way, "its change redraws the tab"
    assert not timer["active"]


def test_how_far_an_index_is_stands_on_the_page(tab: TextTab, services: Services) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    services.library.add_text(visitor, CLUB_RULES)
    lines = []
    index = services.indexes.index(visitor, lambda *_: lines.append(tab.index.watch(request)[0]))
    count = len(index.passages)
    assert lines[-1] == f"Indexing: {count} of {count} passages · 0 s left"


def form_of(updates: tuple[Any, ...], tab: TextTab) -> dict[Any, Any]:
    """What updates say of each part of the mapping's form."""
    return dict(zip(tab.mapping.outputs, updates[1:], strict=False))


def test_a_table_says_what_it_was_taken_for_and_takes_other_columns(
    tab: TextTab, services: Services, write: Write
) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    file = write(
        "t.csv", "question,answer,note\nWhen does it open?,At seven.,Ask Ann.\nWhere is it?,In Rose Street.,\n"
    )
    added = services.library.add(visitor, [(file, "t.csv")])
    *_, last = tab.stream_added(request, added, 0)
    form = form_of(last, tab)
    assert form[tab.mapping.group]["visible"]
    assert form[tab.mapping.taken_for] == (
        "Taken for questions and answers: 2 of 2 rows became 2 answers to learn.\nColumns that are not read: note."
    )
    learnt = [text for text, mark in form[tab.mapping.examples] if mark]
    assert [text.removesuffix("<|im_end|>") for text in learnt] == ["At seven.", "In Rose Street."]
    assert form[tab.mapping.roles["question"]]["value"] == ["question"]
    table, mapping = tab.mapping.take_table("en", visitor, ["question"], ["answer"], [], ["note"], [])
    services.library.add(visitor, [(table.path, table.name)], mapping, table.document)
    (document,) = services.library.documents(visitor)
    assert [pair.system for pair in document.pairs] == ["Ask Ann.", ""]


def bring(services: Services, visitor: str, name: str, content: bytes) -> Path:
    """An upload of this visitor."""
    file = services.exchange.new_folder(visitor, UPLOADS) / name
    file.write_bytes(content)
    return file


def test_what_waits_for_a_choice_is_gone_once_its_visitor_starts_over(tab: TextTab, services: Services) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    table = bring(services, visitor, "t.csv", b"one,two\nBolt,1\nNut,2\n")
    text = bring(services, visitor, "a.txt", "Привет".encode("cp1251"))
    *_, last = tab.add_files(request, [str(table), str(text)], 0)
    assert (table.exists(), text.exists()) == (False, False)
    assert services.exchange.brought_bytes(visitor) > 0
    services.visitors.forget(visitor)
    assert services.exchange.brought_bytes() == 0
    again = services.store.visitor(request.cookies[COOKIE])
    for each in (visitor, again):
        with pytest.raises(UserError, match="Choose columns"):
            tab.mapping.take_table("en", each, ["one"], ["two"], [], [], [])
        with pytest.raises(UserError, match="Choose one of the readings"):
            tab.encoding.take_file("en", each, "Windows-1251 (Cyrillic)")


def test_a_reload_shows_again_what_waits_for_a_choice(tab: TextTab, services: Services) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    table = bring(services, visitor, "t.csv", b"one,two\nBolt,1\nNut,2\n")
    text = bring(services, visitor, "a.txt", "Привет".encode("cp1251"))
    list(tab.add_files(request, [str(table), str(text)], 0))
    asked = [tab.was_read.place, tab.mapping.shown, tab.encoding.shown]
    assert list(tab.tab.inputs) == asked
    reloaded = dict(zip(tab.tab.outputs, tab.refresh(request, *(each.value for each in asked)), strict=True))
    assert [reloaded[form.group]["visible"] for form in (tab.mapping, tab.encoding)] == [True, True]
    assert reloaded[tab.mapping.sample]["label"] == "t.csv"
    again = dict(zip(tab.tab.outputs, tab.refresh(request, *(reloaded[each] for each in asked)), strict=True))
    forms = [*tab.mapping.outputs, *tab.encoding.outputs]
    assert all(again[each] == gr.skip() for each in forms), "a form that is being filled in stays as it is"
    services.visitors.forget(visitor)
    gone = dict(zip(tab.tab.outputs, tab.refresh(request, *(reloaded[each] for each in asked)), strict=True))
    assert [gone[form.group]["visible"] for form in (tab.mapping, tab.encoding)] == [False, False]


def test_an_index_that_is_ready_leaves_the_place_in_sight(tab: TextTab) -> None:
    events = [each for each in tab.changed.parent.fns.values() if (tab.index.under_way._id, "change") in each.targets]
    assert [each.inputs for each in events] == [list(tab.tab.inputs)]


def test_two_visitors_bring_the_same_table_and_each_chooses_its_columns(tab: TextTab, services: Services) -> None:
    requests = [page_request(), page_request()]
    for request in requests:
        visitor = services.store.visitor(request.cookies[COOKIE])
        list(tab.add_files(request, [str(bring(services, visitor, "t.csv", b"one,two\nBolt,1\nNut,2\n"))], 0))
    for request in requests:
        visitor = services.store.visitor(request.cookies[COOKIE])
        table, mapping = tab.mapping.take_table("en", visitor, ["one"], ["two"], [], [], [])
        added = services.library.add(visitor, [(table.path, table.name)], mapping, table.document)
        assert [row.name for row in added.documents] == ["t.csv"]


def test_an_upload_of_another_visitor_is_not_added(tab: TextTab, services: Services) -> None:
    other = services.store.visitor(new_secret())
    file = bring(services, other, "a.txt", b"Not yours.")
    with pytest.raises(UserError, match="not here any more"):
        list(tab.add_files(page_request(), [str(file)], 0))
    assert file.exists()


def test_a_choice_that_is_not_enough_is_refused_and_the_table_waits_on(tab: TextTab, services: Services) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    file = bring(services, visitor, "t.csv", b"one,two\nBolt,1\nNut,2\n")
    added = services.library.add(visitor, [(file, "t.csv")])
    tab.mapping.open("en", visitor, added.tables)
    with pytest.raises(UserError, match="Choose columns for question and answer"):
        tab.mapping.take_table("en", visitor, ["one"], [], [], [], [])
    tab.mapping.skip_table(visitor)
    assert not file.exists()
    assert not tab.mapping.open("en", visitor, ())[0]["visible"]


def test_a_text_with_several_readings_shows_them_and_is_read_as_chosen(
    tab: TextTab, services: Services, write: Write
) -> None:
    request = page_request()
    visitor = services.store.visitor(request.cookies[COOKIE])
    file = write("a.txt", "Привет".encode("cp1251"))
    added = services.library.add(visitor, [(file, "a.txt")])
    assert (added.documents, added.refusals) == ((), ())
    *_, last = tab.stream_added(request, added, 0)
    first = 1 + len(tab.mapping.outputs)
    group, sample, choice, _ = last[first : first + len(tab.encoding.outputs)]
    assert group["visible"]
    assert "Привет" in sample["value"]["data"][0]
    with pytest.raises(UserError, match="Choose one of the readings"):
        tab.encoding.take_file("en", visitor, None)
    undecided, encoding = tab.encoding.take_file("en", visitor, "Windows-1251 (Cyrillic)")
    assert "Windows-1251 (Cyrillic)" in choice["choices"]
    services.library.add(visitor, [(undecided.path, undecided.name)], encoding=encoding)
    assert [document.text for document in services.library.documents(visitor)] == ["Привет"]
    assert not tab.encoding.open(visitor)[0]["visible"]


def test_a_text_that_waits_for_its_encoding_can_be_left_out(tab: TextTab, services: Services) -> None:
    visitor = services.store.visitor(page_request().cookies[COOKIE])
    file = bring(services, visitor, "a.txt", "Привет".encode("cp1251"))
    tab.encoding.open(visitor, services.library.add(visitor, [(file, "a.txt")]).undecided)
    tab.encoding.skip_file(visitor)
    assert not file.exists()
    assert not services.library.documents(visitor)
