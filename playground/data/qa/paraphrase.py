"""One question in other words: how a model is asked for it, and whether what it said is that, as far as words tell."""

import re

ASK = "Say this question in other words. Keep its meaning and every name and number. Write only the question.\n\n{}"
MOST_SHARED = 0.9  # of the words of the original; above, nothing was reworded
_WORD = re.compile(r"\w+")


def in_other_words(before: str, after: str) -> bool:
    """Whether every name and number of a question stays, and some of its words do not."""
    old, new = set(_WORD.findall(before.lower())), set(_WORD.findall(after.lower()))
    named = {word.lower() for word in _WORD.findall(before)[1:] if word[:1].isupper() or word[:1].isdigit()}
    return bool(new) and named <= new and len(old & new) <= MOST_SHARED * len(old)


def first_line(said: str) -> str:
    """The question of an answer to ASK."""
    return " ".join(said.strip().split("\n")[0].split())
