"""Figures and texts as a visitor reads them; escapes what a visitor or a model wrote."""

import html
import re
from collections.abc import Sequence

import adapters
from playground.storage.store import RunRow
from playground.ui.shared.i18n import say, write_number

_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#!|~$&:@\"']")


def count(language: str, number: float) -> str:
    """12345 -> 12,345, or as the language writes it."""
    return decimal(language, number, 0)


def decimal(language: str, number: float, places: int) -> str:
    """A number with this many decimal places: 1234.5 -> 1,234.50, or as the language writes it."""
    return write_number(language, f"{number:,.{places}f}")


def parameters(language: str, number: float) -> str:
    """A number of parameters: 1234 -> 1,234; 460800 -> 461 k; 2442240 -> 2.4 M; 1235814400 -> 1.2 B."""
    if number < 10_000:
        return count(language, number)
    if number < 1_000_000:
        return f"{decimal(language, number / 1e3, 0)} k"
    if number < 1_000_000_000:
        return f"{decimal(language, number / 1e6, 1)} M"
    return f"{decimal(language, number / 1e9, 1)} B"


def duration(language: str, seconds: float) -> str:
    """Seconds below two minutes, whole minutes above."""
    if seconds < 120:
        return say(language, "time.seconds", count=round(seconds))
    return say(language, "time.minutes", count=round(seconds / 60))


def size(language: str, number: float) -> str:
    """Bytes as kB or MB."""
    if number < 1_000_000:
        return say(language, "count.bytes_kb", count=round(number / 1_000))
    return say(language, "count.bytes_mb", count=decimal(language, number / 1_000_000, 1))


def escape_html(text: str) -> str:
    """Text for a chat pane: Gradio's chat renders HTML even with markdown off, and would fetch images named in it."""
    return html.escape(text, quote=False)


def run_name(language: str, run: RunRow) -> str:
    """A run's name; of one that the host prepared, with a word that says so."""
    return say(language, "run.prepared", name=run.name) if run.prepared else run.name


def run_names(language: str, runs: Sequence[RunRow], default: str) -> dict[str, str]:
    """The runs' names by their ids, each with its chat model where they are of several; `default` is the host's own."""
    several = len({run.base or default for run in runs}) > 1
    more = {run.id: f" · {model_name(run.base or default)}" if several else "" for run in runs}
    return {run.id: f"{run_name(language, run)}{more[run.id]}" for run in runs}


def model_name(name: str) -> str:
    """A model's name without its owner."""
    return name.rpartition("/")[2]


def method_name(id_: str) -> str:
    """A method's label, or its id if this version lacks the method."""
    known = adapters.methods()
    return known[id_].label if id_ in known else id_


def escape_markdown(text: str) -> str:
    """Text of a host or a visitor inside Markdown: no sign of it makes a link, a picture or an element."""
    return _MARKDOWN.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))
