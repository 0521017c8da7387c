"""What each frame of a streamed answer sends to the page: only what is new, and everything at the start and the end.

On the wire, Gradio sends the difference between two frames. The browser draws every component anew all the same, unless
its update is left out.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from playground.chat.turns import Conversation, Record
from playground.ui.compare.pane import draw_pane


def stream_updates(language: str, arms: Sequence[str], frames: Iterator[Conversation]) -> Iterator[tuple[Any, ...]]:
    """The updates of all panes for each frame.

    The last frame, in which all have finished, sends everything: another event may have drawn the panes meanwhile.
    """
    panes = [_PaneStream(language, arm) for arm in arms]
    for conversation in frames:
        latest = [conversation[arm][-1] if conversation.get(arm) else None for arm in arms]
        finished = all(turn is None or turn.done for turn in latest)
        changes = [pane.updates(conversation, turn, finished) for pane, turn in zip(panes, latest, strict=True)]
        yield tuple(update for each in changes for update in each)


class _PaneStream:
    """One pane's part of the frames."""

    def __init__(self, language: str, arm: str) -> None:
        self._language, self._arm = language, arm
        self._latest: Record | None = None
        self._drawn: tuple[Any, ...] = ()

    def updates(self, conversation: Conversation, latest: Record | None, whole: bool) -> list[Any]:
        """The pane's updates, or those that differ from the last frame's. A turn that did not change is not drawn."""
        before = self._drawn
        if not before or latest != self._latest:
            self._drawn, self._latest = draw_pane(self._language, self._arm, conversation), latest
        if whole or not before:
            return list(self._drawn)
        changes = [gr.skip() if new == old else new for new, old in zip(self._drawn, before, strict=True)]
        if latest is not None and not latest.done:
            changes[0] = self._drawn[0]  # the chat: left out of one frame, it would be sent in full with the next
        return changes
