"""The parts that a run's examples are a mix of, and the tokens of each."""

from typing import Literal

from playground.data.tokenize import Example

Part = Literal["text", "explain", "questions", "passages", "given", "exercise", "replay"]
PARTS: tuple[Part, ...] = ("explain", "text", "questions", "passages", "given", "exercise", "replay")


def part_of(example: Example) -> Part:
    """The part of the mix that an example belongs to; any other with passages in its prompt is of "passages"."""
    if example.kind == "exercise":
        return "exercise"
    if example.prompt_kind != "question":
        return "passages"
    if example.kind in ("text", "explain", "given", "replay"):
        return example.kind
    return "questions"
