"""Checks the values that a request brings for the page's parts, before any handler sees them."""

import html
import logging
import math
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlockFunction
from gradio.data_classes import BlocksConfigDict

from playground.errors import UserError
from playground.files import is_full
from playground.ui.compat import without_repeats
from playground.ui.shared.i18n import ENGLISH, english, say
from playground.ui.shared.session import language_of
from playground.ui.shared.translation import translate

log = logging.getLogger(__name__)
SHOWN_CHARS = 60
_LANGUAGE: ContextVar[str] = ContextVar("language", default=ENGLISH)  # of the request at work


class CheckedPage(gr.Blocks):
    """A page on which a value that a part does not take becomes one sentence, and one line of the log.

    The page's own controls make no such values, but requests made by hand do, and a page that was left open.
    """

    def get_config_file(self) -> BlocksConfigDict:
        """See gradio; what each browser gets of the page, made smaller."""
        return without_repeats(super().get_config_file())

    async def process_api(self, *args: Any, **named: Any) -> dict[str, Any]:
        """See gradio."""
        request = named.get("request")
        _LANGUAGE.set(language_of(request) if isinstance(request, gr.Request) else ENGLISH)
        return await super().process_api(*args, **named)

    async def preprocess_data(self, block_fn: BlockFunction, inputs: list[Any], *more: Any, **named: Any) -> Any:
        """See gradio."""
        try:
            check_numbers(block_fn.inputs, inputs)
            check_choices(block_fn.inputs, inputs)
            return await super().preprocess_data(block_fn, filled(block_fn.inputs, inputs), *more, **named)
        except Exception as fault:
            raise refusal(fault, str(block_fn.name)) from fault


def filled(parts: Sequence[Block], values: Sequence[Any]) -> list[Any]:
    """The values with an empty text in the place of none, which no text box or button of the page sends."""
    pairs = zip(parts, values, strict=False)
    told = ["" if value is None and isinstance(part, (gr.Textbox, gr.Button)) else value for part, value in pairs]
    return [*told, *values[len(told) :]]


def check_numbers(parts: Sequence[Block], values: Sequence[Any]) -> None:
    """Refuse what JSON lets pass for a number: a truth value, a text, infinity, a half where only wholes are taken.

    Raises:
        UserError: with the number field and the value.
    """
    for part, value in zip(parts, values, strict=False):
        if isinstance(part, (gr.Number, gr.Slider)) and value is not None:
            _check_number(part, value)


def check_choices(parts: Sequence[Block], values: Sequence[Any]) -> None:
    """Refuse several choices where one is taken, what is no yes or no, and a button that says no words.

    Gradio lets an empty list pass, and of a button anything.

    Raises:
        UserError: with what the page says of values that it does not take.
    """
    for part, value in zip(parts, values, strict=False):
        takes_one = (isinstance(part, gr.Dropdown) and not part.multiselect) or isinstance(part, gr.Checkbox)
        is_no_word = isinstance(part, gr.Button) and not (value is None or isinstance(value, str))
        if (takes_one and isinstance(value, (list, dict))) or is_no_word:
            raise UserError(say("en", "notice.choice"))


def _check_number(part: gr.Number | gr.Slider, value: Any) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    label = _label(part)
    if not is_number:
        raise UserError(f"{label} must be a number, got {_short(value)}. Correct it and try again.")
    if isinstance(part, gr.Number) and part.precision == 0 and value != int(value):
        raise UserError(f"{label} must be a whole number, got {_short(value)}. Correct it and try again.")


def refusal(fault: Exception, handler: str) -> gr.Error:
    """The fault as what the page shows; a visitor's own is no traceback in the log."""
    if is_full(fault):
        sentence = say("en", "notice.full")
    elif isinstance(fault, gr.Error):
        sentence = str(fault.message)
    else:
        sentence = str(fault) if isinstance(fault, UserError) else say("en", "notice.choice")
    log.info("%s refused a value: %s", handler, type(fault).__name__)
    return gr.Error(html.escape(translate(_LANGUAGE.get(), sentence), quote=False), print_exception=False)


def _label(part: gr.Number | gr.Slider) -> str:
    """The part's label in English."""
    return english(part.label) or "A number"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
