"""What a timer asks for again and again: only what the page does not show yet is sent. Knows no tab."""

import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
import pandas as pd

from playground.ui.shared.client_scripts import poll_script
from playground.ui.shared.tab import HIDDEN, QUIET

FRESH_SECONDS = 10  # then everything is sent again, as a button may have drawn the same parts in between


class Polled:
    """Updates of parts of the page, with a hidden box for its session, when all was sent, and marks of what was.

    A page redraws slowly, and its browser may share the cores of the run that it watches.
    """

    def __init__(self, name: str, ask: Callable[[gr.Request], tuple[Any, ...]], parts: Sequence[Any]) -> None:
        """`ask` gives an update for each of `parts`; for a program they are the endpoint `name`."""
        self._name, self._ask = name, ask
        self.sent = gr.Textbox("", visible="hidden")
        self.outputs = [*parts, self.sent]

    def follow(self, timer: gr.Timer) -> None:
        """Send what is new at every tick."""
        gr.on([], self.news, self.sent, self.outputs, api_name=self._name, queue=False, **HIDDEN)
        script = poll_script(self._name, len(self.outputs))
        timer.tick(None, self.sent, self.outputs, js=script, **QUIET)

    def everything(self, request: gr.Request) -> tuple[Any, ...]:
        """Updates for `outputs`, whatever the page shows."""
        return self.news(request, "")

    def news(self, request: gr.Request, sent: str) -> tuple[Any, ...]:
        """Updates for `outputs`, without those that the page was sent last time."""
        updates = self._ask(request)
        marks = [_mark(each) for each in updates]
        _, whole, *known = sent.split(" ") if " " in sent else ("", "0")
        if len(known) != len(marks) or time.time() - float(whole) > FRESH_SECONDS:
            whole, known = str(time.time()), [""] * len(marks)
        told = [gr.skip() if mark == old else update for update, mark, old in zip(updates, marks, known, strict=True)]
        return *told, gr.skip() if marks == known else " ".join([request.session_hash or "", whole, *marks])


def meet(page: gr.Blocks, polled: Sequence[Polled]) -> None:
    """Tell the page its session's name when it opens."""

    def names(request: gr.Request) -> list[str]:
        return [request.session_hash or ""] * len(polled)

    page.load(names, None, [each.sent for each in polled], **QUIET)


def _mark(update: Any) -> str:
    """Eight characters that differ where updates do."""
    text = json.dumps(update, default=_table)
    return f"{zlib.crc32(text.encode()):08x}"


def _table(value: pd.DataFrame) -> str:
    return str(value.to_json())
