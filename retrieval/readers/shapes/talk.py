"""Exported chats of people (Telegram, Discord, Slack, Messenger): a conversation of two, or the text of several."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from retrieval.readers.shapes.messages import role_of
from retrieval.readers.shapes.names import CHATS, normal
from retrieval.readers.shapes.slack import slack_text
from retrieval.readers.shapes.values import is_empty, text_of

NAMES = ("name", "nickname", "real_name", "display_name", "username", "first_name", "global_name")
PEOPLE = ("from", "sender_name", "author", "sender", "speaker", "user_profile", "username", "user", "actor")
SAID = ("text", "content", "message", "body", "msg")
TIMES = ("timestamp_ms", "timestamp", "ts", "date", "created_at", "createTime", "time")
_EPOCH = re.compile(r"\d{10}(?:\d{3})?(?:\.\d+)?")
MOST = 0.5  # share of the messages that must have a speaker and a text


def talk_row(key: str, messages: Any) -> dict[str, Any] | None:
    """The row of a list under this key that people wrote, in the order of time; None for any other list."""
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        return None
    if normal(key) not in CHATS and not _are_typed(messages):
        return None
    said = [(_speaker(each), _text(each), _time(each)) for each in messages]
    said = [each for each in said if each[0] and each[1]]
    speakers = {speaker for speaker, _, _ in said}
    roles = sum(role_of(speaker) is not None for speaker in speakers)  # a person may be called Claude
    if len(speakers) < 2 or len(said) < MOST * len(messages) or roles >= MOST * len(speakers):
        return None
    if said[0][2] > said[-1][2]:
        said.reverse()
    if _are_typed(messages) and "ts" in messages[0]:  # Slack's
        names = {str(each.get("user")): _speaker(each) for each in messages}
        said = [(speaker, slack_text(text, names), time) for speaker, text, time in said]
    if len(speakers) == 2:
        return {"messages": [{"role": speaker, "content": text} for speaker, text, _ in said]}
    days = groupby(said, key=lambda each: _day(each[2]))
    return {"text": "\n\n".join("\n".join(f"{name}: {text}" for name, text, _ in day) for _, day in days)}


def _day(time: str) -> str:
    """The day of a time: of seconds or milliseconds since 1970 their number of days, else the first ten letters."""
    if not _EPOCH.fullmatch(time):
        return time[:10]
    return str(int(time.partition(".")[0][:10]) // 86_400)


def _are_typed(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list without a key is Slack's: its objects say that they are messages."""
    return bool(messages) and sum(each.get("type") == "message" for each in messages) > MOST * len(messages)


def _speaker(message: Mapping[str, Any]) -> str:
    if message.get("subtype"):  # a notice, such as who has joined
        return ""
    for key in PEOPLE:
        value = message.get(key)
        if isinstance(value, dict):
            value = next((value[name] for name in NAMES if isinstance(value.get(name), str) and value[name]), "")
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _text(message: Mapping[str, Any]) -> str:
    """What is said; the pieces of a text with links follow each other without a break."""
    said = next((message[key] for key in SAID if not is_empty(message.get(key))), "")
    pieces = said if isinstance(said, list) else [said]
    return "".join(each if isinstance(each, str) else text_of(each) for each in pieces).strip()


def _time(message: Mapping[str, Any]) -> str:
    """A text that grows with the time of one export."""
    return next((str(message[key]) for key in TIMES if isinstance(message.get(key), str | int | float)), "")
