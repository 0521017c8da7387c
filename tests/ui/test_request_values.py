"""Values of requests made by hand: one sentence each, and a line of the log instead of a traceback."""

import asyncio
import errno
import logging
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
import pytest

from playground.ui.shared.request_values import CheckedPage

FULLWIDTH = "\uff11\uff12"


def preprocess(value: Any, part: Callable[..., Any] = gr.Number, **form: Any) -> Any:
    """The value as a handler is given it."""
    with CheckedPage(analytics_enabled=False) as page:
        box = part(label="Layers", **form)
        page.load(lambda value: value, box, None)
    (event,) = page.fns.values()
    return asyncio.run(page.preprocess_data(event, [value], None))[0]


@pytest.mark.parametrize("value", [True, False, "1", FULLWIDTH, "", [], {}, [1], math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("form", [{"precision": 0}, {}])
def test_what_is_no_number_is_refused_in_one_sentence(value: Any, form: dict[str, Any]) -> None:
    with pytest.raises(gr.Error, match="Layers must be a number, got") as refused:
        preprocess(value, **form)
    assert refused.value.print_exception is False


def test_a_half_is_refused_where_only_wholes_are_taken() -> None:
    with pytest.raises(gr.Error, match=r"whole number, got 1\.5"):
        preprocess(1.5, precision=0)
    assert preprocess(1.5) == 1.5
    assert preprocess(2.0, precision=0) == 2
    assert preprocess(None, precision=0) is None


@pytest.mark.parametrize("value", ["c", {"a": 1}, 7])
def test_a_choice_that_is_not_offered_is_one_line_of_the_log(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(gr.Error) as refused:
        preprocess(value, gr.Dropdown, choices=["a", "b"])
    assert refused.value.print_exception is False
    assert [(each.levelname, each.exc_info) for each in caplog.records] == [("INFO", None)]


@pytest.mark.parametrize("value", [[], ["a"], {}])
def test_several_choices_are_refused_where_one_is_taken(value: Any) -> None:
    with pytest.raises(gr.Error, match="form that the page does not take"):
        preprocess(value, gr.Dropdown, choices=["a", "b"])
    assert preprocess(["a"], gr.Dropdown, choices=["a", "b"], multiselect=True) == ["a"]


@pytest.mark.parametrize("value", [[], {"__type__": "update"}])
def test_a_box_to_tick_takes_no_list_or_object(value: Any) -> None:
    with pytest.raises(gr.Error, match="form that the page does not take"):
        preprocess(value, gr.Checkbox)
    assert preprocess(True, gr.Checkbox) is True


@pytest.mark.parametrize("value", [1e308, True, [], {"a": 1}])
def test_a_button_whose_words_are_asked_says_words(value: Any) -> None:
    button = partial(preprocess, part=lambda label: gr.Button(label))
    with pytest.raises(gr.Error, match="form that the page does not take"):
        button(value)
    assert button("How old are bees?") == "How old are bees?"


@pytest.mark.parametrize("part", [gr.Textbox, lambda label: gr.Button(label)])
def test_a_text_box_or_button_without_a_value_is_empty(part: Callable[..., Any]) -> None:
    assert preprocess(None, part) == ""


def test_what_a_request_says_is_not_taken_for_html() -> None:
    with pytest.raises(gr.Error) as refused:
        preprocess("<img src=x onerror=alert(1)>")
    assert "<" not in str(refused.value.message)


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gr.Textbox, "preprocess", full)
    with pytest.raises(gr.Error, match="disk is full"):
        preprocess("words", gr.Textbox)
