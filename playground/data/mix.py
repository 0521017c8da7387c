"""What a run's examples are a mix of: the settings that decide it, and the part that each example belongs to."""

from dataclasses import dataclass
from typing import Literal

from playground.data.tokenize import Example

Part = Literal["text", "explain", "questions", "passages", "given", "exercise", "replay"]
PARTS: tuple[Part, ...] = ("explain", "text", "questions", "passages", "given", "exercise", "replay")

TextForm = Literal["answers", "windows"]


@dataclass(frozen=True)
class MixSettings:
    """What the examples of a run are made of: tokens per window, the held-out share, and the shares of each kind.

    `pairs_share` is the share of tokens that pairs generated from the text get, `passages_share` the share of pairs
    with passages in their prompts, `replay_share` the share of tokens with the base's own answers to general prompts,
    `exercises_share` that of reading exercises in the languages of the text.
    `text_form` says how the text itself is read: as bare windows, or as answers that end, of at most `part_tokens`
    tokens. `gaps` adds questions with a gap, whose answers are single words. Of a text that is too long for the run
    only sections with about `text_tokens` tokens of examples are read (0: the whole text); see `coverage`. The same
    settings, text, replay and tokenizer give the same examples.
    """

    window: int
    heldout_share: float
    seed: int
    pairs_share: float = 0.0
    passages_share: float = 0.0
    replay_share: float = 0.0
    exercises_share: float = 0.0
    text_form: TextForm = "windows"
    part_tokens: int = 120
    gaps: bool = True
    text_tokens: int = 0


def part_of(example: Example) -> Part:
    """The part of the mix that an example belongs to; any other with passages in its prompt is of "passages"."""
    if example.kind == "exercise":
        return "exercise"
    if example.prompt_kind != "question":
        return "passages"
    if example.kind in ("text", "explain", "given", "replay"):
        return example.kind
    return "questions"
