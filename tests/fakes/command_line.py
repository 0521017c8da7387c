"""The command line in this process: what a command wrote, a small text and a fast training run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import adapters
from adapters.options import knobs

TEXT = "\n\n".join(
    [
        "# Houses\n\nThe red house has eleven windows and a garden. The blue house has no garden.",
        "# Ships\n\nThe harbour master keeps the keys of every ship. Ships leave at dawn and come back at dusk.",
        "# Bread\n\nThe baker sells rye bread on Mondays. On all other days there is only white bread.",
        "# School\n\nThe school begins at nine. Children who live beyond the bridge may come at ten.",
    ]
)
# Flags for a run of a second.
FAST = ("--steps", "4", "--batch-tokens", "64", "--window", "64", "--evaluations", "1", "--rank", "4")


@dataclass
class CommandResult:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON; fails where anything else is on it."""
        return [json.loads(line) for line in self.out.splitlines()]


RunCommand = Callable[..., CommandResult]


def train(run: RunCommand, *words: str, method: str = "lora", out: str = "run") -> CommandResult:
    """Train an adapter on the small text; the command must succeed."""
    fast = FAST if "rank" in {each.name for each in knobs(adapters.get(method).Options)} else FAST[:-2]
    ran = run("--json", "train", "town.md", "--method", method, "--out", out, *fast, *words)
    assert ran.code == 0, ran.err
    return ran
