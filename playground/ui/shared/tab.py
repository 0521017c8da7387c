"""What the page needs to know of a tab: how to draw it anew from what is stored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

# Every part that an event's progress may ever show on is drawn anew at each event, so hidden progress shows on none.
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
# A change of a gr.State reaches the page only through the queue, so whatever bumps `changed` must pass it.
CHANGING: dict[str, Any] = {**HIDDEN, "api_visibility": "private"}
QUIET: dict[str, Any] = {**HIDDEN, "queue": False, "api_visibility": "private"}
# For what follows a form: one event of many controls, asked again once it has answered, so no older answer comes last.
LAST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}


@dataclass(frozen=True)
class Tab:
    """`refresh(request, *inputs)` updates `outputs`, for a program too: it is the endpoint `name`.

    `changed` counts this tab's changes of the store.
    """

    name: str
    outputs: Sequence[Block]
    refresh: Callable[..., tuple[Any, ...]]
    changed: gr.State
    inputs: Sequence[Component] = ()


def bump(number: int) -> int:
    """The next value of a tab's `changed`: a new value is what tells the page."""
    return number + 1
