"""Tables with one message per row -> one row per conversation: by an id, by the parent of each message, or whole."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from retrieval.readers.shapes.messages import role_of
from retrieval.readers.shapes.names import normal
from retrieval.readers.shapes.nesting import MESSAGES, outranked
from retrieval.readers.shapes.recognise import Roles
from retrieval.readers.shapes.unsaid import is_unsaid
from retrieval.readers.shapes.values import text_of

Row = Mapping[str, Any]
IDS = ("message_id", "tweet_id", "id")
PARENTS = ("parent_id", "parent", "parent_message_id", "in_response_to_tweet_id")
PLACES = (
    "turn", "turn_id", "turn_index", "turn_idx", "turn_number", "turn_no", "message_index", "message_number",
    "utterance_idx", "position", "sequence", "seq", "step", "order",
)  # fmt: skip
TIMES = (
    "timestamp", "time", "created_at", "date", "datetime", "sent_at", "date_time", "created", "ts", "created_time",
    "thoi_gian", "ngay",
)  # fmt: skip
_SORTABLE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*|\d{10}(?:\d{3})?(?:\.\d+)?")  # ISO 8601, seconds since 1970
MAX_DEPTH = 200


def conversation_rows(rows: Sequence[Row], roles: Roles, left: Counter[str]) -> list[dict[str, Any]]:
    """One row per conversation, its messages in the order of their numbers, else of the table.

    Messages that were not said to anyone are counted in `left`.
    """
    left["unsaid"] += sum(map(is_unsaid, rows))
    rows = [row for row in rows if not is_unsaid(row)]
    names = {normal(column): column for column in rows[0]} if rows else {}
    own = next((names[each] for each in IDS if each in names), "")
    parent = next((names[each] for each in PARENTS if each in names), "")
    paths = _paths(rows, own, parent) if own and parent else _groups(rows, roles)
    low = _low(rows, own, parent, names["rank"]) if own and parent and "rank" in names else frozenset[str]()
    speaker, said = roles["speaker"][0], roles["text"][0]
    return [
        {
            MESSAGES: [
                {"role": _role(row[speaker]), "content": row[said], "weight": int(str(row.get(own)) not in low)}
                for row in path
            ]
        }
        for path in paths
    ]


def _low(rows: Sequence[Row], own: str, parent: str, rank: str) -> frozenset[str]:
    """The ids of messages that another answer to the same message outranks."""
    siblings: dict[str, list[Row]] = {}
    for row in rows:
        siblings.setdefault(str(row[parent]), []).append(row)
    return frozenset(
        str(row[own])
        for group in siblings.values()
        for row, low in zip(group, outranked([each[rank] for each in group]), strict=True)
        if low
    )


def _role(speaker: Any) -> Any:
    """The speaker; of a mark that says whether a person speaks, who that is."""
    said = text_of(speaker).casefold()
    return {"yes": "user", "true": "user", "no": "assistant", "false": "assistant"}.get(said, speaker)


def _groups(rows: Sequence[Row], roles: Roles) -> Iterator[list[Row]]:
    """Rows with one id, or up to the next system message; in the order of time where there is none."""
    if rows and "group" in roles:
        grouped: dict[str, list[Row]] = {}
        for row in rows:
            grouped.setdefault(str(row[roles["group"][0]]), []).append(row)
        place = next((column for names in (PLACES, TIMES) for column in rows[0] if normal(column) in names), "")
        yield from (_in_order(group, place) if place else group for group in grouped.values())
        return
    place = next((column for column in rows[0] if normal(column) in TIMES), "") if rows else ""
    if place and not any(role_of(row[roles["speaker"][0]]) == "system" for row in rows):
        rows = _in_order(rows, place)
    group: list[Row] = []
    for row in rows:
        if group and role_of(row[roles["speaker"][0]]) == "system":
            yield group
            group = []
        group.append(row)
    yield group


def _in_order(rows: Sequence[Row], place: str) -> list[Row]:
    """The rows of one conversation by their numbers or times; as they stand where these are not all such.

    Rows of one time stay in the order of the table, which may begin with the newest.
    """
    keys: list[Any] = [text_of(row[place]) for row in rows]
    if not all(map(_SORTABLE.fullmatch, keys)):
        try:
            keys = list(map(float, keys))
        except ValueError:
            return list(rows)
    keyed = list(zip(keys, rows, strict=True))
    if keys and keys[0] > keys[-1]:
        keyed.reverse()
    return [row for _, row in sorted(keyed, key=lambda each: each[0])]


def _paths(rows: Sequence[Row], own: str, parent: str) -> Iterator[list[Row]]:
    """The messages from the first of a conversation to each one that no other answers."""
    by_id = {str(row[own]): row for row in rows}
    parents = {str(row[parent]) for row in rows}
    for row in rows:
        if str(row[own]) in parents:
            continue
        path = [row]
        while str(path[-1][parent]) in by_id and len(path) < MAX_DEPTH:
            path.append(by_id[str(path[-1][parent])])
        yield path[::-1]
