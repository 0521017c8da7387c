"""One row of the batch: a prompt, what has been read of it, and the tokens that have followed it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from adapters.base import PlainLora
from playground.inference.forward import forward_of
from playground.inference.kv_cache import KVCache, PrefixCache
from playground.inference.prompt_lookup import PromptLookup
from playground.inference.ragged_batch import Segment
from playground.inference.sampling import Decoding, sample_token
from playground.models.chat_model import ChatModel


@dataclass(frozen=True)
class Prompt:
    """One row of the batch: token ids, and the adapter, or the model of its own, to read and continue them with.

    What was read is kept for prompts of the same `scope`, one person's; for none if it is empty.
    """

    ids: Sequence[int]
    adapter: PlainLora | None = None
    model: PreTrainedModel | None = None
    scope: str = ""


@dataclass(frozen=True)
class Token:
    """The next token of one row; `row` counts as the prompts do, `last` says that the row has ended."""

    row: int
    id: int
    last: bool


class SequenceState:
    """A prompt in the making of its answer; `unread` are the tokens that nobody has fetched yet."""

    def __init__(self, number: int, prompt: Prompt, chat: ChatModel, decoding: Decoding, ends: frozenset[int]) -> None:
        self.number, self.prompt, self.model = number, prompt, prompt.model or chat.model
        self.forward = forward_of(self.model, chat.bits)
        self.said: list[int] = []
        self.unread: deque[Token] = deque()
        self._decoding, self._ends = decoding, ends
        self._generator = torch.Generator().manual_seed(decoding.seed)
        self._memory: KVCache | None = None
        self._lookup: PromptLookup | None = None
        self._guessed: list[int] = []

    @property
    def capacity(self) -> int:
        """Tokens that it may come to."""
        return len(self.prompt.ids) + self._decoding.max_new_tokens

    @property
    def ended(self) -> bool:
        """Whether it has said its last token."""
        return bool(self.said) and (self.said[-1] in self._ends or len(self.said) >= self._decoding.max_new_tokens)

    def to_read(self, remembered: PrefixCache) -> int:
        """Tokens of the prompt that are still to be computed; what is remembered of it is not."""
        if self._memory is None or not self._memory.length:
            self._memory = remembered.find(self.prompt.scope, self._reader, self.prompt.ids, self.capacity)
        return max(0, len(self.prompt.ids) - self._memory.length)

    def segment(self, room: int, guesses: int) -> Segment:
        """What is to be computed next: at most `room` tokens of the prompt, or the last token and some guesses."""
        assert self._memory is not None
        if not self.said:
            start = self._memory.length
            return Segment(self.prompt.ids[start : start + room], self._memory, self.prompt.adapter)
        left = self._decoding.max_new_tokens - len(self.said) - 1
        self._guessed = self._looked_up(min(guesses, left)) if left and guesses else []
        ids = [self.said[-1], *self._guessed]
        return Segment(ids, self._memory, self.prompt.adapter, keep=len(ids))

    def take(self, segment: Segment, logits: Tensor) -> None:
        """Go on by the logits of a pass over its segment, (keep, vocabulary), as far as the guesses were right."""
        segment.memory.length += len(segment.ids)
        if segment.memory.length < len(self.prompt.ids):
            return
        for each, guess in zip(logits, [*self._guessed, None], strict=True):
            self._say(sample_token(each, self.said, self._decoding, self._generator))
            if self.ended or self.said[-1] != guess:
                break
        segment.memory.length = len(self.prompt.ids) + len(self.said) - 1

    def remember(self, remembered: PrefixCache) -> None:
        """Keep what has been computed so far for later prompts that begin alike."""
        if self._memory is not None:
            ids = [*self.prompt.ids, *self.said][: self._memory.length]
            remembered.store(self.prompt.scope, self._reader, ids, self._memory)

    @property
    def _reader(self) -> object:
        return self.prompt.adapter or self.model

    def _say(self, id_: int) -> None:
        self.said.append(id_)
        self.unread.append(Token(self.number, id_, self.ended))
        if self._lookup is not None:
            self._lookup.add(id_)

    def _looked_up(self, most: int) -> list[int]:
        if self._lookup is None:
            self._lookup = PromptLookup([*self.prompt.ids, *self.said])
        return self._lookup.draft(most)
