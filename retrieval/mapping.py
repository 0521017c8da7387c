"""Which columns of a table have which role, as a person chooses them."""

import json
from collections.abc import Mapping, Sequence

from retrieval.errors import RetrievalError

ROLES = (
    "question",
    "answer",
    "context",
    "system",
    "input",
    "history",
    "choices",
    "label",
    "chat",
    "chosen",
    "title",
    "text",
)
# A mapping must name all roles of one of these.
ENOUGH = (("question", "answer"), ("context", "answer"), ("text",), ("chat",), ("chosen",))

ColumnMapping = Mapping[str, str | Sequence[str]]


def columns_of(mapping: ColumnMapping) -> dict[str, tuple[str, ...]]:
    """The columns of each role, in the order in which they are joined.

    Raises:
        RetrievalError: a role is unknown, or the roles are not enough to read rows by.
    """
    unknown = [role for role in mapping if role not in ROLES]
    if unknown:
        raise RetrievalError(f"There is no role {unknown[0]!r} for a column; choose from {', '.join(ROLES)}.")
    chosen = {role: (each,) if isinstance(each, str) else tuple(each) for role, each in mapping.items()}
    chosen = {role: columns for role, columns in chosen.items() if columns}
    if not any(chosen.keys() >= set(roles) for roles in ENOUGH):
        raise RetrievalError(
            f"A mapping names question and answer, context and answer, chat, chosen, or text; "
            f"got {', '.join(chosen) or 'nothing'}. Choose again."
        )
    return chosen


def read_mapping(text: str) -> ColumnMapping:
    """A mapping as `role=column,role=column+column` or as a JSON object, which allows any character in a name.

    Raises:
        RetrievalError: it is neither, or `columns_of` refuses it.
    """
    mapping = _json_mapping(text) if text.lstrip().startswith("{") else _plain_mapping(text)
    columns_of(mapping)
    return mapping


def _json_mapping(text: str) -> ColumnMapping:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise RetrievalError(f"The mapping {text[:80]!r} is no JSON ({fault}).") from fault
    for columns in values.values():
        listed = columns if isinstance(columns, list) else [columns]
        if not all(isinstance(each, str) for each in listed):
            raise RetrievalError(f"A mapping names columns by their text, got {columns!r}.")
    mapping: ColumnMapping = values
    return mapping


def _plain_mapping(text: str) -> ColumnMapping:
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    faulty = ["".join(part) for part in parts if not part[1] or not part[2].strip()]
    if faulty:
        raise RetrievalError(f"A mapping is ROLE=COLUMN,ROLE=COLUMN+COLUMN, got {faulty[0]!r}.")
    return {role.strip(): [each.strip() for each in columns.split("+")] for role, _, columns in parts}
