"""What each frame of a streamed answer sends to the page: everything at the start and the end, else only what is new.

On the wire, Gradio sends the difference between two frames. The browser draws every component anew all the same, unless
its update is left out.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from playground.chat.turns import Conversation, Record
from playground.ui.compare.pane import draw_pane


def stream_updates(
    language: str, arms: Sequence[str], frames: Iterator[Conversation], load: Callable[[], Conversation]
) -> Iterator[tuple[Any, ...]]:
    """The updates of all panes for each frame, then those for the stored conversation, which `load` returns.

    Another event, or another question to the same panes, may have drawn them meanwhile, so the store has the last word.
    """
    panes = [_PaneStream(language, arm) for arm in arms]
    for conversation in frames:
        yield tuple(update for pane in panes for update in pane.updates(conversation))
    stored = load()
    yield tuple(update for arm in arms for update in draw_pane(language, arm, stored))


class _PaneStream:
    """One pane's part of the frames."""

    def __init__(self, language: str, arm: str) -> None:
        self._language, self._arm = language, arm
        self._latest: Record | None = None
        self._drawn: tuple[Any, ...] = ()

    def updates(self, conversation: Conversation) -> list[Any]:
        """The pane's updates that differ from the last frame's. A turn that did not change is not drawn."""
        turns = conversation.get(self._arm, [])
        latest = turns[-1] if turns else None
        before = self._drawn
        if not before or latest != self._latest:
            self._drawn, self._latest = draw_pane(self._language, self._arm, conversation), latest
        if not before:
            return list(self._drawn)
        changes = [gr.skip() if new == old else new for new, old in zip(self._drawn, before, strict=True)]
        if latest is not None and not latest.done:
            changes[0] = self._drawn[0]  # the chat: left out of one frame, it would be sent in full with the next
        return changes
