"""The texts that come with the playground, each with its language and three questions that tell the arms apart."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEXTS = Path(__file__).parent / "example_texts"
ABOUT = TEXTS / "about.json"  # a text's file name -> its language and its questions, chosen by hand


@dataclass(frozen=True)
class Example:
    """One text; `name` is its file's without the ending."""

    name: str
    path: Path
    language: str
    questions: tuple[str, ...]


@cache
def examples() -> dict[str, Example]:
    """All of them by their names, in the order in which they are shown; each lies beside its licence."""
    about = json.loads(ABOUT.read_text(encoding="utf-8"))
    paths = {file: TEXTS / file for file in about}
    return {
        path.stem: Example(path.stem, path, about[file]["language"], tuple(about[file]["questions"]))
        for file, path in paths.items()
    }
