"""The batch decoder: prompts in, tokens out, each row with its own adapter. Knows no text, passage or arm."""

import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache, PreTrainedModel

from adapters.base import PlainLora
from adapters.options import knob
from playground.models import ChatModel
from playground.serving import FEW, adapted, few_rows

KEYS, VALUES = 0, 1  # places in what a cache yields for each layer
PIECE = 256  # prompt tokens read at once: between two pieces the decoder looks whether it shall stop

# Held for one forward pass, not for one answer: an answer that nobody reads to its end cannot keep it.
_one_pass_at_a_time = threading.Lock()


def never() -> bool:
    """The stop signal of an answer that nobody stops."""
    return False


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen; the same for all arms of a question."""

    max_new_tokens: int = knob(128, label="Answer length", help="Tokens in one answer, at most.", low=1, high=512)
    temperature: float = knob(
        0.0,
        label="Temperature",
        help="0 always takes the likeliest token; more lets less likely ones through.",
        low=0,
        high=2,
    )
    top_p: float = knob(
        0.9,
        label="Top p",
        help="Draws only from the likeliest tokens that together have this probability; unused at temperature 0.",
        low=0.01,
        high=1,
    )
    repetition_penalty: float = knob(
        1.1,
        label="Repetition penalty",
        help="Above 1, tokens that the answer already has become less likely; what the prompt has does not count.",
        low=1,
        high=2,
    )
    seed: int = knob(0, label="Seed", help="Same seed, same answer; unused at temperature 0.", low=0, high=2**31 - 1)


@dataclass(frozen=True)
class Prompt:
    """One row of the batch: token ids, and the adapter to read and continue them with."""

    ids: Sequence[int]
    adapter: PlainLora | None = None


@dataclass(frozen=True)
class Token:
    """The next token of one row; `row` counts as the prompts do, `last` says that the row has ended."""

    row: int
    id: int
    last: bool


def generate(
    chat: ChatModel, prompts: Sequence[Prompt], decoding: Decoding, should_stop: Callable[[], bool] = never
) -> Iterator[Token]:
    """Tokens of all rows as they are chosen; end tokens are yielded too. Ends early, silently, once `should_stop`.

    Prompts are read one by one, the shortest first, so none waits for padding; then all rows step together, and a
    row that ends leaves the batch. A row gets the tokens it would get alone, as far as float rounding allows.
    """
    ends = end_tokens(chat)
    rows = [_Row(number, prompt, decoding, ends) for number, prompt in enumerate(prompts)]
    begun: list[tuple[_Row, DynamicCache]] = []
    for row in sorted(rows, key=lambda each: len(each.prompt.ids)):
        cache = DynamicCache()
        logits = _read(chat.model, row.prompt, cache, should_stop)
        if logits is None:
            return
        yield row.take(logits)
        if not row.ended:
            begun.append((row, cache))
    batch = _Batch(chat.model, begun)
    while batch.rows and not should_stop():
        for row, logits in zip(batch.rows, batch.step(), strict=True):
            yield row.take(logits)
            if should_stop():
                return
        batch.drop_ended()


def end_tokens(chat: ChatModel) -> frozenset[int]:
    """Ids that end an answer: the tokenizer's own, and those of the model's generation settings."""
    listed = chat.model.generation_config.eos_token_id if chat.model.generation_config else None
    more = listed if isinstance(listed, list) else [listed]
    return frozenset(each for each in [chat.tokenizer.eos_token_id, *more] if each is not None)


def choose(logits: Tensor, said: Sequence[int], decoding: Decoding, generator: torch.Generator) -> int:
    """The next token from logits of shape (vocabulary,), given the tokens said so far.

    Repetition penalty: CTRL, arXiv 1909.05858, section 4.1. Nucleus sampling: arXiv 1904.09751, section 3.1.
    """
    scores = logits.clone()
    repeated = torch.tensor(sorted(set(said)), dtype=torch.long)
    old = scores[repeated]
    scores[repeated] = torch.where(old < 0, old * decoding.repetition_penalty, old / decoding.repetition_penalty)
    if decoding.temperature == 0:
        return int(scores.argmax())
    probabilities, order = (scores / decoding.temperature).softmax(-1).sort(descending=True)
    probabilities[probabilities.cumsum(-1) - probabilities >= decoding.top_p] = 0
    return int(order[torch.multinomial(probabilities, 1, generator=generator)])


class _Row:
    """One prompt and the tokens that have followed it."""

    def __init__(self, number: int, prompt: Prompt, decoding: Decoding, ends: frozenset[int]) -> None:
        self.number, self.prompt, self.said = number, prompt, list[int]()
        self._decoding, self._ends = decoding, ends
        self._generator = torch.Generator().manual_seed(decoding.seed)

    @property
    def ended(self) -> bool:
        return bool(self.said) and (self.said[-1] in self._ends or len(self.said) >= self._decoding.max_new_tokens)

    def take(self, logits: Tensor) -> Token:
        self.said.append(choose(logits, self.said, self._decoding, self._generator))
        return Token(self.number, self.said[-1], self.ended)


class _Batch:
    """Rows that step together over one key-value cache, padded on the left to the longest row."""

    def __init__(self, model: PreTrainedModel, begun: Sequence[tuple[_Row, DynamicCache]]) -> None:
        self.model = model
        self.rows = [row for row, _ in begun]
        caches = [cache for _, cache in begun]
        lengths = [each.get_seq_length() for each in caches]
        longest = max(lengths, default=0)
        self.mask = torch.tensor([[0] * (longest - each) + [1] * each for each in lengths], device=model.device)
        self.cache = DynamicCache(
            tuple(_left_padded([row[part] for row in layer], longest) for part in (KEYS, VALUES))
            for layer in zip(*caches, strict=True)
        )

    def step(self) -> Tensor:
        """Logits of every row's next token, (rows, vocabulary)."""
        ids = torch.tensor([row.said[-1:] for row in self.rows], device=self.model.device)
        self.mask = torch.cat([self.mask, torch.ones_like(ids)], dim=1)
        positions = self.mask.sum(dim=1, keepdim=True) - 1
        owners = [row.prompt.adapter for row in self.rows]
        return _forward(self.model, self.cache, owners, input_ids=ids, attention_mask=self.mask, position_ids=positions)

    def drop_ended(self) -> None:
        """Free the ended rows, and the columns on the left that only they had filled."""
        alive = [number for number, row in enumerate(self.rows) if not row.ended]
        if len(alive) == len(self.rows):
            return
        self.rows = [self.rows[number] for number in alive]
        self.mask = self.mask[alive]
        unused = int(self.mask.any(dim=0).int().argmax()) if alive else 0
        self.mask = self.mask[:, unused:]
        self.cache = DynamicCache(
            tuple(layer[part][alive, :, unused:] for part in (KEYS, VALUES)) for layer in self.cache
        )


def _read(
    model: PreTrainedModel, prompt: Prompt, cache: DynamicCache, should_stop: Callable[[], bool]
) -> Tensor | None:
    """Fill the cache with a prompt; the logits that follow it, (vocabulary,), or None when stopped before its end."""
    logits = None
    for start in range(0, len(prompt.ids), PIECE):
        if should_stop():
            return None
        ids = torch.tensor([prompt.ids[start : start + PIECE]], device=model.device)
        logits = _forward(model, cache, [prompt.adapter], input_ids=ids)[0]
    return logits


def _forward(
    model: PreTrainedModel, cache: DynamicCache, owners: Sequence[PlainLora | None], **inputs: Tensor
) -> Tensor:
    """Logits at each row's last position, (rows, vocabulary), float32 on the CPU; the cache grows in place."""
    # Newer versions of transformers call the argument `cache`, and warn about the old name.
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    few = few_rows(model) if inputs["input_ids"].numel() <= FEW else nullcontext()
    with _one_pass_at_a_time, torch.inference_mode(), adapted(model, owners), few:
        output = model(**inputs, **{name: cache}, use_cache=True, logits_to_keep=1)
        return output.logits[:, -1].float().cpu()


def _left_padded(rows: Sequence[Tensor], length: int) -> Tensor:
    """Tensors of (1, heads, tokens, size) as one of (rows, heads, length, size), zeros on the left."""
    return torch.cat([pad(each, (0, 0, length - each.shape[-2], 0)) for each in rows])
