"""The table of shapes: by which columns a kind of training file is recognised. A new shape is a row of SHAPES."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from retrieval.readers.shapes.choices import unnamed_choices
from retrieval.readers.shapes.columns import TEXT_LIKE_WORDS, Column, first_column, is_id, mostly
from retrieval.readers.shapes.compared import is_number, judging_columns, names_winner
from retrieval.readers.shapes.forms import (
    are_choices,
    are_marked_choices,
    are_marks,
    are_sentences,
    asks_yes_or_no,
    is_answer,
    is_flag,
    is_history,
    is_label,
    is_markup,
    is_plain,
    is_question,
    is_role,
    is_said,
    is_stem_with_choices,
    is_truth,
    is_verdict,
    is_words,
)
from retrieval.readers.shapes.lettered import lettered_choices
from retrieval.readers.shapes.messages import holds_messages
from retrieval.readers.shapes.names import (
    ANSWERING,
    ANSWERS,
    ASKING,
    BACKS,
    BETTER,
    CHATS,
    CHOICES,
    CHOSEN,
    COMPARED,
    CONTEXTS,
    FLAGS,
    FRONTS,
    GRADES,
    GROUPS,
    HISTORIES,
    INPUTS,
    LABELS,
    QUESTIONS,
    REJECTED,
    REPLIES,
    RIGHT,
    SAID,
    SOURCES,
    SPEAKERS,
    STEMS,
    SUBJECTS,
    SUMMARIES,
    SYSTEMS,
    TEXTS,
    TICKET_REPLIES,
    TICKETS,
    TITLES,
    WRITTEN,
    Names,
    normal,
)
from retrieval.readers.shapes.people import talking_columns
from retrieval.readers.shapes.translations import translated_columns
from retrieval.readers.shapes.unnamed import asked_column, longest_text, told_by_form
from retrieval.readers.shapes.values import words_per_cell

Roles = Mapping[str, tuple[str, ...]]  # the columns of each role

SAMPLE_ROWS = 100


@dataclass(frozen=True)
class Shape:
    """A kind of file: the roles that it needs and those that it may have, with the names of their columns.

    `name` is a key of `table_reading.SHAPES`; `holds` gives, for some roles, the form that their values must have.
    """

    name: str
    needs: Mapping[str, Names]
    may: Mapping[str, Names] = field(default_factory=dict)
    holds: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)


_AROUND = {"system": SYSTEMS, "history": HISTORIES, "context": CONTEXTS, "label": LABELS, "grade": GRADES}
SHAPES: Sequence[Shape] = (
    Shape(
        "preference",
        {"chosen": CHOSEN, "rejected": REJECTED},
        {"chat": CHATS, "question": QUESTIONS, "input": INPUTS, "system": SYSTEMS, "history": HISTORIES},
        {"chat": holds_messages},
    ),
    Shape("preference", {"chosen": CHOSEN[:1]}, {"question": QUESTIONS, "input": INPUTS, "system": SYSTEMS}),
    Shape("summary", {"context": SOURCES, "answer": SUMMARIES}, {"system": SYSTEMS}, {"context": is_plain}),
    Shape(
        "messages",
        {"chat": CHATS},
        {"system": SYSTEMS, "label": LABELS, "grade": GRADES, "context": CONTEXTS, "answer": ANSWERS},
        {"chat": holds_messages},
    ),
    Shape("messages", {"chat": ("data",), "id": ("id",)}, {}, {"chat": holds_messages}),
    Shape(
        "choices",
        {"question": (*STEMS, *QUESTIONS), "choices": CHOICES, "answer": (*RIGHT, *ANSWERS)},
        {"context": CONTEXTS},
        {"choices": are_choices},
    ),
    Shape("choices", {"question": STEMS, "choices": CHOICES}, {"context": CONTEXTS}, {"choices": are_marked_choices}),
    Shape("choices", {"question": STEMS, "answer": RIGHT}, {}, {"question": is_stem_with_choices}),
    Shape("turns", {"speaker": SPEAKERS, "text": SAID}, {"group": GROUPS}, {"speaker": is_role}),
    Shape("turns", {"speaker": FLAGS, "text": SAID}, {"group": GROUPS}, {"speaker": is_flag}),
    Shape("pairs", {"question": SUBJECTS, "input": TICKETS, "answer": TICKET_REPLIES}),
    Shape("pairs", {"question": FRONTS, "answer": BACKS}, {}, {"question": is_words}),
    Shape("pairs", {"question": QUESTIONS, "answer": ANSWERS}, {"input": INPUTS, **_AROUND}),
    Shape("pairs", {"question": TITLES, "answer": REPLIES}, {"input": (*TEXTS, *INPUTS)}),
    Shape("pairs", {"question": CONTEXTS, "answer": ANSWERS}, {"system": SYSTEMS, "label": LABELS}),
    Shape("pairs", {"question": TEXTS, "answer": REPLIES}, _AROUND),
    Shape(
        "pairs",
        {"question": ("question",), "context": CONTEXTS, "truth": ("label", "answer")},
        {},
        {"question": asks_yes_or_no, "truth": is_truth},
    ),
    Shape("pairs", {"question": ("text",), "answer": ("label", "labels")}, {}, {"answer": are_sentences}),
    Shape("markup", {"chat": (*TEXTS, *WRITTEN, *CHATS)}, {"label": LABELS}, {"chat": is_markup}),
)  # fmt: skip
TEXT = Shape("text", {"text": TEXTS}, {"title": TITLES, "label": ("answer",)}, {"label": is_verdict})


def recognise(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The shape of a table and the columns of each role; any table is at least one of text."""
    if not columns:
        return "table", {"text": ()}
    sample = {column: [row.get(column) for row in rows[:SAMPLE_ROWS]] for column in columns}
    named = _named_shape(sample)
    if named:
        return named
    translated = translated_columns(sample)
    if translated:
        return "pairs", translated
    talk = talking_columns(sample)
    if talk:
        return "turns", talk
    asked = _partly_named(sample)
    if asked:
        return "pairs", asked
    lettered = unnamed_choices(sample)
    if lettered:
        return "choices", lettered
    told = told_by_form(sample)
    if told:
        return "pairs", told
    roles = _text_roles(sample)
    if roles:
        return "text", roles
    asked = asked_column(sample)
    if asked:
        return "pairs", asked
    return "table", {"text": tuple(columns)}


def matches_shape(row: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a row of a conversation, pair, summary or translation by the names of its keys."""
    sample = {str(column): [value] for column, value in row.items()}
    return _named_shape(sample) is not None or translated_columns(sample) is not None


def _named_shape(sample: Mapping[str, Column]) -> tuple[str, dict[str, tuple[str, ...]]] | None:
    lettered = lettered_choices(sample)
    if lettered:
        return "choices", lettered
    compared = _compared_answers(sample)
    if compared:
        return "preference", compared
    for shape in SHAPES:
        roles = _roles_of(shape, sample)
        if roles:
            return shape.name, roles
    return None


def _roles_of(shape: Shape, sample: Mapping[str, Column]) -> dict[str, tuple[str, ...]] | None:
    """The columns of a shape's roles, each column in one role; None where a needed one is missing."""
    roles: dict[str, tuple[str, ...]] = {}
    for role, names in (*shape.needs.items(), *shape.may.items()):
        taken = {column for columns in roles.values() for column in columns}
        holds = shape.holds.get(role) or _HOLDS.get(role)
        column = first_column(sample, names, taken, holds)
        if role == "context" and not column:
            column = _context_column(sample, taken)
        if column:
            roles[role] = (column,)
        elif role in shape.needs:
            return None
    return roles


_HOLDS: Mapping[str, Callable[[Any], bool]] = {
    "label": is_label,
    "grade": is_number,
    "history": is_history,
    "question": is_said,
    "input": is_said,
    "answer": is_answer,
}


def _context_column(sample: Mapping[str, Column], taken: set[str]) -> str:
    """A column of running text whose name ends with that of a context, such as "wiki passage"."""
    for column, values in sample.items():
        last = normal(column).rpartition("_")[2]
        if column not in taken and last in CONTEXTS and words_per_cell(values) >= TEXT_LIKE_WORDS:
            return column
    return ""


def _compared_answers(sample: Mapping[str, Column]) -> dict[str, tuple[str, ...]] | None:
    """Two answers to one question, with a column that says which is better."""
    known = {normal(column): column for column in reversed(list(sample))}
    for names in COMPARED:
        columns = tuple(known[name] for name in names if name in known)
        better = first_column(sample, BETTER, set(columns), partial(names_winner, names=names))
        question = first_column(sample, (*QUESTIONS, "history", "post", "context"), {*columns, better}, None)
        judges = (better,) if better else judging_columns(known, names)
        if len(columns) == 2 and judges:
            asked = {"question": (question,)} if question else {}
            return {**asked, "compared": columns, "better" if better else "scores": judges}
    return None


def _partly_named(sample: Mapping[str, Column]) -> dict[str, tuple[str, ...]] | None:
    """Question and answer by a part of their names, such as "customer question", where both hold words."""
    parts = {column: set(normal(column).split("_")) for column, values in sample.items() if _has_words(column, values)}
    asked = next((column for column, words in parts.items() if words & ASKING), "")
    asked = asked or next((column for column in parts if mostly(sample[column], is_question)), "")
    answering = [column for column, words in parts.items() if words & ANSWERING and column != asked]
    answered = max(answering, key=lambda column: words_per_cell(sample[column]), default="")
    if not asked or not answered:
        return None
    context = first_column(sample, CONTEXTS, {asked, answered}, None) or _context_column(sample, {asked, answered})
    return {"question": (asked,), "answer": (answered,), **({"context": (context,)} if context else {})}


def _has_words(column: str, values: Column) -> bool:
    return not is_id(column, values) and mostly(values, is_words)


def _text_roles(sample: Mapping[str, Column]) -> dict[str, tuple[str, ...]] | None:
    """A column of text with its title, and the other columns of facts that belong to each text."""
    roles = _roles_of(TEXT, sample) or longest_text(sample)
    if not roles:
        return None
    taken = {column for columns in roles.values() for column in columns}
    rest = tuple(column for column in sample if column not in taken and _is_detail(column, sample[column]))
    return {**roles, **({"details": rest} if rest else {})}


def _is_detail(column: str, values: Column) -> bool:
    return not (is_id(column, values) or normal(column) == "tokens" or mostly(values, are_marks))
