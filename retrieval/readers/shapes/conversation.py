"""Messages -> exchanges: every answer to learn with the system text and all turns before it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from retrieval.pairs import Turns
from retrieval.readers.shapes.messages import Message

MAX_TURNS = 100  # before an answer; more do not fit into any window
_THOUGHTS = re.compile(r"^\s*<(think|thinking|thought|reasoning)>.*?</\1>\s*", re.DOTALL)
_CALL = re.compile(r"<(tool_call|function_?call)>(.*?)(?:</\1>)?", re.DOTALL)
CALL, RESULT = "Tool call: {}", "Tool result: {}"


@dataclass(frozen=True)
class Exchange:
    """A question, its answer, and what was said before."""

    question: str
    answer: str
    system: str = ""
    turns: Turns = ()


def exchanges(messages: Sequence[Message], left: Counter[str], last_only: bool = False) -> list[Exchange]:
    """One exchange per answer that is learnt, or only the last; what is not learnt is counted in `left`.

    Calls of tools and their results become part of the question, as does an answer that comes with a call.
    """
    plain = [_without_asides(each, left) for each in messages]
    found = list(_exchanges(_joined(_named([each for each in plain if each.text])), left))
    if last_only and len(found) > 1:
        left["earlier"] += len(found) - 1
        return found[-1:]
    return found


def _without_asides(message: Message, left: Counter[str]) -> Message:
    """An answer without the thoughts at its beginning; one that is nothing but a call of a tool as that call."""
    if message.role != "assistant" or "<" not in message.text[:200]:
        return message
    text, thoughts = _THOUGHTS.subn("", message.text)
    left["thoughts"] += thoughts
    call = _CALL.fullmatch(text.strip())
    return replace(message, role="call", text=call[2].strip()) if call else replace(message, text=text)


def _exchanges(messages: Sequence[Message], left: Counter[str]) -> Iterator[Exchange]:
    system, asked = "", ""
    turns: list[tuple[str, str]] = []
    for place, message in enumerate(messages):
        following = messages[place + 1].role if place + 1 < len(messages) else ""
        if message.role == "system":
            system = _lines(system, message.text)
        elif message.role == "assistant" and following != "call":
            if asked and message.learnt:
                yield Exchange(asked, message.text, system, tuple(turns[-MAX_TURNS:]))
            else:
                left["unasked" if message.learnt else "weightless"] += 1
            turns.append((asked, message.text))
            asked = ""
        else:
            left["tools"] += message.role in ("call", "tool")
            asked = _lines(asked, _in_prompt(message))
    left["unanswered"] += bool(asked)


def _in_prompt(message: Message) -> str:
    return {"call": CALL, "tool": RESULT}.get(message.role, "{}").replace("{}", message.text)


def _lines(before: str, text: str) -> str:
    return f"{before}\n{text}" if before else text


def _named(messages: Sequence[Message]) -> list[Message]:
    """The messages, each of a user with the name before it where users have several names."""
    names = {each.name for each in messages if each.role == "user" and each.name}
    if len(names) < 2:
        return list(messages)
    return [
        replace(each, text=f"{each.name}: {each.text}") if each.role == "user" and each.name else each
        for each in messages
    ]


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Neighbours of one role as one message; beside an answer that is learnt, one of weight 0 is left out."""
    joined: list[Message] = []
    for message in messages:
        before = joined[-1] if joined else None
        if before is None or before.role != message.role or message.role in ("call", "tool"):
            joined.append(message)
        elif before.learnt == message.learnt:
            joined[-1] = replace(before, text=f"{before.text}\n{message.text}")
        else:
            joined[-1] = before if before.learnt else message
    return joined
