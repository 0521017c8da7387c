"""Turns table rows into question–answer pairs or plain text, by the names of the columns or a chosen mapping."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrieval.document import Document, DocumentBuilder, Limits, NeedsMapping
from retrieval.errors import RetrievalError
from retrieval.mapping import ColumnMapping, columns_of
from retrieval.readers.encoding import clean, repair_note
from retrieval.readers.tables import Row, Table

# Column names as `_normal` spells them; the first match wins.
CHATS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat")
PAIRS = (
    (("question", "query"), ("answer", "answers", "response", "output")),
    (("instruction",), ("output", "response", "answer", "completion", "target")),
    (("prompt",), ("completion", "response", "answer", "output", "chosen")),
    (("input",), ("output", "target", "response", "answer")),
    (("user", "human"), ("assistant", "gpt", "bot")),
    (("q",), ("a",)),
    (("câu_hỏi",), ("trả_lời", "câu_trả_lời")),
    (("frage",), ("antwort",)),
    (("pregunta",), ("respuesta",)),
    (("question",), ("réponse",)),
)
EXTRAS = ("input", "context")
TEXTS = ("text", "content", "document", "body", "passage", "paragraph", "article", "context", "sentence")
TITLES = ("title", "heading")
ASKING = frozenset({"user", "human", "prompter", "question"})
ANSWERING = frozenset({"assistant", "gpt", "bot", "model", "chatgpt", "answer"})
SAMPLE_ROWS = 3
TEXT_LIKE_WORDS = 5  # mean words per cell; a column with at least as many is text
ID_LIKE_WORDS = 2  # a column with at most as many holds names or numbers


@dataclass(frozen=True)
class Roles:
    """The column of each role; an empty name means that no column has the role."""

    chat: str = ""
    question: str = ""
    extra: str = ""
    answer: str = ""
    title: str = ""
    text: str = ""


def read_records(table: Table, name: str, mapping: ColumnMapping | None, limits: Limits) -> Document:
    """A document of pairs or of paragraphs.

    Raises:
        NeedsMapping: no column is recognised.
        RetrievalError: the mapping names what is not there, or no row has both a question and an answer.
        TooLong: more text than the limits allow.
    """
    roles = _mapped_roles(table, name, mapping) if mapping else _recognised_roles(table)
    if roles is None:
        raise NeedsMapping(
            f"{name} has the columns {', '.join(table.columns)}, and none is known to hold questions, answers or text. "
            "Choose the columns for question and answer, or one for text.",
            table.columns,
            table.rows[:SAMPLE_ROWS],
        )
    builder = DocumentBuilder(limits.max_chars)
    empty = repaired = 0
    for row in table.rows:
        lines = _append_text(builder, row, roles) if roles.text else _append_pairs(builder, row, roles)
        empty += lines is None
        repaired += lines or 0
    counted = {
        f"Malformed rows left out: {table.malformed}.": table.malformed,
        f"Rows without {'text' if roles.text else 'a question or an answer'} left out: {empty}.": empty,
    }
    notes = [*repair_note(repaired), *(note for note, count in counted.items() if count)]
    return builder.document(name, notes, table.columns)


def _mapped_roles(table: Table, name: str, mapping: ColumnMapping) -> Roles:
    """Roles from a chosen mapping: question and answer, or text."""
    if set(mapping) not in ({"question", "answer"}, {"text"}):
        raise RetrievalError(f"A mapping names question and answer, or text; got {', '.join(mapping)}. Choose again.")
    chosen = {role: columns[0] for role, columns in columns_of(mapping).items()}
    unknown = [column for column in chosen.values() if column not in table.columns]
    if unknown:
        raise RetrievalError(
            f"{name} has no column {', '.join(map(repr, unknown))}; it has {', '.join(table.columns)}. Choose again."
        )
    return Roles(**chosen)


def _recognised_roles(table: Table) -> Roles | None:
    names = {_normal(column): column for column in reversed(table.columns)}
    chat = _first_column(names, CHATS)
    if chat:
        return Roles(chat=chat)
    for questions, answers in PAIRS:
        question, answer = _first_column(names, questions), _first_column(names, answers)
        if question and answer:
            extra = _first_column(names, EXTRAS) if _normal(question) in ("instruction", "prompt") else ""
            return Roles(question=question, answer=answer, extra=extra)
    text = _first_column(names, TEXTS) or _only_text_like(table)
    return Roles(text=text, title=_first_column(names, TITLES)) if text else None


def _normal(column: str) -> str:
    return "_".join(column.strip().casefold().replace("-", " ").replace("_", " ").split())


def _first_column(names: Mapping[str, str], wanted: Sequence[str]) -> str:
    return next((names[each] for each in wanted if each in names), "")


def _only_text_like(table: Table) -> str:
    """The only column of running text where all others hold a word or two; else an empty string."""
    sample = table.rows[:100]
    words = {
        column: sum(len(row[column].split()) for row in sample if row[column][:1] not in ("[", "{")) / len(sample)
        for column in table.columns
    }
    longest = max(words, key=lambda column: words[column])
    others = [count for column, count in words.items() if column != longest]
    return longest if words[longest] >= TEXT_LIKE_WORDS and max(others, default=0) <= ID_LIKE_WORDS else ""


def _append_text(builder: DocumentBuilder, row: Row, roles: Roles) -> int | None:
    """Add the text of a row; returns the lines of mojibake repaired, None where the row has no text."""
    text, repaired = clean(row[roles.text])
    if not text.strip():
        return None
    title, _ = clean(row[roles.title] if roles.title else "")
    if title.strip():
        builder.heading(title, 1)
    builder.add(text.strip())
    return repaired


def _append_pairs(builder: DocumentBuilder, row: Row, roles: Roles) -> int | None:
    """Add the pairs of a row; returns the lines of mojibake repaired, None where the row has no pair."""
    repaired = 0
    pairs = list(_chat_pairs(_messages(row[roles.chat])) if roles.chat else _column_pair(row, roles))
    for question, answer in pairs:
        cleaned = clean(question), clean(answer)
        repaired += sum(lines for _, lines in cleaned)
        builder.pair(cleaned[0][0].strip(), cleaned[1][0].strip())
    return repaired if pairs else None


def _column_pair(row: Row, roles: Roles) -> Iterator[tuple[str, str]]:
    question, extra, answer = (
        _cell_text(row.get(column, "")) for column in (roles.question, roles.extra, roles.answer)
    )
    if question and answer:
        yield (f"{question}\n{extra}" if extra else question), answer


def _cell_text(cell: str) -> str:
    """The text of a cell; for a list of messages, the text of all of them."""
    return "\n".join(text for _, text in _messages(cell)) or cell.strip()


def _messages(cell: str) -> list[tuple[str, str]]:
    """Role and text of every message (`role` and `content`, or `from` and `value`); empty for any other cell."""
    try:
        values = json.loads(cell) if cell.lstrip().startswith("[") else []
    except (ValueError, RecursionError):
        return []
    messages = []
    for value in values:
        if isinstance(value, dict):
            role, text = value.get("role", value.get("from")), value.get("content", value.get("value"))
            if isinstance(role, str) and isinstance(text, str):
                messages.append((role.strip().casefold(), text.strip()))
    return messages


def _chat_pairs(messages: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each answer with the question before it; system messages are left out."""
    question = ""
    for role, text in messages:
        if role in ASKING and text:
            question = f"{question}\n{text}" if question else text
        elif role in ANSWERING and text and question:
            yield question, text
            question = ""
