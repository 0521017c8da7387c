"""Wraps event handlers: bad input becomes a sentence beside the controls, a fault of ours a traceback in the log."""

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from playground.counters import REFUSALS
from playground.errors import USER_FACING, UserError
from playground.files import is_full
from playground.services.app import Services
from playground.ui.shared.i18n import ENGLISH, say
from playground.ui.shared.session import language_of
from playground.ui.shared.translation import translate

log = logging.getLogger(__name__)


class Notice(str):
    """A sentence for the notice box: the first value of a handler that succeeded, at least in part."""


def notice_box() -> gr.Textbox:
    """The box beside a tab's controls for sentences to the visitor. Plain text, because it may quote their input."""
    return gr.Textbox(
        visible=False, interactive=False, show_label=False, container=False, lines=1, max_lines=8, elem_classes="notice"
    )


def notice_update(sentence: str) -> dict[str, Any]:
    """The update that shows a sentence, or hides the box if it is empty."""
    return gr.update(value=sentence, visible=bool(sentence))


def guard(outputs: int, clears: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps a handler whose first output is the notice box; `outputs` counts all outputs.

    The handler returns the other outputs as a tuple; the notice box alone is updated bare, since Gradio would show a
    tuple of one as text. When it raises a user-facing error nothing else changes, so what was typed stays.
    With `clears` what it does well takes an earlier sentence away; a handler that no visitor asked for, since it
    follows the page, leaves it there.
    """

    def wrap(handler: Callable[..., tuple[Any, ...]]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def safe(*args: Any, **kwargs: Any) -> Any:
            try:
                updates = _with_notice(handler(*args, **kwargs), clears)
            except Exception as error:
                updates = _error_updates(error, args, outputs)
            return updates if outputs > 1 else updates[0]

        return safe

    return wrap


def guarded_stream(outputs: int, clears: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`guard` for a handler that yields."""

    def wrap(handler: Callable[..., Iterator[tuple[Any, ...]]]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def safe(*args: Any, **kwargs: Any) -> Iterator[tuple[Any, ...]]:
            try:
                for values in handler(*args, **kwargs):
                    yield _with_notice(values, clears)
            except Exception as error:
                yield _error_updates(error, args, outputs)

        return safe

    return wrap


def refuse_if_full(services: Services, language: str) -> None:
    """Raises UserError where no more questions are taken now."""
    if services.answers.is_full():
        raise UserError(say(language, "compare.full", count=services.settings.queue_size))


def _with_notice(values: tuple[Any, ...], clears: bool) -> tuple[Any, ...]:
    """A handler's values behind the update of the notice box: the handler's own sentence, or none."""
    if values and isinstance(values[0], Notice):
        return (notice_update(values[0]), *values[1:])
    return (notice_update("") if clears else gr.skip(), *values)


def _error_updates(error: Exception, args: tuple[Any, ...], outputs: int) -> tuple[Any, ...]:
    """Updates that show the error's sentence, in the visitor's language where it is the page's."""
    request = next((each for each in args if isinstance(each, gr.Request)), None)
    sentence = error_sentence(error, language_of(request) if request else ENGLISH)
    return (notice_update(sentence), *[gr.skip()] * (outputs - 1))


def error_sentence(error: Exception, language: str) -> str:
    """What the visitor is told of an error; of a fault of ours that is general, and its traceback is logged."""
    if isinstance(error, USER_FACING):
        REFUSALS.labels("input").inc()
        log.info("A request was refused: %s", type(error).__name__)
        return translate(language, str(error))
    REFUSALS.labels("disk_full" if is_full(error) else "fault").inc()
    log.error("A handler failed", exc_info=None if is_full(error) else error)
    return say(language, "notice.full" if is_full(error) else "notice.ours")
