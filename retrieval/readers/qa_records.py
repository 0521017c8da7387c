"""A table -> a document of pairs or of texts, by its recognised shape or a chosen mapping of its columns."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from retrieval.document import Document, DocumentBuilder, Limits, NeedsMapping
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping, columns_of
from retrieval.notes import Note, row_notes
from retrieval.readers.cell_markup import without_html
from retrieval.readers.cleaning import Cleaner
from retrieval.readers.shapes.columns import are_classes
from retrieval.readers.shapes.conversation import Exchange
from retrieval.readers.shapes.names import CLASSES, normal
from retrieval.readers.shapes.nesting import MESSAGES
from retrieval.readers.shapes.recognise import Roles, recognise
from retrieval.readers.shapes.rows import RowContent, RowReader
from retrieval.readers.shapes.turn_rows import conversation_rows
from retrieval.readers.shapes.values import is_empty, text_of
from retrieval.readers.tables import Table
from retrieval.table_reading import LEFT, SHAPES, TableReading

SAMPLE_ROWS = 3
SAMPLE_CHARS = 200


@dataclass
class _Built:
    """A document that grows row by row."""

    builder: DocumentBuilder
    used: int = 0
    cleaner: Cleaner = field(default_factory=Cleaner)
    uncounted: Cleaner = field(default_factory=Cleaner)  # for texts that were counted before
    turns: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def add(self, content: RowContent) -> None:
        """Append what a row holds."""
        self.used += bool(content.exchanges or content.text or content.title)
        context = self.builder.context(self._clean(content.context)) if content.context else None
        for each in content.exchanges:
            self._add_exchange(each, context)
        if content.title and content.text:
            self.builder.heading(self._clean(content.title), 1)
        if content.text:
            self.builder.add(self._clean(content.text))

    def _add_exchange(self, exchange: Exchange, context: tuple[int, int] | None) -> None:
        turns = tuple(self._clean_turn(turn) for turn in exchange.turns)
        question, answer = self._clean(exchange.question), self._clean(exchange.answer)
        self.builder.pair(question, answer, self._clean(exchange.system, again=True), turns, context)

    def _clean_turn(self, turn: tuple[str, str]) -> tuple[str, str]:
        """An earlier turn, cleaned once for all the exchanges after it."""
        if turn not in self.turns:
            self.turns[turn] = (self._clean(turn[0], again=True), self._clean(turn[1], again=True))
        return self.turns[turn]

    def _clean(self, text: str, again: bool = False) -> str:
        """The text without what nobody reads; what was mended before is not counted `again`."""
        return (self.uncounted if again else self.cleaner).clean(text).strip()


def read_records(table: Table, name: str, mapping: ColumnMapping | None, limits: Limits) -> Document:
    """A document of pairs or of paragraphs; its `table` says what the table was taken for.

    Raises:
        NeedsMapping: the rows are of a known shape, but nothing can be read by it.
        RetrievalError: the mapping names what is not there.
        TooLong: more text than the limits allow.
    """
    plain, html = without_html(table.columns, table.rows, limits)
    table = replace(table, rows=plain, notes=(*table.notes, *html))
    shape, roles = _mapped(table, name, mapping) if mapping else recognise(table.columns, table.rows)
    rows: Sequence[Mapping[str, Any]] = table.rows
    reader = RowReader(shape, roles)
    if shape == "turns":
        reader = RowReader("messages", {"chat": (MESSAGES,)})
        rows = conversation_rows(table.rows, roles, reader.left)
    reader.prepare(rows)
    built = _Built(DocumentBuilder(limits.max_chars))
    for row in rows:
        built.add(reader.read(row))
    reading = _reading(table, shape, roles, built, reader.left)
    if not built.used:
        raise NeedsMapping(_refusal(name, reading), table.columns, _sample(table))
    notes = [*table.notes, *built.cleaner.notes(), *row_notes(reading.left, reading.unread, table.fault)]
    notes += [Note("classes", words=", ".join(classes))] if (classes := _classes(table, shape, roles)) else []
    return replace(built.builder.document(name, notes, table.columns), table=reading)


def _classes(table: Table, shape: str, roles: Roles) -> list[str]:
    """The columns that class the texts of a table, which are no answers."""
    columns = roles.get("details", ()) if shape == "text" else ()
    return [
        column
        for column in columns
        if normal(column) in CLASSES and are_classes([row.get(column) for row in table.rows])
    ]


def _mapped(table: Table, name: str, mapping: ColumnMapping) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The shape and the roles that a chosen mapping stands for.

    Raises:
        RetrievalError: it names a column that the table does not have.
    """
    roles = columns_of(mapping)
    unknown = [column for columns in roles.values() for column in columns if column not in table.columns]
    if unknown:
        raise RetrievalError(
            f"{name} has no column {', '.join(map(repr, unknown))}; it has {', '.join(table.columns)}. Choose again."
        )
    shapes = {
        "chosen": "preference",
        "chat": "messages",
        "choices": "choices",
        "question": "pairs",
        "answer": "summary",
    }
    return next((shape for role, shape in shapes.items() if role in roles), "text"), roles


def _reading(table: Table, shape: str, roles: Roles, built: _Built, left: Counter[str]) -> TableReading:
    read = {column for columns in roles.values() for column in columns}
    counts = Counter({**left, "malformed": table.malformed})
    return TableReading(
        shape=shape,
        roles=tuple(roles.items()),
        rows=len(table.rows) + table.malformed,
        used=built.used,
        pairs=len(built.builder.pairs),
        left=tuple((reason, counts[reason]) for reason in LEFT if counts[reason]),
        unread=tuple(column for column in table.columns if column not in read and _is_filled(table, column)),
        sample=tuple(tuple(row.values()) for row in _sample(table)),
    )


def _is_filled(table: Table, column: str) -> bool:
    return any(not is_empty(row.get(column)) for row in table.rows)


def _sample(table: Table) -> list[dict[str, str]]:
    """The first rows as short texts."""
    return [
        {column: text_of(row.get(column))[:SAMPLE_CHARS] for column in table.columns}
        for row in table.rows[:SAMPLE_ROWS]
    ]


def _refusal(name: str, reading: TableReading) -> str:
    """Why nothing was read, and what to do."""
    reasons = " ".join(map(str, row_notes(reading.left, ())))
    roles = "; ".join(f"{role}: {', '.join(columns)}" for role, columns in reading.roles)
    return (
        f"{name} was taken for {SHAPES[reading.shape]} ({roles}), and none of its {reading.rows:,} rows could be used. "
        f"{reasons} Choose other columns."
    )
