"""What was read: pages, what was left out of each in the visitor's language, and taking a part back."""

import json
from typing import Any

import gradio as gr
import pytest

from playground.services.app import Services
from playground.ui.shared.session import COOKIE
from playground.ui.text.tab import TextTab
from playground.ui.text.was_read import PARTS, Place, WasRead
from retrieval.shown_pages import MOST
from tests.conftest import Write
from tests.fakes.page import page_request

MENU = "<nav><a href=x>Home</a> <a href=y>Shop</a></nav>"
PAGE = f"{MENU}<h1>Bees</h1><p>Bees fly from flower to flower, all day long.</p>"


@pytest.fixture
def tab(services: Services) -> TextTab:
    """The tab, drawn on a page of its own."""
    assert services.chat
    with gr.Blocks():
        return TextTab(services, gr.Tab())


@pytest.fixture
def request_() -> gr.Request:
    """A visitor's request."""
    return page_request()


def added(services: Services, write: Write, request: gr.Request, text: str, name: str = "bees.html") -> Place:
    """The first page of a file that this visitor added."""
    visitor = services.store.visitor(request.cookies[COOKIE])
    path = write(name, text)
    (row,) = services.library.add(visitor, [(path, name)]).documents
    return Place(row.id)


def seen(view: WasRead, updates: tuple[Any, ...]) -> dict[str, Any]:
    """What updates show: the text, the labels of the pages, and the sentences of the parts."""
    by = dict(zip(view.outputs, updates, strict=True))
    return {
        "text": by[view.text],
        "pages": [label for label, _ in by[view.page]["choices"]],
        "page": by[view.page]["value"],
        "parts": [by[line.sentence] for line in view.lines if by[line.sentence]],
        "buttons": [by[line.button]["visible"] for line in view.lines if by[line.sentence]],
        "more": by[view.more]["visible"],
    }


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "[1] Menus. It belongs to the website around the text.\n“Home Shop”"),
        ("vi", "[1] Trình đơn. Nó thuộc về trang web quanh văn bản.\n“Home Shop”"),
    ],
)
def test_a_part_is_told_in_the_visitors_language(
    tab: TextTab, services: Services, write: Write, request_: gr.Request, language: str, sentence: str
) -> None:
    place = added(services, write, request_, PAGE)
    shown = seen(tab.was_read, tab.was_read.updates(language, services.store.visitor(request_.cookies[COOKIE]), place))
    assert shown["parts"] == [sentence]
    assert shown["text"] == [("[1]", "left out"), ("Bees\n\nBees fly from flower to flower, all day long.", None)]


def test_a_click_takes_a_part_back_with_a_new_index_and_a_second_one_leaves_it_out(
    tab: TextTab, services: Services, write: Write, request_: gr.Request
) -> None:
    place = added(services, write, request_, PAGE)
    visitor = services.store.visitor(request_.cookies[COOKIE])
    first = services.indexes.index(visitor)
    assert "Shop" not in str([passage.text for passage in first.passages])
    *_, last = tab._part_toggler(0)(request_, place, 0)
    assert last[-1] == 1, "its change redraws the other tabs"
    assert "Home Shop\n\nBees" in services.library.document(visitor, place.document).text
    again = services.indexes.ready(visitor)
    assert again
    assert "Shop" in str([passage.text for passage in again.passages])
    shown = seen(tab.was_read, tab.was_read.updates("en", visitor, place))
    assert shown["text"][0] == ("Home Shop", "taken back")
    assert shown["parts"][0].startswith("Taken back: [1] Menus")
    list(tab._part_toggler(0)(request_, place, 1))
    assert services.library.document(visitor, place.document).text.startswith("Bees")


def test_a_reload_shows_what_was_taken_back(
    tab: TextTab, services: Services, write: Write, request_: gr.Request
) -> None:
    place = added(services, write, request_, PAGE)
    list(tab._part_toggler(0)(request_, place, 0))
    assert "Taken back" in str(tab.refresh(request_))


def test_the_place_in_sight_stays_until_its_text_is_removed(
    tab: TextTab, services: Services, write: Write, request_: gr.Request
) -> None:
    first = added(services, write, request_, PAGE)
    second = added(services, write, request_, "Ants walk.", "ants.txt")
    outputs = list(tab.tab.outputs)
    where = outputs.index(tab.was_read.place)
    assert tab.refresh(request_, first)[where] == first
    assert tab.refresh(request_)[where] == second
    services.library.remove(services.store.visitor(request_.cookies[COOKIE]), first.document)
    assert tab.refresh(request_, first)[where] == second


def test_a_long_text_comes_in_pages(tab: TextTab, services: Services, write: Write, request_: gr.Request) -> None:
    text = "".join(f"# Title {number}\n\n{'word ' * 300}\n\n" for number in range(300))
    place = added(services, write, request_, text, "long.md")
    moves = {event: handler for event, _, handler in tab.was_read.moves()}
    updates = moves[tab.was_read.later.click](request_, place)
    shown = seen(tab.was_read, updates)
    assert (shown["page"], shown["pages"][1][:11]) == (1, "Part 2 of 1")
    assert sum(len(piece) for piece, _ in shown["text"]) <= MOST
    assert len(json.dumps([shown["text"], shown["pages"]])) < 20_000, "never the whole text"
    last = len(shown["pages"]) - 1
    assert seen(tab.was_read, moves[tab.was_read.later.click](request_, Place(place.document, last)))["page"] == last
    assert seen(tab.was_read, moves[tab.was_read.earlier.click](request_, place))["page"] == 0
    second, choose = Place(place.document, 1), moves[tab.was_read.page.input]
    assert [seen(tab.was_read, choose(request_, second, page))["page"] for page in (0, None)] == [0, 1]


def test_more_parts_than_fit_come_in_turn(tab: TextTab, services: Services, write: Write, request_: gr.Request) -> None:
    place = added(services, write, request_, MENU * (PARTS + 2) + PAGE)
    more = {event: handler for event, _, handler in tab.was_read.moves()}[tab.was_read.more.click]
    updates = more(request_, place)
    shown = seen(tab.was_read, updates)
    assert [part[:3] for part in shown["parts"]] == ["[6]", "[7]", "[8]"]
    assert shown["more"]
    assert seen(tab.was_read, more(request_, updates[0]))["parts"][0].startswith("[1]")
    *_, last = tab._part_toggler(1)(request_, updates[0], 0)
    visitor = services.store.visitor(request_.cookies[COOKIE])
    taken = [part.taken for part in services.library.document(visitor, place.document).left_out]
    assert taken.index(True) == PARTS + 1


def test_what_has_no_text_has_no_button(tab: TextTab, services: Services, write: Write, request_: gr.Request) -> None:
    cells = [{"cell_type": "code", "source": "plot()", "outputs": [{"data": {"image/png": "aGk="}}]}]
    place = added(services, write, request_, json.dumps({"cells": cells}), "plot.ipynb")
    visitor = services.store.visitor(request_.cookies[COOKIE])
    shown = seen(tab.was_read, tab.was_read.updates("vi", visitor, place))
    assert shown["buttons"] == [False]
    assert "Hình ảnh (ô 1)" in shown["parts"][0]
