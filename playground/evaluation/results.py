"""Results of the arms, and their file: one JSON object per line, of which the last one per arm and question counts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from playground.evaluation.answer_quality import SHORT_WORDS
from playground.evaluation.metrics import RIGHT
from playground.evaluation.questions import Question
from retrieval.language import count_words

NO_CHOICE = -1


@dataclass(frozen=True)
class ArmResult:
    """One arm's result on one question.

    `choice` is the index among the question's choices (0 is right, -1 without choices); `loss` is the nats per token of
    the true answer, over `loss_tokens`; `ranks` are the places of the right passages among the hits; `in_prompt` tells
    whether the prompt contained the answer; `support` is the share of the answer's sentences that a passage supports.
    `seconds` (search, prompt and answer) and `memory_bytes` (KV cache) are those of the free answer.

    From `ended` on, what the free answer is worth, as `answer_quality` defines it: whether it ended by itself, the
    share of the true sentence's key facts in it, the share of its terms in the text around the true answer, whether it
    repeats itself or the question, and names and numbers that the text there lacks. None is not measured, as in old
    files; an arm that abstained before the model wrote anything has no form to measure.
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
    ended: bool | None = None
    fact_recall: float | None = None
    term_support: float | None = None
    loops: bool | None = None
    echo: bool | None = None
    new_names: tuple[str, ...] | None = None
    useful: bool | None = None

    @property
    def short(self) -> bool:
        """Whether the answer has too few words to say anything; "I do not know" says enough."""
        return count_words(self.text) < SHORT_WORDS and not self.abstained

    @property
    def right(self) -> bool:
        """Whether the free answer contains the true one, however many words it has."""
        return self.outcome in RIGHT

    @property
    def invented(self) -> bool:
        """Whether the answer claims something untrue."""
        return not self.abstained and not self.right

    def to_dict(self) -> dict[str, Any]:
        """JSON form, one line of the file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "ArmResult":
        """The inverse of `to_dict`."""
        lists = ("ranks", "passages", *(["new_names"] if stored.get("new_names") is not None else []))
        return cls(**{**stored, **{name: tuple(stored[name]) for name in lists}})


def read_results(file: Path) -> list[ArmResult]:
    """All results, the last of each arm and question; a line truncated by a kill is skipped."""
    found: dict[tuple[str, str], ArmResult] = {}
    for line in file.read_text(encoding="utf-8").split("\n") if file.exists() else []:
        try:
            result = ArmResult.from_dict(json.loads(line))
        except (ValueError, TypeError, KeyError):
            continue
        found[result.arm, result.question] = result
    return list(found.values())


def in_order(found: Sequence[ArmResult], arms: Sequence[str], questions: Sequence[Question]) -> list[ArmResult]:
    """The results as one process asks: arm by arm, question by question; several may have answered side by side."""
    arm_places, places = (
        {name: place for place, name in enumerate(each)} for each in (arms, [q.id for q in questions])
    )
    return sorted(
        found, key=lambda each: (arm_places.get(each.arm, len(arms)), places.get(each.question, len(questions)))
    )


def append_results(file: Path, results: Sequence[ArmResult]) -> None:
    """Append results to the file."""
    with file.open("a", encoding="utf-8") as lines:
        # The leading newline ends a line that a kill truncated.
        lines.write("\n" + "".join(f"{json.dumps(each.to_dict(), ensure_ascii=False)}\n" for each in results))


def known_to_base(questions: Sequence[Question], results: Sequence[ArmResult]) -> set[str]:
    """Ids of generated questions that the base model answers without the text; they do not show what an arm adds."""
    right = {each.question for each in results if each.arm == "base" and each.right}
    return {each.id for each in questions if each.origin == "made" and each.answerable and each.id in right}
