"""JSON values of any nesting -> rows: finds the records inside and gives each what stands above it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval.readers.shapes.annotations import annotated_row
from retrieval.readers.shapes.compared import is_number
from retrieval.readers.shapes.intents import intent_rows
from retrieval.readers.shapes.messages import ROLE_KEYS, TEXT_KEYS, role_of
from retrieval.readers.shapes.names import CONTEXTS, GROUPS, normal
from retrieval.readers.shapes.recognise import matches_shape, recognise
from retrieval.readers.shapes.talk import talk_row
from retrieval.readers.shapes.tickets import reply_row, ticket_messages
from retrieval.readers.shapes.unsaid import is_unsaid
from retrieval.readers.shapes.values import are_spans, is_empty, text_of

Object = dict[str, Any]
MESSAGES = "messages"  # the column of a conversation without a name of its own
MAX_DEPTH = 12
FEW = 3  # texts of a list that stand above rows
PAGING = frozenset({
    "count", "next_page", "previous_page", "page", "per_page", "page_size", "total", "total_count", "has_more",
    "next", "previous", "limit", "offset",
})  # fmt: skip
COUNTEREXAMPLES = ("negative", "incorrect", "rejected")  # what begins the name of records of what is wrong


def rows_in(value: Any, above: Mapping[str, Any] | None = None, depth: int = 0) -> Iterator[Object | None]:
    """The rows of a JSON value; None stands for a value that is no row.

    A row has the plain values of the objects around it too, such as the context around SQuAD's questions.
    """
    above = above or {}
    if depth > MAX_DEPTH:
        yield None
    elif isinstance(value, list):
        yield from _listed_rows(value, above, depth)
    elif isinstance(value, dict):
        yield from _object_rows(value, above, depth)
    elif isinstance(value, str) and not is_empty(value):
        yield {**above, "text": value}
    else:
        yield None


def _listed_rows(values: Sequence[Any], above: Mapping[str, Any], depth: int) -> Iterator[Object | None]:
    talk = talk_row("", values)
    if talk:
        yield {**above, **talk}
    elif _are_messages(values) and not any(normal(key) in GROUPS for key in values[0]):
        yield {**above, MESSAGES: list(values)}
    elif len(values) > 1 and all(_is_array(each) for each in values):
        yield from _array_rows(values, above)
    else:
        for each in values:
            yield from rows_in(each, above, depth + 1)


def _are_messages(values: Sequence[Any]) -> bool:
    """Whether a list is one conversation."""
    return bool(values) and all(isinstance(each, dict) and _is_message(each) for each in values)


def _is_array(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not any(isinstance(cell, list | dict) for cell in value)


def _is_message(value: Mapping[str, Any]) -> bool:
    named = any(role_of(value.get(key)) for key in ROLE_KEYS)
    return named and any(key in value for key in (*TEXT_KEYS, "tool_calls"))


def _array_rows(arrays: Sequence[Sequence[Any]], above: Mapping[str, Any]) -> Iterator[Object | None]:
    """Rows as arrays of cells, the first of which may name the columns."""
    width = len(arrays[0])
    names = [text_of(cell) for cell in arrays[0]]
    named = matches_shape(dict.fromkeys(names, "x"))
    columns = names if named else [f"column {place + 1}" for place in range(width)]
    for each in arrays[1:] if named else arrays:
        yield {**above, **dict(zip(columns, each, strict=True))} if len(each) == width else None


def _object_rows(value: Object, above: Mapping[str, Any], depth: int) -> Iterator[Object | None]:
    special = _special_rows(value) or [
        {**{name: cell for name, cell in value.items() if _is_plain(cell)}, **row}
        for key, each in value.items()
        if (row := talk_row(key, each))
    ]
    if special:
        for row in special:
            yield {**above, **row}
    elif matches_shape(value) and not _holds_records(value.get("instances")):
        yield {**above, **value}
    else:
        yield from _container_rows(value, above, depth)


def _container_rows(value: Object, above: Mapping[str, Any], depth: int) -> Iterator[Object | None]:
    """The rows of an object that is no row of a known shape: those inside it, or itself as a row of a table."""
    own = {key: each for key, each in value.items() if _is_plain(each)}
    inner = [
        each for key, each in value.items() if _holds_records(each) and not normal(key).startswith(COUNTEREXAMPLES)
    ]
    objects = [each for each in value.values() if isinstance(each, dict) and each]
    if not inner and len(objects) == len(value) > 1:
        inner = objects
    if inner:
        own = {key: each for key, each in own.items() if normal(key) not in PAGING}
    around = {**above, **own}
    if inner:
        for each in inner:
            yield from rows_in(each, around, depth + 1)
        return
    found = [list(rows_in(each, around, depth + 1)) for each in objects]
    shaped = [rows for rows in found if any(row is not None and matches_shape(row) for row in rows)]
    if shaped:
        for rows in shaped:
            yield from rows
    else:
        yield {**above, **_flat(value)}


def _is_plain(value: Any) -> bool:
    """Whether a value is a text or number, or a list of few texts, as a definition is."""
    if isinstance(value, list):
        return len(value) <= FEW and all(isinstance(each, str) for each in value)
    return not isinstance(value, dict)


def _holds_records(value: Any) -> bool:
    """Whether a value is a list of objects or of lists of objects, as a container of rows is."""
    if not isinstance(value, list) or not value or are_spans(value):
        return False
    return all(isinstance(each, dict) or (isinstance(each, list) and _are_messages(each)) for each in value)


def _flat(value: Object) -> Object:
    """The object with the keys of inner objects as `outer.inner`."""
    flat: Object = {}
    for key, each in value.items():
        if isinstance(each, dict) and each and not any(isinstance(cell, list | dict) for cell in each.values()):
            flat |= {f"{key}.{inner}": cell for inner, cell in each.items()}
        else:
            flat[key] = each
    return flat


def _special_rows(value: Object) -> list[Object] | None:
    """Rows of exports whose rows are trees or arrays: ChatGPT, OpenAssistant, pandas; None for any other object."""
    annotated = annotated_row(value)
    if annotated is not None:
        return [annotated]
    reply, ticket = reply_row(value), ticket_messages(value)
    if reply or ticket:
        return [reply or {MESSAGES: ticket}]
    told = intent_rows(value)
    if told:
        return told
    if _are_answers(value):
        return [{"question": asked, "answer": answer} for asked, answer in value.items()]
    units = value.get("tuv")
    if isinstance(units, list) and all(isinstance(each, dict) and "seg" in each for each in units):  # TMX
        return [{str(each.get("lang", ""))[:2]: each["seg"] for each in units}]
    talks = value.get("conversations")
    if "categories" in value and isinstance(talks, list) and all(map(_is_array, talks)):  # ChatterBot's
        return [{MESSAGES: list(map(text_of, talk))} for talk in talks]
    mapping, columns, data = value.get("mapping"), value.get("columns"), value.get("data")
    if isinstance(mapping, dict) and mapping and all(isinstance(node, dict) for node in mapping.values()):
        return [{"title": value.get("title"), MESSAGES: _chatgpt_messages(value, mapping)}]
    if isinstance(value.get("prompt"), dict) and "replies" in value["prompt"]:
        return [{MESSAGES: path} for path in _tree_paths(value["prompt"], [], 0)]
    columns = columns or value.get("header")
    data = data or value.get("rows")
    if isinstance(columns, list) and isinstance(data, list) and all(isinstance(row, list) for row in data):
        return [dict(zip(map(str, columns), row, strict=False)) for row in data]
    return _parallel_rows(value)


def _are_answers(value: Object) -> bool:
    """Whether an object has questions as its keys and answers as their values."""
    asked = sum(key.rstrip().endswith(("?", "？", "؟")) for key in value)
    return len(value) > 1 and asked >= 0.8 * len(value) and all(isinstance(each, str) for each in value.values())


def _parallel_rows(value: Object) -> list[Object] | None:
    """Rows of columns that are lists of one length, or objects of numbered cells; None for any other object.

    Questions and answers beside one context are a conversation about it.
    """
    cells = {key: list(each.values()) for key, each in value.items() if isinstance(each, dict) and _is_numbered(each)}
    if len(cells) < len(value):
        cells = {key: each for key, each in value.items() if isinstance(each, list) and not _are_messages(each)}
    if len(cells) < 2 or len({len(each) for each in cells.values()}) > 1 or len(next(iter(cells.values()))) < 2:
        return None
    shape, roles = recognise(
        list(cells), [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    )
    around = {key: each for key, each in value.items() if key not in cells}
    if len(cells) < len(value) and shape not in ("pairs", "choices"):
        return None
    if shape == "pairs" and any(normal(key) in CONTEXTS for key in around):
        questions, answers = cells[roles["question"][0]], cells[roles["answer"][0]]
        turns = [[text_of(asked), text_of(answer)] for asked, answer in zip(questions, answers, strict=True)]
        return [{**around, MESSAGES: turns}]
    return [{**around, **dict(zip(cells, row, strict=True))} for row in zip(*cells.values(), strict=True)]


def _is_numbered(value: Object) -> bool:
    return bool(value) and all(key.isdecimal() for key in value)


def _chatgpt_messages(value: Object, mapping: Mapping[str, Object]) -> list[Object]:
    """The messages from the root to the current node of a ChatGPT conversation."""
    place: Any = value.get("current_node") or list(mapping)[-1]
    messages: list[Object] = []
    seen: set[Any] = set()
    while place in mapping and place not in seen:
        seen.add(place)
        node = mapping[place]
        if isinstance(node.get("message"), dict):
            messages.append(node["message"])
        place = node.get("parent")
    return messages[::-1]


def outranked(ranks: Sequence[Any]) -> list[bool]:
    """Of answers to one message, which have a rank behind the first one's."""
    numbers = [float(each) if is_number(each) else None for each in ranks]
    first = min((each for each in numbers if each is not None), default=0.0)
    return [each is not None and each > first for each in numbers]


def _tree_paths(node: Object, before: list[Object], depth: int) -> Iterator[list[Object]]:
    """The path to every leaf of an OpenAssistant tree."""
    replies = node.get("replies")
    path = [*before, {key: cell for key, cell in node.items() if key != "replies"}]
    if isinstance(replies, list) and replies and depth < 100:
        kept = [reply for reply in replies if isinstance(reply, dict) and not is_unsaid(reply)]
        for reply, low in zip(kept, outranked([each.get("rank") for each in kept]), strict=True):
            yield from _tree_paths({**reply, "weight": 0} if low else reply, path, depth + 1)
    else:
        yield path
