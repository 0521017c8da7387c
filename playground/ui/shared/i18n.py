"""The page's words, a catalogue a language: static ones are chosen in the browser, those with figures on the server."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

import adapters
from adapters.options import Knob, knobs
from playground.chat.answer import Decoding
from playground.training.config import TrainSettings

WORDS = Path(__file__).parent / "words"
LANGUAGES = {"en": "English", "vi": "Tiếng Việt"}


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every word of one language; what it lacks is filled from English and from the methods' own files."""
    own = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    return {**_from_code(), **_english(), **own}


@cache
def i18n() -> gr.I18n:
    """What `launch(i18n=…)` wants."""
    return gr.I18n(**{language: catalogue(language) for language in LANGUAGES})


def mark(key: str) -> Any:  # gr.I18nData, which Gradio itself types as text
    """A word that the browser fills in; a key that is not in the catalogue is a fault of ours."""
    return i18n()(_known(key))


def say(language: str, key: str, **values: object) -> str:
    """A sentence with its figures, in the visitor's language."""
    return catalogue(language)[_known(key)].format(**values)


def knob_key(owner: str, knob: Knob, part: str) -> str:
    """Where a knob's label or help stands; `owner` is a method's id, `run` or `decoding`."""
    return f"knob.{owner}.{knob.name}.{part}"


def _known(key: str) -> str:
    if key not in catalogue("en"):
        raise KeyError(key)
    return key


def _english() -> dict[str, str]:
    return json.loads((WORDS / "en.json").read_text(encoding="utf-8"))


@cache
def _from_code() -> dict[str, str]:
    """English words that live in the code they describe: methods and knobs."""
    owners = {name: method.Options for name, method in adapters.methods().items()}
    words = {}
    for owner, options in {**owners, "run": TrainSettings, "decoding": Decoding}.items():
        for knob in knobs(options):
            words[knob_key(owner, knob, "label")] = knob.label
            words[knob_key(owner, knob, "help")] = knob.help
    for name, method in adapters.methods().items():
        told = {"summary": method.summary, "rule": method.rule, "good_for": method.good_for, "caveat": method.caveat}
        words.update({f"method.{name}.{part}": text for part, text in told.items() if text})
    return words
