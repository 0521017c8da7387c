"""Polling by a timer: sends only the updates that the page does not show yet. Knows no tab."""

import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import pandas as pd

from playground.ui.shared.client_scripts import poll_script
from playground.ui.shared.frames import Frames
from playground.ui.shared.tab import NO_PROGRESS, UNQUEUED

FRESH_SECONDS = 10  # then everything is sent again, as another event may have drawn the same parts meanwhile


class Poll:
    """Updates of some parts of the page. A hidden box holds the session, when all was sent, and checksums of what was.

    A page redraws slowly, and its browser may share the cores of the run that it watches.
    """

    def __init__(self, name: str, draw: Callable[[gr.Request], tuple[Any, ...]], parts: Sequence[Any]) -> None:
        """`draw` returns one update per part; programs call it as the endpoint `name`."""
        self._name, self._draw = name, draw
        self.frames = Frames(parts)
        self.sent = gr.Textbox("", visible="hidden")
        self.outputs = [*self.frames.outputs, self.sent]

    def follow(self, timer: gr.Timer) -> None:
        """Send what is new at every tick of the timer."""
        gr.on([], self.changed_values, self.sent, self.outputs, api_name=self._name, queue=False, **NO_PROGRESS)
        script = poll_script(self._name, len(self.outputs))
        timer.tick(None, self.sent, self.outputs, js=script, **UNQUEUED)

    def all_values(self, request: gr.Request) -> tuple[Any, ...]:
        """Values for all `outputs`, whatever the page shows."""
        return self.changed_values(request, "")

    def changed_values(self, request: gr.Request, sent: str) -> tuple[Any, ...]:
        """Values for `outputs` with what differs from what was sent last time; `sent` is the hidden box."""
        *updates, now = self.changed_updates(request, sent)
        framed = self.frames.send(updates)
        return *((framed,) if isinstance(framed, str) else framed), now

    def changed_updates(self, request: gr.Request, sent: str) -> tuple[Any, ...]:
        """Updates for the parts that differ from those sent last time, and the hidden box's new text."""
        updates = self._draw(request)
        checksums = [_checksum(each) for each in updates]
        _, whole, *before = sent.split(" ") if " " in sent else ("", "0")
        if len(before) != len(checksums) or time.time() - float(whole) > FRESH_SECONDS:
            whole, before = str(time.time()), [""] * len(checksums)
        changes = [
            gr.skip() if checksum == old else update
            for update, checksum, old in zip(updates, checksums, before, strict=True)
        ]
        return *changes, sent if checksums == before else " ".join([request.session_hash or "", whole, *checksums])


def send_session_names(page: gr.Blocks, poll: Sequence[Poll]) -> None:
    """Put the session's name into each hidden box when the page opens."""

    def names(request: gr.Request) -> list[str]:
        return [request.session_hash or ""] * len(poll)

    page.load(names, None, [each.sent for each in poll], **UNQUEUED)


def _checksum(update: Any) -> str:
    """Eight hexadecimal digits that differ where updates do."""
    text = json.dumps(update, default=_table)
    return f"{zlib.crc32(text.encode()):08x}"


def _table(value: pd.DataFrame) -> str:
    return str(value.to_json())
