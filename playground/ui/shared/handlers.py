"""Between a click and its handler: bad input becomes a sentence beside the controls, a fault of ours a traceback."""

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from playground.errors import USER_FACING
from playground.ui.shared.i18n import say
from playground.ui.shared.session import language_of

log = logging.getLogger(__name__)


class Told(str):
    """A sentence for the notice box, as the first value of a handler that also succeeded in part."""


def notice_box() -> gr.Textbox:
    """The place beside a tab's controls where sentences to the visitor appear. Plain text: it may quote their input."""
    return gr.Textbox(
        visible=False, interactive=False, show_label=False, container=False, lines=1, max_lines=8, elem_classes="notice"
    )


def notice(sentence: str) -> dict[str, Any]:
    """The update that shows a sentence, or hides the box when there is none."""
    return gr.update(value=sentence, visible=bool(sentence))


def guard(outputs: int, clears: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A handler whose first output is the notice box; `outputs` counts all of them.

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
                updates = _told(error, args, outputs)
            return updates if outputs > 1 else updates[0]

        return safe

    return wrap


def guarded_stream(outputs: int, clears: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`guarded` for a handler that yields."""

    def wrap(handler: Callable[..., Iterator[tuple[Any, ...]]]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def safe(*args: Any, **kwargs: Any) -> Iterator[tuple[Any, ...]]:
            try:
                for values in handler(*args, **kwargs):
                    yield _with_notice(values, clears)
            except Exception as error:
                yield _told(error, args, outputs)

        return safe

    return wrap


def _with_notice(values: tuple[Any, ...], clears: bool) -> tuple[Any, ...]:
    """A handler's values with the notice box's update in front: its own sentence, or none."""
    if values and isinstance(values[0], Told):
        return (notice(values[0]), *values[1:])
    return (notice("") if clears else gr.skip(), *values)


def _told(error: Exception, args: tuple[Any, ...], outputs: int) -> tuple[Any, ...]:
    """The sentence for the visitor; the traceback goes to the log only when the fault is ours."""
    sentence = str(error)
    if not isinstance(error, USER_FACING):
        log.error("A handler failed", exc_info=error)
        request = next(each for each in args if isinstance(each, gr.Request))
        sentence = say(language_of(request), "notice.ours")
    return (notice(sentence), *[gr.skip()] * (outputs - 1))
