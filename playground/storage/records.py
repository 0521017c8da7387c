"""What the store gives back, a class a table, and how a visitor's names are made fit for display. Knows no SQL."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

NAME_CHARS = 60
Choice = Literal["left", "right", "tie", "bad"]


@dataclass(frozen=True)
class DocumentRow:
    """One document of a visitor. `path` holds its JSON; `digest` is its content's hash; `bytes` the upload's size."""

    id: str
    visitor: str
    name: str
    bytes: int
    chars: int
    digest: str
    path: Path


@dataclass(frozen=True)
class RunRow:
    """One run of a kind. `folder` holds all of it; times are unix seconds; `pid_started` tells a reused pid apart.

    Runs of one `bundle` were queued together; `expected` is the estimate in seconds, 0 without one; a `kept` run goes
    on without its page. `base` names its chat model; empty is the host's own.
    """

    id: str
    visitor: str
    kind: str
    name: str
    method: str
    state: str
    pid: int | None
    pid_started: float | None
    created: float
    queued: float
    lease_until: float
    error: str
    figures: dict[str, Any]
    bundle: str
    expected: float
    kept: bool
    base: str
    prepared: bool
    folder: Path


@dataclass(frozen=True)
class Ballot:
    """Two answers to one question, to be told apart by their words alone; `text` is the hash of the visitor's text.

    An arm's `kind` is base, rag, few_shot, or tuned or both with its method ("tuned:lora"); its `arm` names the run
    instead, and its `name` is that run's, or empty. `stamps` are the two answers' stamps, the left one's first.
    """

    text: str
    question: str
    left_arm: str
    right_arm: str
    left_kind: str
    right_kind: str
    left_name: str
    right_name: str
    left_answer: str
    right_answer: str
    stamps: list[dict[str, Any]]


@dataclass(frozen=True)
class VoteRow(Ballot):
    """A ballot with what was chosen; `voted` is unix seconds."""

    id: str
    visitor: str
    voted: float
    choice: Choice


def clean_name(name: str, otherwise: str) -> str:
    """A name a visitor gave, fit for display: printable, single spaces, at most 60 characters. Never used in a path."""
    printable = "".join(letter if letter.isprintable() else " " for letter in name)
    return " ".join(printable.split())[:NAME_CHARS].strip() or otherwise
