"""How likely a model finds each of several answers to one question: the prompt is read once, then all answers together.

The protocol of the papers on injecting knowledge (Ovadia et al. 2023, arXiv 2312.05934, section 4): no answer has to be
written in any form, so a small model's fumbling does not hide what it knows. A short answer stands behind the words
with which the model itself begins ("The answer is"); without them the likelihoods tell a right answer from a wrong one
hardly better with its passage in the prompt than without.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from playground.evaluation.metrics import LONG
from playground.evaluation.questions import RECALL, Question
from playground.inference.engine import Prompt, scheduler_of
from playground.inference.forward import forward_of
from playground.inference.ragged_batch import Segment
from playground.models.chat_model import ChatModel
from retrieval.language import detect_language

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
    lead = LEADS.get(detect_language(question.question), LEAD) if short else ""
    before = tokenizer(lead, add_special_tokens=False)["input_ids"] if lead else []
    answers = [
        tokenizer(f"{lead} {each}" if lead else each, add_special_tokens=False)["input_ids"][len(before) :]
        for each in texts
    ]
    return Continuations(before, answers)


def likeliest(found: Sequence[Likelihood]) -> int:
    """The place of the likeliest answer: of short ones by the whole, of long ones by the token."""
    long = max(each.tokens for each in found) > 2 * LONG
    scores = [each.total / each.tokens if long else each.total for each in found]
    return max(range(len(scores)), key=scores.__getitem__)


def likelihoods(chat: ChatModel, prompt: Prompt, following: Continuations) -> list[Likelihood]:
    """The likelihood of each of the answers after the prompt and the lead; what is remembered is not read again."""
    model = prompt.model or chat.model
    forward = forward_of(model, chat.bits)
    ids = [*prompt.ids, *following.lead]
    memory = scheduler_of(chat.model).cached_prefix(prompt.scope, prompt.adapter or model, ids, len(ids))
    logits = torch.empty(0)
    while memory.length < len(ids):
        piece = ids[memory.length : memory.length + PIECE]
        logits = forward([Segment(piece, memory, prompt.adapter)])[0][-1]
        memory.length += len(piece)
    # The last token of an answer foretells nothing that counts, so it is not read.
    long = [place for place, answer in enumerate(following.answers) if len(answer) > 1]
    segments = [
        Segment(answer[:-1], memory.copy(len(ids), len(ids) + len(answer)), prompt.adapter, keep=len(answer) - 1)
        for answer in (following.answers[place] for place in long)
    ]
    more = dict(zip(long, forward(segments) if segments else [], strict=True))
    return [
        _summed(torch.cat([logits[None], more[place]]) if place in more else logits[None], answer)
        for place, answer in enumerate(following.answers)
    ]


def _summed(logits: Tensor, ids: Sequence[int]) -> Likelihood:
    """Of an answer whose token n is foretold by logits[n]."""
    scores = logits.log_softmax(-1)
    return Likelihood(float(scores[torch.arange(len(ids)), torch.tensor(ids)].sum()), len(ids))
