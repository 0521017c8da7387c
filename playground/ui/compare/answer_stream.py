"""What each frame of a streamed answer draws: everything at the start and the end, else only what can be new."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.chat.turns import Conversation, Record
from playground.ui.compare.pane import draw_answer, draw_pane

GROWING = (
    "answer",
    "thoughts",
    "ahead",
    "wait",
    "seconds_to_first_token",
    "tokens_per_second",
)  # of a turn that goes on


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
        self._drawn: Sequence[Any] = ()

    def updates(self, conversation: Conversation) -> list[Any]:
        """The pane's updates. A turn that did not change is not drawn; of one that only grew, the answer alone is."""
        turns = conversation.get(self._arm, [])
        before, self._latest = self._latest, turns[-1] if turns else None
        if self._drawn and self._latest == before:
            return [gr.skip()] * len(self._drawn)
        if before and self._latest and _only_grew(before, self._latest):
            return draw_answer(self._language, self._latest, self._drawn)
        self._drawn = draw_pane(self._language, self._arm, conversation)
        return list(self._drawn)


def _only_grew(before: Record, latest: Record) -> bool:
    """Whether nothing but the words, the figures and the place in the queue is new of a turn that goes on."""
    growing = {name: vars(latest)[name] for name in GROWING}
    return not latest.done and replace(before, **growing) == latest
