"""How an answer is written: its knobs, and the rule that chooses the next token. Knows no model and no batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.options import knob


@dataclass(frozen=True)
class Decoding:
    """How an answer is written, token by token; the same for all arms of a question."""

    max_new_tokens: int = knob(128, label="Answer length", help="Most tokens in one answer.", low=1, high=512)
    temperature: float = knob(
        0.0,
        label="Temperature",
        help="0 always takes the most likely token; higher values allow less likely ones.",
        low=0,
        high=2,
    )
    top_p: float = knob(
        0.9,
        label="Top p",
        help="Samples only from the most likely tokens that together reach this probability; unused at temperature 0.",
        low=0.01,
        high=1,
    )
    repetition_penalty: float = knob(
        1.1,
        label="Repetition penalty",
        help="Above 1, tokens that the answer already contains become less likely; tokens of the prompt do not count.",
        low=1,
        high=2,
    )
    thinking: bool = knob(
        False,
        label="Think first",
        help="A model that can, such as Qwen3, writes down thoughts before it answers. They are shown apart and count "
        "as tokens of the answer, so allow more of them. Other models answer as always.",
    )
    seed: int = knob(
        0, label="Seed", help="The same seed gives the same answer; unused at temperature 0.", low=0, high=2**31 - 1
    )


def sample_token(logits: Tensor, generated: Sequence[int], decoding: Decoding, generator: torch.Generator) -> int:
    """The next token from logits of shape (vocabulary,), given the tokens generated so far.

    Repetition penalty: CTRL, arXiv 1909.05858, section 4.1. Nucleus sampling: arXiv 1904.09751, section 3.1.
    """
    scores = logits.clone()
    repeated = torch.tensor(sorted(set(generated)), dtype=torch.long)
    old = scores[repeated]
    scores[repeated] = torch.where(old < 0, old * decoding.repetition_penalty, old / decoding.repetition_penalty)
    if decoding.temperature == 0:
        return int(scores.argmax())
    probabilities, order = (scores / decoding.temperature).softmax(-1).sort(descending=True)
    probabilities[probabilities.cumsum(-1) - probabilities >= decoding.top_p] = 0
    # Drawn in the vocabulary's order: by rank, two nearly equal tokens far down could change another draw.
    nucleus = torch.zeros_like(probabilities).scatter(0, order, probabilities)
    return int(torch.multinomial(nucleus, 1, generator=generator))
