"""How likely a model finds each of several answers to one question: the prompt is read once, then all answers together.

The protocol of the papers on injecting knowledge (Ovadia et al. 2023, arXiv 2312.05934, section 4): no answer has to be
written in any form, so a small model's fumbling does not hide what it knows.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from playground.decoding import Prompt
from playground.serving import adapted

PIECE = 512  # prompt tokens read at once


@dataclass(frozen=True)
class Likelihood:
    """Log-probability of an answer in nats, summed over its tokens."""

    total: float
    tokens: int

    @property
    def loss(self) -> float:
        """Nats a token; its exponential is the perplexity."""
        return -self.total / max(self.tokens, 1)


def likelihoods(model: PreTrainedModel, prompt: Prompt, answers: Sequence[Sequence[int]]) -> list[Likelihood]:
    """The likelihood of each of the answers (token ids, none empty) after the prompt."""
    with torch.inference_mode():
        cache, first = _read(model, prompt)
        if len(answers) > 1:
            cache.batch_repeat_interleave(len(answers))
        longest = max(map(len, answers))
        # What stands right of an answer's end is seen by nothing that counts, so any token may fill it.
        padded = torch.tensor([[*ids, *[ids[-1]] * (longest - len(ids))] for ids in answers], device=model.device)
        rows = [prompt.adapter] * len(answers)
        following = _forward(model, rows, cache, padded[:, :-1]) if longest > 1 else padded.new_zeros(0)
        begin = first.log_softmax(-1)
        found = []
        for row, ids in enumerate(answers):
            total = float(begin[ids[0]])
            if len(ids) > 1:
                rest = following[row, : len(ids) - 1].float().log_softmax(-1)
                total += float(rest[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].sum())
            found.append(Likelihood(total, len(ids)))
        return found


def _read(model: PreTrainedModel, prompt: Prompt) -> tuple[DynamicCache, Tensor]:
    """The prompt's keys and values, and the logits that follow it, (vocabulary,)."""
    cache = DynamicCache()
    logits = torch.empty(0)
    for start in range(0, len(prompt.ids), PIECE):
        ids = torch.tensor([prompt.ids[start : start + PIECE]], device=model.device)
        logits = _forward(model, [prompt.adapter], cache, ids, keep=1)[0, -1]
    return cache, logits.float()


def _forward(model: PreTrainedModel, rows: Sequence, cache: DynamicCache, ids: Tensor, keep: int = 0) -> Tensor:
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    with adapted(model, rows):
        return model(input_ids=ids, **{name: cache}, use_cache=True, logits_to_keep=keep).logits
