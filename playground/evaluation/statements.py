"""Sentences of a verdict: a key and its values, rendered in a language from the word lists in `words`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playground.evaluation.bootstrap import Figure

Value = str | int | float | Sequence[str]
TOPICS = ("form", "who", "words", "kinds", "learnt", "why", "cost", "change", "mind")  # in the order of the report


@dataclass(frozen=True)
class Statement:
    """One sentence of the verdict; `topic` is one of TOPICS, `key` names the sentence in the word lists."""

    topic: str
    key: str
    values: Mapping[str, Value] = field(default_factory=dict)


def render_statement(statement: Statement, language: str = "en") -> str:
    """The sentence in a language; ids of arms, kinds and causes among its values are translated too."""
    words = catalogue(language)
    values = {name: _in_words(value, words) for name, value in statement.values.items()}
    return words[statement.key].format(**values).replace("p = <", "p <")  # a p too small to print starts with "<"


def _in_words(value: Value, words: Mapping[str, str]) -> Value:
    """The value, with ids translated; a list of them as one text."""
    if isinstance(value, str | int | float):
        return words.get(f"name.{value}", value)
    return ", ".join(words.get(f"name.{each}", each) for each in value)


def statement_record(statement: Statement) -> dict[str, Any]:
    """JSON form, with the English sentence beside the key."""
    text = render_statement(statement)
    return {"topic": statement.topic, "key": statement.key, "values": dict(statement.values), "text": text}


@cache
def catalogue(language: str) -> dict[str, str]:
    """The words of one language; English where it has none."""
    files = [Path(__file__).parent / "words" / f"{each}.json" for each in ("en", language)]
    own: list[dict[str, str]] = [json.loads(each.read_text(encoding="utf-8")) for each in files if each.exists()]
    return {key: text for words in own for key, text in words.items()}


def share_text(figure: Figure) -> str:
    """“42 % (35–50)”."""
    return f"{100 * figure.value:.0f} % ({100 * figure.low:.0f}–{100 * figure.high:.0f})"
