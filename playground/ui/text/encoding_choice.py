"""The form that asks in which encoding a text file is to be read. Files that wait for it stay on the server."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from playground.errors import UserError
from playground.services.app import Services
from playground.services.library import Undecided
from playground.ui.shared.i18n import mark, say


class EncodingForm:
    """Hidden until a file with several likely readings is added; one file at a time."""

    def __init__(self, services: Services) -> None:
        """Draw the form, hidden."""
        self._services = services
        self._waiting: dict[str, list[Undecided]] = {}
        services.visitors.on_leaving(lambda visitor: self._waiting.pop(visitor, None))
        self.shown = gr.State("")  # the file in sight
        with gr.Group(visible=False) as self.group:
            gr.Markdown(mark("text.encoding"), elem_classes="mapping-words")
            self.sample = gr.Dataframe(
                label=mark("text.encoding_sample"), datatype="str", interactive=False, wrap=True, max_height=180
            )
            self.choice = gr.Radio([], show_label=False)
            with gr.Row():
                self.apply = gr.Button(mark("text.encoding_apply"), variant="primary", size="sm")
                self.cancel = gr.Button(mark("text.encoding_cancel"), size="sm")

    @property
    def outputs(self) -> list[Any]:
        """What `open` gives updates for."""
        return [self.group, self.sample, self.choice, self.shown]

    def open(self, visitor: str, files: Sequence[Undecided] = ()) -> tuple[Any, ...]:
        """Put files behind those of this visitor that wait, and show the first; hidden while none waits."""
        waiting = self._waiting.setdefault(visitor, [])
        waiting += files
        if not waiting:
            return gr.update(visible=False), gr.skip(), gr.skip(), ""
        labels = [label for _, label, _ in waiting[0].reason.readings]
        samples = [sample for _, _, sample in waiting[0].reason.readings]
        table = gr.update(value={"headers": labels, "data": [samples]}, label=waiting[0].name)
        return gr.update(visible=True), table, gr.update(choices=labels, value=None), str(waiting[0].path)

    def redraw(self, visitor: str, shown: str) -> tuple[Any, ...]:
        """`open` where another file waits than is `shown`, as after a reload; else the form stays as it is."""
        waiting = self._waiting.get(visitor)
        first = str(waiting[0].path) if waiting else ""
        return (gr.skip(),) * len(self.outputs) if first == shown else self.open(visitor)

    def take_file(self, language: str, visitor: str, chosen: str | None) -> tuple[Undecided, str]:
        """The first waiting file with the chosen encoding; it leaves the queue.

        Raises:
            UserError: no reading was chosen.
        """
        waiting = self._waiting.get(visitor) or []
        codes = {label: code for code, label, _ in waiting[0].reason.readings} if waiting else {}
        if chosen not in codes:
            raise UserError(say(language, "text.encoding_unanswered"))
        return waiting.pop(0), codes[chosen]

    def skip_file(self, visitor: str) -> None:
        """Drop the first waiting file."""
        for file in self._waiting.get(visitor, [])[:1]:
            self._services.exchange.drop(file.path)
            self._waiting[visitor].pop(0)
