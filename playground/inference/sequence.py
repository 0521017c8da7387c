"""One row of the batch: a prompt, how much of it has been read, and the tokens generated after it."""

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

    What was read is cached for prompts of the same `scope`, a visitor's name; not at all if it is empty.
    """

    ids: Sequence[int]
    adapter: PlainLora | None = None
    model: PreTrainedModel | None = None
    scope: str = ""


@dataclass(frozen=True)
class Token:
    """The next token of one row; `row` is the prompt's place in the request, `last` says that the row has ended."""

    row: int
    id: int
    last: bool


class SequenceState:
    """A row while its answer grows; `unread` are the tokens that nobody has fetched yet."""

    def __init__(self, number: int, prompt: Prompt, chat: ChatModel, decoding: Decoding, ends: frozenset[int]) -> None:
        self.number, self.prompt, self.model = number, prompt, prompt.model or chat.model
        self.forward = forward_of(self.model, chat.bits)
        self.generated: list[int] = []
        self.unread: deque[Token] = deque()
        self._decoding, self._ends = decoding, ends
        self._generator = torch.Generator().manual_seed(decoding.seed)
        self._cache: KVCache | None = None
        self._lookup: PromptLookup | None = None
        self._draft: list[int] = []

    @property
    def capacity(self) -> int:
        """The most tokens that prompt and answer can have together."""
        return len(self.prompt.ids) + self._decoding.max_new_tokens

    @property
    def is_finished(self) -> bool:
        """Whether its last token has been generated."""
        if not self.generated:
            return False
        return self.generated[-1] in self._ends or len(self.generated) >= self._decoding.max_new_tokens

    def tokens_to_prefill(self, prefixes: PrefixCache) -> int:
        """Tokens of the prompt that are still to be computed; a known prefix is not."""
        if self._cache is None or not self._cache.length:
            self._cache = prefixes.find(self.prompt.scope, self._reader, self.prompt.ids, self.capacity)
        return max(0, len(self.prompt.ids) - self._cache.length)

    def next_segment(self, room: int, draft: int) -> Segment:
        """What to compute next: at most `room` tokens of the prompt, or the last token and at most `draft` more.

        Raises:
            RuntimeError: `tokens_to_prefill` was not called before.
        """
        if self._cache is None:
            raise RuntimeError("A row takes part in a pass before its prefix was looked up.")
        if not self.generated:
            start = self._cache.length
            return Segment(self.prompt.ids[start : start + room], self._cache, self.prompt.adapter)
        left = self._decoding.max_new_tokens - len(self.generated) - 1
        self._draft = self._draft_tokens(min(draft, left)) if left and draft else []
        ids = [self.generated[-1], *self._draft]
        return Segment(ids, self._cache, self.prompt.adapter, keep=len(ids))

    def accept(self, segment: Segment, logits: Tensor) -> None:
        """Go on by the logits of a pass over its segment, (keep, vocabulary), as far as the draft was right."""
        segment.cache.length += len(segment.ids)
        if segment.cache.length < len(self.prompt.ids):
            return
        for each, guess in zip(logits, [*self._draft, None], strict=True):
            self._append(sample_token(each, self.generated, self._decoding, self._generator))
            if self.is_finished or self.generated[-1] != guess:
                break
        segment.cache.length = len(self.prompt.ids) + len(self.generated) - 1

    def cache_prefix(self, prefixes: PrefixCache) -> None:
        """Store what has been computed so far for later prompts with the same prefix."""
        if self._cache is not None:
            ids = [*self.prompt.ids, *self.generated][: self._cache.length]
            prefixes.store(self.prompt.scope, self._reader, ids, self._cache)

    @property
    def _reader(self) -> object:
        return self.prompt.adapter or self.model

    def _append(self, id_: int) -> None:
        self.generated.append(id_)
        self.unread.append(Token(self.number, id_, self.is_finished))
        if self._lookup is not None:
            self._lookup.add(id_)

    def _draft_tokens(self, limit: int) -> list[int]:
        if self._lookup is None:
            self._lookup = PromptLookup([*self.prompt.ids, *self.generated])
        return self._lookup.draft(limit)
