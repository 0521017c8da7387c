"""What a handler tells beside the controls: a sentence on bad input, which only a visitor's next act takes away."""

from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from playground.errors import UserError
from playground.ui.page import leave_newer, redraw_all
from playground.ui.shared.handlers import Notice, guard, guarded_stream
from playground.ui.shared.tab import Tab

REQUEST = cast(gr.Request, SimpleNamespace(cookies={}, headers={}))
NOTHING = {"value": "", "visible": False}


def shown(update: Any) -> dict[str, Any]:
    return {key: value for key, value in update.items() if key != "__type__"}


def does(_: gr.Request, *values: Any) -> tuple[Any, ...]:
    return values


def refuses(_: gr.Request) -> tuple[Any, ...]:
    raise UserError("Too long. Shorten it.")


def test_a_refusal_is_told_and_changes_nothing_else() -> None:
    told, *others = guard(3)(refuses)(REQUEST)
    assert shown(told) == {"value": "Too long. Shorten it.", "visible": True}
    assert others == [gr.skip(), gr.skip()]


def test_what_a_visitor_does_well_takes_an_earlier_sentence_away() -> None:
    told, value = guard(2)(does)(REQUEST, "new")
    assert (shown(told), value) == (NOTHING, "new")


def test_what_follows_the_page_leaves_an_earlier_sentence_there() -> None:
    assert guard(2, clears=False)(does)(REQUEST, "new") == (gr.skip(), "new")
    assert guard(1, clears=False)(refuses)(REQUEST)["visible"] is True


@pytest.mark.parametrize("act", [lambda _: (Notice("Four steps."),), lambda _: (), refuses])
def test_the_box_alone_is_updated_bare_as_a_tuple_would_be_shown_as_text(act: Any) -> None:
    assert guard(1)(act)(REQUEST)["__type__"] == "update"


def test_a_stream_that_follows_the_page_leaves_an_earlier_sentence_there() -> None:
    def measure(_: gr.Request) -> Any:
        yield "one", 1
        yield "two", 2

    assert list(guarded_stream(3, clears=False)(measure)(REQUEST)) == [(gr.skip(), "one", 1), (gr.skip(), "two", 2)]
    assert [shown(first) for first, *_ in guarded_stream(3)(measure)(REQUEST)] == [NOTHING, NOTHING]


def test_a_tab_that_cannot_be_drawn_keeps_no_other_from_being_redrawn(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: gr.Request) -> tuple[Any, ...]:
        raise ZeroDivisionError

    with gr.Blocks():
        one, two, three = gr.Textbox(), gr.Textbox(), gr.Textbox()
        tabs = [
            Tab("one", [one, two], broken, gr.State(0)),
            Tab("two", [three], lambda _, text: (f"{text}!",), gr.State(0), [one]),
        ]
    assert redraw_all(tabs)(REQUEST, "drawn") == [gr.skip(), gr.skip(), "drawn!"]
    assert "ZeroDivisionError" in caplog.text


def test_a_redraw_leaves_what_a_visitor_may_have_done_since_it_was_asked_for() -> None:
    with gr.Blocks():
        control, other, timer = gr.Dropdown(), gr.Dropdown(), gr.Timer()

    def refresh(_: gr.Request, value: str) -> tuple[Any, ...]:
        return gr.update(value="a"), gr.update(value="a"), gr.update(active=value == "b")

    redraw = leave_newer(Tab("one", [other, control, timer], refresh, gr.State(0), [control]), refresh)
    assert [shown(each) for each in redraw(REQUEST, "a")] == [{"value": "a"}, {}, {}]
    assert [shown(each) for each in redraw(REQUEST, "b")] == [{"value": "a"}, {"value": "a"}, {"active": True}]
