"""What the page needs to know about a tab: how to redraw it from the store. And the options of the page's events."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

# Gradio redraws every component that may show an event's progress, so hidden progress names none.
NO_PROGRESS: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
# A change of a gr.State reaches the page only through the queue, so events that bump `changed` use it.
QUEUED: dict[str, Any] = {**NO_PROGRESS, "api_visibility": "private"}
UNQUEUED: dict[str, Any] = {**NO_PROGRESS, "queue": False, "api_visibility": "private"}
# For what follows a form: one event for many controls, repeated after its answer, so that no older answer comes last.
UNQUEUED_LATEST: dict[str, Any] = {**UNQUEUED, "trigger_mode": "always_last"}

# Questions wait where their place can be told, so Gradio passes all of them on.
QUESTIONS: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": None}
# One at a time: a merged model takes as much memory as a second base model.
EXPORTS: dict[str, Any] = {"concurrency_id": "exports", "concurrency_limit": 1}


@dataclass(frozen=True)
class Tab:
    """`refresh(request, *inputs)` returns updates for `outputs`; programs call it as the endpoint `name`.

    `changed` counts this tab's changes of the store.
    """

    name: str
    outputs: Sequence[Block]
    refresh: Callable[..., tuple[Any, ...]]
    changed: gr.State
    inputs: Sequence[Component] = ()


def seen_box(opening: gr.Tab) -> gr.Textbox:
    """A hidden box that gets its only text when a visitor first opens a tab; what takes long to draw follows it."""
    box = gr.Textbox("", visible="hidden")
    opening.select(None, None, box, js="() => 'seen'", **UNQUEUED)
    return box


def kept_choice(chosen: str | None, offered: Collection[str], usual: str | None, before: str | None) -> str | None:
    """What a choice shows once it is redrawn: what was chosen, unless it is gone or what is usual has changed since."""
    return chosen if chosen in offered and usual == before else usual


def bump(number: int) -> int:
    """The next value of a tab's `changed`; a new value makes the page redraw its tabs."""
    return number + 1
