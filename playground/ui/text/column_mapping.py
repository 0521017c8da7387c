"""The form that asks which columns of a table hold questions and answers. Tables waiting for it stay on the server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from playground.errors import UserError
from playground.services.library import Unmapped
from playground.ui.shared.i18n import mark, say


class MappingForm:
    """Hidden until a table's columns are not recognised; one table at a time."""

    def __init__(self) -> None:
        """Draw the form, hidden."""
        self._waiting: dict[str, list[Unmapped]] = {}
        with gr.Group(visible=False) as self.group:
            gr.Markdown(mark("text.mapping"), elem_classes="mapping-words")
            self.sample = gr.Dataframe(
                label=mark("text.mapping_sample"), datatype="str", interactive=False, wrap=True, max_height=180
            )
            with gr.Row():
                self.question = gr.Dropdown([], label=mark("text.mapping_question"), min_width=140)
                self.answer = gr.Dropdown([], label=mark("text.mapping_answer"), min_width=140)
            with gr.Row():
                self.apply = gr.Button(mark("text.mapping_apply"), variant="primary", size="sm")
                self.cancel = gr.Button(mark("text.mapping_cancel"), size="sm")

    @property
    def outputs(self) -> list[Any]:
        """What `open` gives updates for."""
        return [self.group, self.sample, self.question, self.answer]

    def open(self, visitor: str, unmapped: Sequence[Unmapped]) -> tuple[Any, ...]:
        """Add tables to this visitor's queue and show its first one; the form is hidden while none waits."""
        waiting = self._waiting.setdefault(visitor, [])
        waiting += unmapped
        if not waiting:
            return gr.update(visible=False), gr.skip(), gr.skip(), gr.skip()
        reason = waiting[0].reason
        columns = list(reason.columns)
        rows = [[str(row.get(column, ""))[:200] for column in columns] for row in reason.rows]
        return (
            gr.update(visible=True),
            gr.update(value={"headers": columns, "data": rows}, label=waiting[0].name),
            gr.update(choices=columns, value=None),
            gr.update(choices=columns, value=None),
        )

    def take_table(
        self, language: str, visitor: str, question: str | None, answer: str | None
    ) -> tuple[Unmapped, dict[str, str]]:
        """The first waiting table with the chosen columns; it leaves the queue.

        Raises:
            UserError: the choice is not two different columns.
        """
        if not self._waiting.get(visitor) or not question or not answer or question == answer:
            raise UserError(say(language, "text.mapping_unanswered"))
        return self._waiting[visitor].pop(0), {"question": question, "answer": answer}

    def skip_table(self, visitor: str) -> None:
        """Drop the first waiting table."""
        for table in self._waiting.get(visitor, [])[:1]:
            Path(table.path).unlink(missing_ok=True)
            self._waiting[visitor].pop(0)
