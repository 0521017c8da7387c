"""The values of cells: what is empty, what text they hold, and the lists that Python or JSON wrote into them."""

import ast
import json
import math
import re
from collections.abc import Sequence
from typing import Any

# As libraries write a missing value. "NA" and "N/A" are left as they are: they may be answers.
EMPTY = frozenset({"", "nan", "NaN", "NAN", "None", "null", "NULL", "NONE", "<NA>", "NaT", "#N/A", "undefined"})
NO_ANSWERS = frozenset({"no answer present"})  # as data sets write where a passage answers nothing
TEXT_KEYS = (
    "text",
    "value",
    "content",
    "parts",
    "answer",
    "response",
    "output",
    "sentences",
    "body",
    "input_text",
    "spans",
    "texts",
    "full_text",
)
SPAN_NAMES = frozenset({"label", "labels", "entity", "entity_group", "type", "tag", "category"})
MAX_NESTING = 40
MAX_REPR = 500_000  # characters; Python's parser takes about a hundred bytes for each
_JSON = json.JSONDecoder(parse_constant=lambda _: None, strict=False)  # NaN and Infinity are no text
_NESTED = re.compile(r"^\s*(?:array\()?[\[{].*[\]}](?:,\s*dtype=\w+)?\)?\s*$", re.DOTALL)
# A string with a missing comma behind it, as numpy prints arrays, or a word that Python spells otherwise.
_REPR = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\]}])(?P<gap>\s*(?=["'\[{]))?"""
    r"""|(?P<array>\barray\(|,\s*dtype=\w+(?=\)))|(?P<word>\b(?:nan|NaN|null|undefined|true|false)\b)""",
    re.DOTALL,
)
_UNNAMED = re.compile(r"column \d+")
_WORDS = {"true": "True", "false": "False"}


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: no text, NaN or None in any spelling, or an empty list."""
    if isinstance(value, str):
        return value.strip() in EMPTY
    if isinstance(value, list):
        return all(map(is_empty, value))
    return value is None or (isinstance(value, float) and not math.isfinite(value)) or value == {}


def nested(value: Any) -> Any:
    """The list or dictionary that a text cell holds, in JSON or as Python prints it; any other value as it is."""
    if not isinstance(value, str) or not _NESTED.match(value[:1_000] + value[-1_000:] if len(value) > 2_000 else value):
        return value
    opened = _opened(value.strip())
    return value if opened is None or is_deep(opened) else opened


def are_spans(value: Any) -> bool:
    """Whether a list marks stretches of a text: [start, end, label] or objects with a start, an end and a label."""
    return isinstance(value, list) and bool(value) and all(map(_is_span, value))


def _is_span(value: Any) -> bool:
    if isinstance(value, dict):
        if not SPAN_NAMES & {*value}:  # a part of a recording has a start, an end and a text
            return False
        ends = [value.get(start, value.get(f"{start}_offset")) for start in ("start", "end")]
    else:
        ends = list(value[:2]) if isinstance(value, list) and len(value) == 3 and isinstance(value[2], str) else []
    return len(ends) == 2 and all(type(each) is int for each in ends)


def is_deep(value: Any, most: int = MAX_NESTING) -> bool:
    """Whether lists and dictionaries are nested in each other more than `most` deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return most == 0 or any(is_deep(each, most - 1) for each in inner if isinstance(each, dict | list | tuple))


def _opened(text: str) -> Any:
    """The value of a text in JSON or as Python prints it; None where it is neither."""
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(_REPR.sub(_python_spelling, text)) if len(text) <= MAX_REPR else None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _python_spelling(match: re.Match[str]) -> str:
    if match["string"]:
        return match["string"] + ("," if match["gap"] is not None else "")
    if match["array"]:
        return "(" if match["array"].endswith("(") else ""
    return _WORDS.get(match["word"], "None")


def text_of(value: Any, joint: str = "\n") -> str:
    """The text of a value: lists joined, of a dictionary its text, numbers as JSON writes them; empty for nothing.

    A text stays as it is, also one that is JSON: it may be what a model must learn to write.
    """
    if is_empty(value):
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _dictionary_text(value, joint)
    if isinstance(value, list | tuple):
        return joint.join(filter(None, (text_of(each, joint) for each in value)))
    return _json(value)


def _dictionary_text(value: dict[Any, Any], joint: str) -> str:
    """The value of the key that is known to hold text, else every key with its value."""
    known = [value[key] for key in TEXT_KEYS if key in value]
    if known:
        return text_of(known[0], joint)
    return labelled(value)


def labelled(row: dict[Any, Any]) -> str:
    """`name: value, name: value` of what is not empty; the value alone where the column has no name of its own."""
    cells = [(str(name), text_of(value, "; ")) for name, value in row.items()]
    return ", ".join(cell if _UNNAMED.fullmatch(name) else f"{name}: {cell}" for name, cell in cells if cell)


def answer_of(value: Any) -> str:
    """The text of an answer; the first of several alternative ones, as SQuAD's `{"text": […]}` has them.

    Objects without a text of their own are data to write: they are JSON.
    """
    opened = nested(value)
    if isinstance(opened, list | tuple) and not _is_written(value, opened):
        return _json(opened) if _are_data(opened) else next(filter(None, map(answer_of, opened)), "")
    if isinstance(opened, dict) and not _is_written(value, opened):
        known = [opened[key] for key in TEXT_KEYS if key in opened]
        return answer_of(known[0]) if known else _json(opened)
    text = text_of(value)
    return "" if text.rstrip(".").casefold() in NO_ANSWERS else text


def _are_data(values: Sequence[Any]) -> bool:
    """Whether a list holds objects, none with a text of its own."""
    return bool(values) and all(isinstance(each, dict) and each and not {*TEXT_KEYS} & {*each} for each in values)


def _json(value: Any) -> str:
    return "" if is_empty(value) else json.dumps(value, ensure_ascii=False, default=str)


def _is_written(value: Any, opened: Any) -> bool:
    """Whether a text holds an object or objects that are meant as text: without a text of their own."""
    if not isinstance(value, str):
        return False
    return "text" not in opened if isinstance(opened, dict) else not all(isinstance(each, str) for each in opened)


def words_per_cell(cells: Sequence[Any]) -> float:
    """The mean number of words, counting none for nested values."""
    texts = [each for each in cells if isinstance(each, str) and not is_empty(each) and each[:1] not in ("[", "{")]
    return sum(len(each.split()) for each in texts) / max(1, len(cells))
