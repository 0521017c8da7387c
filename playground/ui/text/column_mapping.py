"""What a table was taken for, and the form that changes it. Tables that it may change stay on the server until then."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from playground.errors import UserError
from playground.services.app import Services
from playground.services.library import ReadTable, Unmapped
from playground.training.config import TrainSettings
from playground.ui.shared.format import count
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.translation import translate
from retrieval.errors import RetrievalError
from retrieval.mapping import columns_of
from retrieval.table_reading import TableReading

FORM_ROLES = ("question", "answer", "context", "system", "text")
SHAPES_OF_CHAT = ("messages", "turns", "markup", "preference", "choices")
LEARNT = "learnt"
COLOURS = {LEARNT: "#e69f00"}
SAMPLE_CHARS = 200

Waiting = ReadTable | Unmapped


class MappingForm:
    """Hidden until a table is added; one table at a time."""

    def __init__(self, services: Services) -> None:
        """Draw the form, hidden."""
        self._services = services
        self._waiting: dict[str, list[Waiting]] = {}
        services.visitors.on_leaving(lambda visitor: self._waiting.pop(visitor, None))
        self.shown = gr.State("")  # the file of the table in sight
        with gr.Group(visible=False) as self.group:
            gr.Markdown(mark("text.mapping"), elem_classes="mapping-words")
            self.taken_for = gr.Textbox(show_label=False, interactive=False, lines=1, max_lines=6)
            self.examples = gr.HighlightedText(
                label=mark("text.mapping_examples"),
                color_map=COLOURS,
                show_inline_category=False,
                interactive=False,
                elem_classes=["cited", "page-text"],
            )
            self.sample = gr.Dataframe(
                label=mark("text.mapping_sample"), datatype="str", interactive=False, wrap=True, max_height=180
            )
            self.roles = {}
            with gr.Row():
                for role in FORM_ROLES:
                    label = mark(f"text.mapping_{role}")
                    self.roles[role] = gr.Dropdown([], label=label, multiselect=True, min_width=140)
            with gr.Row():
                self.apply = gr.Button(mark("text.mapping_apply"), variant="primary", size="sm")
                self.cancel = gr.Button(mark("text.mapping_cancel"), size="sm")

    @property
    def outputs(self) -> list[Any]:
        """What `open` gives updates for."""
        return [self.group, self.taken_for, self.examples, self.sample, *self.roles.values(), self.shown]

    @property
    def inputs(self) -> list[Any]:
        """What `take_table` reads the choice from."""
        return list(self.roles.values())

    def open(self, language: str, visitor: str, tables: Sequence[Waiting]) -> tuple[Any, ...]:
        """Put tables before those of this visitor that wait, and show the first; hidden while none waits."""
        waiting = self._waiting.setdefault(visitor, [])
        waiting[:0] = tables
        if not waiting:
            return gr.update(visible=False), *([gr.skip()] * (len(self.outputs) - 2)), ""
        table = waiting[0]
        columns, rows = _sample(table)
        chosen = dict(table.reading.roles) if isinstance(table, ReadTable) else {}
        chat = isinstance(table, ReadTable) and table.reading.shape in SHAPES_OF_CHAT
        return (
            gr.update(visible=True),
            _taken_for(language, table),
            self._shown_examples(visitor, table),
            gr.update(value={"headers": columns, "data": rows}, label=table.name),
            *(gr.update(choices=columns, value=[] if chat else list(chosen.get(role, ()))) for role in FORM_ROLES),
            str(table.path),
        )

    def redraw(self, language: str, visitor: str, shown: str) -> tuple[Any, ...]:
        """`open` where another table waits than is `shown`, as after a reload; else the form stays as it is."""
        waiting = self._waiting.get(visitor)
        first = str(waiting[0].path) if waiting else ""
        return (gr.skip(),) * len(self.outputs) if first == shown else self.open(language, visitor, ())

    def take_table(
        self, language: str, visitor: str, *chosen: Sequence[str] | None
    ) -> tuple[Waiting, dict[str, list[str]]]:
        """The first waiting table with the chosen columns of each role; it leaves the queue.

        Raises:
            UserError: the choice is not enough to read rows by.
        """
        mapping = {role: list(columns) for role, columns in zip(FORM_ROLES, chosen, strict=True) if columns}
        if not self._waiting.get(visitor):
            raise UserError(say(language, "text.mapping_unanswered"))
        try:
            columns_of(mapping)
        except RetrievalError as error:
            raise UserError(say(language, "text.mapping_unanswered")) from error
        return self._waiting[visitor].pop(0), mapping

    def skip_table(self, visitor: str) -> None:
        """Drop the first waiting table; what was read of it stays."""
        for table in self._waiting.get(visitor, [])[:1]:
            self._services.exchange.drop(table.path)
            self._waiting[visitor].pop(0)

    def _shown_examples(self, visitor: str, table: Waiting) -> list[tuple[str, str | None]]:
        """The first examples of a table that was read, as the model will see them."""
        if not isinstance(table, ReadTable):
            return []
        try:
            shown = self._services.training_text.first_examples(visitor, table.document, TrainSettings())
        except UserError:  # the document was removed meanwhile
            return []
        pieces: list[tuple[str, str | None]] = []
        for example in shown:
            pieces += [(text, LEARNT if learnt else None) for text, learnt in example.pieces]
            pieces.append(("\n———\n", None))
        return pieces[:-1]


def reading_sentence(language: str, reading: TableReading) -> str:
    """What a table was taken for, and how many rows became what."""
    return say(
        language,
        "text.taken_for" if reading.pairs else "text.taken_for_text",
        shape=say(language, f"shape.{reading.shape}"),
        used=count(language, reading.used),
        rows=count(language, reading.rows),
        pairs=count(language, reading.pairs),
    )


def _taken_for(language: str, table: Waiting) -> str:
    if isinstance(table, Unmapped):
        return translate(language, str(table.reason))
    unread = table.reading.unread
    named = say(language, "text.unread_columns", columns=", ".join(unread)) if unread else ""
    return "\n".join(filter(None, [reading_sentence(language, table.reading), named]))


def _sample(table: Waiting) -> tuple[list[str], list[list[str]]]:
    """The columns and the first rows."""
    if isinstance(table, ReadTable):
        return list(table.columns), [list(row) for row in table.reading.sample]
    columns = list(table.reason.columns)
    return columns, [[str(row.get(column, ""))[:SAMPLE_CHARS] for column in columns] for row in table.reason.rows]
