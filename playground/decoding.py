"""Prompts in, tokens out: the batch of a resident model, joined and left by each question. Knows no text and no arm."""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence

from transformers import PreTrainedModel

from playground.batch import Batch, Question
from playground.choosing import Decoding
from playground.models import ChatModel
from playground.rows import Prompt, Row, Token

__all__ = ["Decoding", "Prompt", "Question", "Token", "batch_of", "begin", "end_tokens", "generate", "never"]

_batches: "weakref.WeakKeyDictionary[PreTrainedModel, Batch]" = weakref.WeakKeyDictionary()
_finding = threading.Lock()


def never() -> bool:
    """The stop signal of an answer that nobody stops."""
    return False


def generate(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Iterator[Token]:
    """Tokens of all rows as they are chosen; end tokens are yielded too. Ends early, silently, once `should_stop`.

    All rows step together, with those of other questions to the same model; a row that ends leaves the batch. A row
    gets the tokens it would get alone, as far as float rounding allows. Waits for its turn where memory is short.
    """
    with begin(chat, prompts, decoding, should_stop) as question:
        for _ in question.waiting():
            pass
        yield from question.tokens()


def begin(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Question:
    """The question to be entered: first it may be waiting, then it has tokens."""
    ends = end_tokens(chat)
    rows = [Row(number, prompt, chat, decoding, ends) for number, prompt in enumerate(prompts)]
    return Question(batch_of(chat.model), rows, should_stop)


def batch_of(model: PreTrainedModel) -> Batch:
    """The one batch of a resident model."""
    with _finding:
        return _batches.setdefault(model, Batch())


def end_tokens(chat: ChatModel) -> frozenset[int]:
    """Ids that end an answer: the tokenizer's own, and those of the model's generation settings."""
    listed = chat.model.generation_config.eos_token_id if chat.model.generation_config else None
    more = listed if isinstance(listed, list) else [listed]
    return frozenset(each for each in [chat.tokenizer.eos_token_id, *more] if each is not None)
