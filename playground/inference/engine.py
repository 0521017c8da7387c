"""Prompts in, tokens out: each request joins and leaves the batch of a resident model. Knows no arm."""

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

COMPLETION_TOKENS = 64  # enough for a question and its answer

_schedulers: "weakref.WeakKeyDictionary[PreTrainedModel, Scheduler]" = weakref.WeakKeyDictionary()
_schedulers_lock = threading.Lock()


def generate(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Iterator[Token]:
    """Tokens of all rows as they are chosen, end tokens included. Ends early, without an error, once `should_stop`.

    All rows step together, with those of other requests to the same model; a row that ends leaves the batch. A row
    gets the tokens it would get alone, up to float rounding. Waits for its turn where memory is short.
    """
    with open_request(chat, prompts, decoding, should_stop) as request:
        for _ in request.queue_positions():
            pass
        yield from request.tokens()


def open_request(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Request:
    """A request, to be entered with `with`: first it may wait in the queue, then it has tokens."""
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
    """The one scheduler of a resident model."""
    with _schedulers_lock:
        return _schedulers.setdefault(model, Scheduler())


def end_tokens(chat: ChatModel) -> frozenset[int]:
    """Token ids that end an answer: the tokenizer's own, and those in the model's generation settings."""
    listed = chat.model.generation_config.eos_token_id if chat.model.generation_config else None
    more = listed if isinstance(listed, list) else [listed]
    return frozenset(each for each in [chat.tokenizer.eos_token_id, *more] if each is not None)
