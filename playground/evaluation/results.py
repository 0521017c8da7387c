"""What an arm made of a question, and the file that keeps it: one JSON object a line, the last one counts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playground.evaluation.metrics import RIGHT
from playground.evaluation.questions import Question

NO_CHOICE = -1


@dataclass(frozen=True)
class ArmResult:
    """What one arm made of one question.

    `choice` is the place among the question's choices (0 is right, -1 where none was read); `loss` the nats a token of
    the true answer, over `loss_tokens`; `ranks` the places of the right passages among those found; `in_prompt` whether
    the prompt held the answer; `support` the share of the answer's sentences that the passages support. `seconds` and
    `memory_bytes` are of the free answer: search, prompt and answer, and the keys and values of both.
    """

    arm: str
    question: str
    text: str
    tokens: int
    prompt_tokens: int
    seconds: float
    memory_bytes: int
    choice: int
    loss: float | None
    loss_tokens: int
    outcome: str
    exact: float
    f1: float
    rouge_l: float
    abstained: bool
    found: bool | None
    ranks: tuple[int, ...]
    in_prompt: bool | None
    passages: tuple[str, ...]
    support: float | None
    stamp: str

    @property
    def right(self) -> bool:
        """Whether the free answer says the truth, in however many words."""
        return self.outcome in RIGHT

    @property
    def invented(self) -> bool:
        """Whether something is asserted that is not the truth."""
        return not self.abstained and not self.right

    def to_dict(self) -> dict[str, Any]:
        """JSON form, a line of the file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "ArmResult":
        """The inverse of `to_dict`."""
        return cls(**{**stored, "ranks": tuple(stored["ranks"]), "passages": tuple(stored["passages"])})


def read_results(file: Path) -> list[ArmResult]:
    """All answers, the last where one was written twice; a line cut by a kill is passed over."""
    found: dict[tuple[str, str], ArmResult] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            result = ArmResult.from_dict(json.loads(line))
        except (ValueError, TypeError, KeyError):
            continue
        found[result.arm, result.question] = result
    return list(found.values())


def append_results(file: Path, results: Sequence[ArmResult]) -> None:
    """Keep some more."""
    with file.open("a", encoding="utf-8") as lines:
        # The first break ends a line that a kill cut short.
        lines.write("\n" + "".join(f"{json.dumps(each.to_dict(), ensure_ascii=False)}\n" for each in results))


def known_to_base(questions: Sequence[Question], results: Sequence[ArmResult]) -> set[str]:
    """Made questions that the base model answers with the book closed: they do not show what an arm adds."""
    right = {each.question for each in results if each.arm == "base" and each.right}
    return {each.id for each in questions if each.origin == "made" and each.answerable and each.id in right}
