"""How likely a model finds each of several answers to one question: the prompt is read once, then all answers together.

The protocol of the papers on injecting knowledge (Ovadia et al. 2023, arXiv 2312.05934, section 4): no answer has to be
written in any form, so a small model's fumbling does not hide what it knows. A short answer stands behind the words
with which the model itself begins ("The answer is"); without them the likelihoods tell a right answer from a wrong one
hardly better with its passage in the prompt than without.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel, PreTrainedTokenizerBase

from adapters.base import PlainLora
from playground.decoding import Prompt
from playground.exam.grading import LONG
from playground.exam.questions import RECALL, Question
from playground.serving import adapted
from retrieval.language import detect

PIECE = 512  # prompt tokens read at once
LEADS = {"vi": "Câu trả lời là"}  # what short answers follow, by language
LEAD = "The answer is"


@dataclass(frozen=True)
class Likelihood:
    """Log-probability of an answer in nats, summed over its tokens."""

    total: float
    tokens: int

    @property
    def loss(self) -> float:
        """Nats a token; its exponential is the perplexity."""
        return -self.total / max(self.tokens, 1)


@dataclass(frozen=True)
class Continuations:
    """What may follow a prompt: the lead's tokens, and behind it those of each answer."""

    lead: list[int]
    answers: list[list[int]]


def continuations(tokenizer: PreTrainedTokenizerBase, question: Question) -> Continuations:
    """A question's choices in tokens, or its true answer alone where there is nothing to choose from."""
    texts = question.choices or question.answers[:1]
    short = max((len(each.split()) for each in texts), default=0) < LONG and question.kind != RECALL
    lead = LEADS.get(detect(question.question), LEAD) if short else ""
    before = tokenizer(lead, add_special_tokens=False)["input_ids"] if lead else []
    answers = [
        tokenizer(f"{lead} {each}" if lead else each, add_special_tokens=False)["input_ids"][len(before) :]
        for each in texts
    ]
    return Continuations(before, answers)


def chosen(found: Sequence[Likelihood]) -> int:
    """The place of the likeliest answer: of short ones by the whole, of long ones by the token."""
    long = max(each.tokens for each in found) > 2 * LONG
    scores = [each.total / each.tokens if long else each.total for each in found]
    return max(range(len(scores)), key=scores.__getitem__)


def likelihoods(model: PreTrainedModel, prompt: Prompt, following: Continuations) -> list[Likelihood]:
    """The likelihood of each of the answers after the prompt and the lead."""
    answers, lead = following.answers, following.lead
    with torch.inference_mode():
        cache, first = _read(model, Prompt([*prompt.ids, *lead], prompt.adapter))
        if len(answers) > 1:
            cache.batch_repeat_interleave(len(answers))
        longest = max(map(len, answers))
        rest = first[None, None].expand(len(answers), 1, -1)
        if longest > 1:
            # What stands right of an answer's end is seen by nothing that counts, so any token may fill it.
            padded = torch.tensor([[*ids, *[ids[-1]] * (longest - len(ids))] for ids in answers], device=model.device)
            more = _forward(model, [prompt.adapter] * len(answers), cache, padded[:, :-1])
            rest = torch.cat([rest, more.float()], dim=1)
        return [_summed(logits, ids) for logits, ids in zip(rest, answers, strict=True)]


def _summed(logits: Tensor, ids: Sequence[int]) -> Likelihood:
    """Of an answer whose token n is foretold by logits[n]."""
    scores = logits[: len(ids)].log_softmax(-1)
    return Likelihood(float(scores[torch.arange(len(ids)), torch.tensor(ids)].sum()), len(ids))


def _read(model: PreTrainedModel, prompt: Prompt) -> tuple[DynamicCache, Tensor]:
    """The prompt's keys and values, and the logits that follow it, (vocabulary,)."""
    cache = DynamicCache()
    logits = torch.empty(0)
    for start in range(0, len(prompt.ids), PIECE):
        ids = torch.tensor([prompt.ids[start : start + PIECE]], device=model.device)
        logits = _forward(model, [prompt.adapter], cache, ids, logits_to_keep=1)[0, -1]
    return cache, logits.float()


def _forward(
    model: PreTrainedModel, rows: Sequence[PlainLora | None], cache: DynamicCache, ids: Tensor, **more: Any
) -> Tensor:
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    with adapted(model, rows):
        return model(input_ids=ids, **{name: cache}, use_cache=True, **more).logits
