"""The page's words, one file per language. The browser fills in fixed words; the server those with figures."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.i18n import I18nData

import adapters
from adapters.options import Knob, knobs
from playground.chat.answer import Decoding
from playground.training.config import TrainSettings
from retrieval.notes import KINDS, NOTES, WHY

WORDS = Path(__file__).parent / "words"
ENGLISH = "en"
NAME = "language.name"  # in its own language; a file of words without it is no language


@cache
def languages() -> dict[str, str]:
    """The languages that have a file, English first: code and name."""
    found = {file.stem: _read(file.stem) for file in sorted(WORDS.glob("*.json"))}
    named = {code: str(words[NAME]) for code, words in found.items() if NAME in words}
    return {ENGLISH: named[ENGLISH], **named}


@cache
def catalogue(language: str) -> dict[str, str]:
    """All words of one language; missing ones come from English and from the methods' own files."""
    return {**words_from_code(), **_words(ENGLISH), **_words(language)}


@cache
def raised(language: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What a language says for sentences of errors, and for the phrases in them, by the English template."""
    own = _read(language).get("raised", {})
    return own.get("sentences", {}), own.get("phrases", {})


@cache
def i18n() -> gr.I18n:
    """The value for `launch(i18n=…)`, with Gradio's own words in the languages that Gradio does not know."""
    own = {code: {**_read(code).get("gradio", {}), **catalogue(code)} for code in languages()}
    return gr.I18n(**own)


def mark(key: str) -> Any:  # gr.I18nData, which Gradio itself types as text
    """A word that the browser fills in. Raises KeyError for a key that is not in the catalogue."""
    return i18n()(_existing(key))


def say(language: str, key: str, **values: object) -> str:
    """A sentence with its figures, in the given language. Raises KeyError for an unknown key."""
    return catalogue(language)[_existing(key)].format(**values)


def write_number(language: str, number: str) -> str:
    """A number in English writing with the language's separators: 1,234.5 -> 1.234,5."""
    words = catalogue(language)
    separators = {",": words["number.thousands"], ".": words["number.decimal"]}
    return "".join(separators.get(sign, sign) for sign in number)


def english(label: Any) -> str:
    """A label as an English page shows it; Gradio holds the key of a word that the browser fills in."""
    return say(ENGLISH, label.key) if isinstance(label, I18nData) else str(label or "")


def knob_key(owner: str, knob: Knob, part: str) -> str:
    """The key of a knob's label or help; `owner` is a method's id, `run` or `decoding`."""
    return f"knob.{owner}.{knob.name}.{part}"


def kind_key(kind: str) -> str:
    """The key of the name of a kind of part that readers leave out."""
    return f"kind.{kind}"


def _existing(key: str) -> str:
    if key not in catalogue(ENGLISH):
        raise KeyError(key)
    return key


def _words(language: str) -> dict[str, str]:
    """The page's own words in a file: its texts, without the groups of other words."""
    return {key: text for key, text in _read(language).items() if isinstance(text, str)}


def _read(language: str) -> dict[str, Any]:
    """The content of a language's file."""
    content: dict[str, Any] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return content


@cache
def words_from_code() -> dict[str, str]:
    """English words that live in the code they describe: methods and knobs, and what readers say of a file."""
    owners = {name: method.Options for name, method in adapters.methods().items()}
    words = {}
    for owner, options in {**owners, "run": TrainSettings, "decoding": Decoding}.items():
        for knob in knobs(options):
            words[knob_key(owner, knob, "label")] = knob.label
            words[knob_key(owner, knob, "help")] = knob.help
    for name, method in adapters.methods().items():
        texts = {"summary": method.summary, "rule": method.rule, "good_for": method.good_for, "caveat": method.caveat}
        words.update({f"method.{name}.{part}": text for part, text in texts.items() if text})
    words.update({kind_key(kind): kind for kind in KINDS})
    words.update({f"why.{key}": reason for key, reason in WHY.items()})
    words.update({f"note.{key}": sentence for key, sentence in NOTES.items()})
    return words
