"""Updates of many parts of the page as one text that the page's script applies, so the server rebuilds no part.

For each update, an empty one included, Gradio builds the component anew with its JSON schema: one to six milliseconds
under the interpreter's lock, during which the model waits.
"""

import functools
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
import pandas as pd
from gradio.blocks import Block
from pydantic import BaseModel

from playground.ui.compat import UNCHANGED
from playground.ui.shared.client_scripts import frame_script
from playground.ui.shared.tab import UNQUEUED

Update = dict[str, Any]
# The server checks what is chosen against what it knows of these, and keeps the value of a State and the files.
KNOWN_TO_SERVER = (gr.State, gr.Dropdown, gr.Radio, gr.CheckboxGroup, gr.File, gr.DownloadButton)


class Frames:
    """Some parts of the page, and the hidden box through which their updates go.

    A box holds the name of a stream and one line per frame, each a JSON object: a part's place -> what is new of it.
    A line may be skipped by the page's events, so the text grows; Gradio sends only what was appended.
    """

    def __init__(self, parts: Sequence[Block], known: Sequence[Block] = ()) -> None:
        """Draw the box and wire it. Parts that the server must know stay outputs of Gradio's.

        So do those in `known`, whose value an event that follows needs: the browser draws the others a moment later.
        """
        self._parts = list(parts)
        self._is_known = [isinstance(each, KNOWN_TO_SERVER) or each in known for each in parts]
        self._known, self._drawn = self._divide(parts)
        self.box = gr.Textbox(visible="hidden")
        script = frame_script(f"box{secrets.token_hex(4)}", len(self._drawn))
        self.box.change(None, self.box, self._drawn, js=script, **UNQUEUED)

    @property
    def outputs(self) -> list[Block]:
        """What the handlers that `once` and `stream` make are outputs of."""
        return [self.box, *self._known]

    def once(self, handler: Callable[..., Sequence[Any]]) -> Callable[..., Any]:
        """A handler for `outputs` from one that returns an update for each part."""

        @functools.wraps(handler)
        def send(*args: Any) -> Any:
            return self.send(handler(*args))

        return send

    def stream(self, handler: Callable[..., Iterator[Sequence[Any]]]) -> Callable[..., Iterator[Any]]:
        """The same from one that yields. The last frame sends all again: another event may have drawn meanwhile."""

        @functools.wraps(handler)
        def send(*args: Any) -> Iterator[Any]:
            sheet, latest = _Sheet(self._drawn), [gr.skip()] * len(self._known)
            for updates in handler(*args):
                known, drawn = self._divide(updates)
                sheet.add(drawn)
                latest = [old if new == UNCHANGED else new for old, new in zip(latest, known, strict=True)]
                yield self._sent(sheet.text, known)
            sheet.repeat()
            yield self._sent(sheet.text, latest)

        return send

    def send(self, updates: Sequence[Any]) -> Any:
        """Values for `outputs` from an update for each part."""
        known, drawn = self._divide(updates)
        sheet = _Sheet(self._drawn)
        sheet.add(drawn)
        return self._sent(sheet.text, known)

    def _divide(self, each_part: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """What belongs to parts that the server must know, and the rest."""
        pairs = list(zip(each_part, self._is_known, strict=True))
        return [each for each, known in pairs if known], [each for each, known in pairs if not known]

    def _sent(self, text: str, known: Sequence[Any]) -> Any:
        copies = [{**each} if isinstance(each, dict) else each for each in known]  # Gradio takes values out of them
        return (text, *copies) if known else text


class _Sheet:
    """The text of one stream, and what it has said of each part."""

    def __init__(self, parts: Sequence[Block]) -> None:
        self._parts = parts
        self._said: list[Update] = [{} for _ in parts]
        self.text = secrets.token_hex(4)

    def add(self, updates: Sequence[Any]) -> None:
        """One more line with what is new; none where nothing is."""
        line: dict[int, Update] = {}
        for place, (part, said, given) in enumerate(zip(self._parts, self._said, updates, strict=True)):
            update = _as_update(given)
            if new := {name: value for name, value in update.items() if name not in said or _differ(said[name], value)}:
                line[place] = _encode(part, said.get("value"), new)
            said.update(update)
        self._write(line)

    def repeat(self) -> None:
        """One more line with all that was said."""
        pairs = enumerate(zip(self._parts, self._said, strict=True))
        self._write({place: _encode(part, None, said) for place, (part, said) in pairs if said})

    def _write(self, line: dict[int, Update]) -> None:
        if line:
            self.text += "\n" + json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _differ(old: Any, new: Any) -> bool:
    """Whether a property is new; tables, which cannot be compared so, always are."""
    return isinstance(new, pd.DataFrame) or bool(old != new)


def _as_update(given: Any) -> Update:
    """An update's properties; a value is an update of the value alone."""
    if isinstance(given, dict) and given.get("__type__") == UNCHANGED["__type__"]:
        return {name: value for name, value in given.items() if name != "__type__"}
    return {"value": given}


def _encode(part: Any, before: Any, new: Update) -> Update:
    """What is new of a part as JSON; of a chat whose last message alone has changed, that message's text."""
    if "value" not in new:
        return new
    value = new["value"]
    if isinstance(part, gr.Chatbot) and _only_last_text_differs(before, value):
        rest = {name: each for name, each in new.items() if name != "value"}
        old, text = before[-1]["content"], value[-1]["content"]
        return {**rest, "more": text[len(old) :]} if text.startswith(old) else {**rest, "text": text}
    processed = part.postprocess(value)
    return {**new, "value": processed.model_dump() if isinstance(processed, BaseModel) else processed}


def _only_last_text_differs(before: Any, value: Any) -> bool:
    if not before or not value or len(before) != len(value) or before[:-1] != value[:-1]:
        return False
    old, new = before[-1], value[-1]
    return old.keys() == new.keys() == {"role", "content"} and bool(old["role"] == new["role"])
