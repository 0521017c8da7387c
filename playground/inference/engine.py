"""Prompts in, tokens out: the batch of a resident model, joined and left by each question. Knows no arm."""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence

from transformers import PreTrainedModel

from playground.files import never
from playground.inference.sampling import Decoding
from playground.inference.scheduler import Request, Scheduler
from playground.inference.sequence import Prompt, SequenceState, Token
from playground.models.chat_model import ChatModel
from playground.prompts import Messages, render

__all__ = [
    "Decoding",
    "Prompt",
    "Request",
    "Token",
    "complete",
    "end_tokens",
    "generate",
    "open_request",
    "scheduler_of",
]

_schedulers: "weakref.WeakKeyDictionary[PreTrainedModel, Scheduler]" = weakref.WeakKeyDictionary()
COMPLETION_TOKENS = 64  # enough for a question and its answer

_finding = threading.Lock()


def generate(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Iterator[Token]:
    """Tokens of all rows as they are chosen; end tokens are yielded too. Ends early, silently, once `should_stop`.

    All rows step together, with those of other questions to the same model; a row that ends leaves the batch. A row
    gets the tokens it would get alone, as far as float rounding allows. Waits for its turn where memory is short.
    """
    with open_request(chat, prompts, decoding, should_stop) as question:
        for _ in question.queue_positions():
            pass
        yield from question.tokens()


def open_request(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Request:
    """The question to be entered: first it may be waiting, then it has tokens."""
    ends = end_tokens(chat)
    rows = [SequenceState(number, prompt, chat, decoding, ends) for number, prompt in enumerate(prompts)]
    return Request(scheduler_of(chat.model), rows, should_stop)


def complete(
    chat: ChatModel,
    requests: Sequence[Messages],
    should_stop: Callable[[], bool] = never,
    max_new_tokens: int = COMPLETION_TOKENS,
) -> list[str]:
    """The model's greedy answer to each chat request, all in one batch; cut off once `should_stop`."""
    ids: list[list[int]] = [[] for _ in requests]
    rows = [Prompt(render(chat.tokenizer, each)) for each in requests]
    for token in generate(chat, rows, Decoding(max_new_tokens=max_new_tokens), should_stop):
        ids[token.row].append(token.id)
    return [str(chat.tokenizer.decode(each, skip_special_tokens=True)) for each in ids]


def scheduler_of(model: PreTrainedModel) -> Scheduler:
    """The one batch of a resident model."""
    with _finding:
        return _schedulers.setdefault(model, Scheduler())


def end_tokens(chat: ChatModel) -> frozenset[int]:
    """Ids that end an answer: the tokenizer's own, and those of the model's generation settings."""
    listed = chat.model.generation_config.eos_token_id if chat.model.generation_config else None
    more = listed if isinstance(listed, list) else [listed]
    return frozenset(each for each in [chat.tokenizer.eos_token_id, *more] if each is not None)
