"""The likelihood of each of several answers to a question: one pass over the prompt, one over all answers together.

The protocol of Ovadia et al. 2023 (arXiv 2312.05934, section 4): the model need not write an answer in any form, so a
small model's malformed answers do not hide what it knows. A short answer follows the words with which the model itself
begins ("The answer is"); without them, the likelihoods separate right from wrong hardly better with the passage in the
prompt than without it.
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

PIECE = 512  # prompt tokens per forward pass
LEADS = {"vi": "Câu trả lời là"}  # the words before a short answer, by language
LEAD = "The answer is"


@dataclass(frozen=True)
class Likelihood:
    """Log-probability of an answer in nats, summed over its tokens."""

    total: float
    tokens: int

    @property
    def loss(self) -> float:
        """Nats per token; its exponential is the perplexity."""
        return -self.total / max(self.tokens, 1)


@dataclass(frozen=True)
class Continuations:
    """Token ids that may follow a prompt: those of the lead, and after it those of each answer."""

    lead: list[int]
    answers: list[list[int]]


def continuations(tokenizer: PreTrainedTokenizerBase, question: Question) -> Continuations:
    """The token ids of a question's choices, or of its true answer alone where it has no choices."""
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
    """The index of the likeliest answer, compared by the sum for short answers and per token for long ones."""
    long = max(each.tokens for each in found) > 2 * LONG
    scores = [each.total / each.tokens if long else each.total for each in found]
    return max(range(len(scores)), key=scores.__getitem__)


def likelihoods(chat: ChatModel, prompt: Prompt, following: Continuations) -> list[Likelihood]:
    """The likelihood of each answer after the prompt and the lead; a cached prefix is not computed again."""
    model = prompt.model or chat.model
    forward = forward_of(model, chat.bits)
    ids = [*prompt.ids, *following.lead]
    memory = scheduler_of(chat.model).cached_prefix(prompt.scope, prompt.adapter or model, ids, len(ids))
    logits = torch.empty(0)
    while memory.length < len(ids):
        piece = ids[memory.length : memory.length + PIECE]
        logits = forward([Segment(piece, memory, prompt.adapter)])[0][-1]
        memory.length += len(piece)
    # The last token of an answer predicts nothing that counts, so it is left out.
    long = [place for place, answer in enumerate(following.answers) if len(answer) > 1]
    segments = [
        Segment(answer[:-1], memory.copy(len(ids), len(ids) + len(answer)), prompt.adapter, keep=len(answer) - 1)
        for answer in (following.answers[place] for place in long)
    ]
    more = dict(zip(long, forward(segments) if segments else [], strict=True))
    return [
        _answer_likelihood(torch.cat([logits[None], more[place]]) if place in more else logits[None], answer)
        for place, answer in enumerate(following.answers)
    ]


def _answer_likelihood(logits: Tensor, ids: Sequence[int]) -> Likelihood:
    """The likelihood of an answer (n,) from the logits (n, vocabulary) that predict its tokens."""
    scores = logits.log_softmax(-1)
    return Likelihood(float(scores[torch.arange(len(ids)), torch.tensor(ids)].sum()), len(ids))
