"""Sentences of a verdict: a key and its values, rendered in a language from the word lists in `words`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playground.evaluation.arm_models import ONE_MODEL, ModelNames
from playground.evaluation.arms import ARMS
from playground.evaluation.bootstrap import Figure

Value = str | int | float | Sequence[str]
FIRST = ("models", "form")  # what must be known before a winner is named
TOPICS = (*FIRST, "who", "words", "kinds", "learnt", "why", "cost", "change", "mind")  # in the order of the report


@dataclass(frozen=True)
class Statement:
    """One sentence of the verdict; `topic` is one of TOPICS, `key` names the sentence in the word lists."""

    topic: str
    key: str
    values: Mapping[str, Value] = field(default_factory=dict)


def render_statement(statement: Statement, language: str = "en", models: ModelNames = ONE_MODEL) -> str:
    """The sentence in a language; ids of arms, kinds and causes among its values are translated too.

    An arm's name says its model where there are two. The sentences may hold the arms' ids as further values.
    """
    words = words_with_models(language, models)
    names = {arm: words[f"name.{arm}"] for arm in ARMS}
    values = {name: _in_words(value, words) for name, value in statement.values.items()}
    sentence = words[statement.key].format(**{**names, **values})
    return sentence.replace("p = <", "p <")  # a p too small to print starts with "<"


def _in_words(value: Value, words: Mapping[str, str]) -> Value:
    """The value, with ids translated; a list of them as one text."""
    if isinstance(value, str | int | float):
        return words.get(f"name.{value}", value)
    *rest, last = [words.get(f"name.{each}", each) for each in value]
    return words["list.last"].format(rest=", ".join(rest), last=last) if rest else last


def statement_record(statement: Statement, models: ModelNames = ONE_MODEL) -> dict[str, Any]:
    """JSON form, with the English sentence beside the key."""
    text = render_statement(statement, models=models)
    return {"topic": statement.topic, "key": statement.key, "values": dict(statement.values), "text": text}


def words_with_models(language: str, models: ModelNames) -> dict[str, str]:
    """The words of one language; the name of each of these arms says its model, as “retrieval (SmolLM2-360M)”."""
    words = catalogue(language)
    return {**words, **{f"name.{arm}": f"{words[f'name.{arm}']} ({model})" for arm, model in models.items()}}


@cache
def catalogue(language: str) -> dict[str, str]:
    """The words of one language; English where it has none."""
    files = [Path(__file__).parent / "words" / f"{each}.json" for each in ("en", language)]
    own: list[dict[str, str]] = [json.loads(each.read_text(encoding="utf-8")) for each in files if each.exists()]
    return {key: text for words in own for key, text in words.items()}


def share_text(figure: Figure) -> str:
    """“42 % (35–50)”; a dash where nothing was measured."""
    if not figure.questions:
        return "–"
    return f"{100 * figure.value:.0f} % ({100 * figure.low:.0f}–{100 * figure.high:.0f})"
