"""Tables with one message per row whose speakers have free names: conversations of two people."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from retrieval.readers.shapes.columns import Column
from retrieval.readers.shapes.names import GROUPS, SAID, SPEAKERS, normal
from retrieval.readers.shapes.values import text_of

Sample = Mapping[str, Column]
NAMES = (*SPEAKERS, "sender_name", "author_name", "username", "user", "name", "actor", "nickname", "user_name", "ten")
TEXTS = (*SAID, "messages", "tin_nhan", "nachricht", "mensaje")
MIN_MESSAGES = 4
NAME_WORDS = 4  # at most
CHANGES = 0.3  # share of the messages that follow one of the other speaker


def talking_columns(sample: Sample) -> dict[str, tuple[str, ...]] | None:
    """Who speaks, what is said, and the conversation, of a table in which two people take turns; None for others."""
    known = {normal(column): column for column in reversed(list(sample))}
    speaker, said, group = (_first(known, names) for names in (NAMES, TEXTS, GROUPS))
    group = "" if group == speaker else group
    if not speaker or not said or speaker == said:
        return None
    names = [text_of(each) for each in sample[speaker]]
    talks = [text_of(each) for each in sample[group]] if group else [""] * len(names)
    if not all(0 < len(each.split()) <= NAME_WORDS for each in names) or not _take_turns(talks, names):
        return None
    return {"speaker": (speaker,), "text": (said,), **({"group": (group,)} if group else {})}


def _first(known: Mapping[str, str], names: Sequence[str]) -> str:
    return next((known[each] for each in names if each in known), "")


def _take_turns(talks: Sequence[str], names: Sequence[str]) -> bool:
    """Whether each conversation is of two people, who often answer each other."""
    people: dict[str, set[str]] = {}
    for talk, name in zip(talks, names, strict=True):
        people.setdefault(talk, set()).add(name)
    spoken = pairwise(zip(talks, names, strict=True))
    changes = sum(one[0] == other[0] and one[1] != other[1] for one, other in spoken)
    two = all(len(each) == 2 for each in people.values())
    return two and len(names) >= MIN_MESSAGES and changes >= CHANGES * len(names)
