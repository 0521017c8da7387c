"""One forward pass over rows of different lengths: laid end to end, unpadded, each with its KV cache and adapter.

"Ragged" as in ragged tensors: a batch whose rows differ in length.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import PreTrainedModel

from adapters.base import PlainLora
from playground.inference.kv_cache import KVCache

AdapterSpan = tuple[PlainLora, int, int]  # an adapter, and the first and the end position of its tokens


@dataclass(frozen=True)
class Segment:
    """The next tokens of one row; the logits of its last `keep` tokens are wanted."""

    ids: Sequence[int]
    cache: KVCache
    adapter: PlainLora | None = None
    keep: int = 1


class RaggedBatch:
    """Segments laid end to end, those of one adapter side by side, and what all layers need to know of them."""

    def __init__(self, segments: Sequence[Segment], device: torch.device, dtype: torch.dtype) -> None:
        self.segments = segments
        lengths, kept = [len(each.ids) for each in segments], [each.keep for each in segments]
        self._bounds = _bounds(lengths)
        self.spans, self.output_spans = self._adapter_spans(lengths), self._adapter_spans(kept)
        self.ids = torch.tensor([id_ for each in segments for id_ in each.ids], device=device)
        before = [each.cache.length for each in segments]
        self.positions = _join_ranges((at, at + new) for at, new in zip(before, lengths, strict=True)).to(device)
        outputs = ((end - keep, end) for (_, end), keep in zip(self._bounds, kept, strict=True))
        self.output_positions = _join_ranges(outputs).to(device)
        self._masks = [_causal_mask(new, at, dtype).to(device) for new, at in zip(lengths, before, strict=True)]

    @property
    def token_adapters(self) -> list[PlainLora | None]:
        """Each token's adapter."""
        return [each.adapter for each in self.segments for _ in each.ids]

    def attend(self, layer: int, query: Tensor, new: Tensor, scale: float | None = None, window: int = 0) -> Tensor:
        """Each token's attention to its own row, (tokens, heads, head size); writes to the rows' KV caches.

        `query` is (tokens, heads, head size); `new` holds keys and then values, (tokens, 2 · key-value heads, head
        size). With a `window`, a token sees itself and the window - 1 tokens before it.
        """
        out = []
        for segment, mask, (start, end) in zip(self.segments, self._masks, self._bounds, strict=True):
            keys, values = segment.cache.write(layer, new[start:end].transpose(0, 1))
            unseen = max(0, keys.shape[1] - window) if window else 0  # by the last token
            if end - start == 1:
                out.append(_attention(query[start:end], keys[:, unseen:], values[:, unseen:], None, scale))
                continue
            if unseen:
                mask = mask + torch.full_like(mask, -torch.inf).tril(unseen - len(mask))
            out.append(_attention(query[start:end], keys, values, mask, scale))
        return torch.cat(out)

    def _adapter_spans(self, lengths: Sequence[int]) -> list[AdapterSpan]:
        """Each adapter's stretch of the batch, where the segments have these lengths."""
        spans: dict[int, AdapterSpan] = {}
        for each, (start, end) in zip(self.segments, _bounds(lengths), strict=True):
            if each.adapter is not None:
                first = spans.get(id(each.adapter), (each.adapter, start, end))[1]
                spans[id(each.adapter)] = (each.adapter, first, end)
        return list(spans.values())


class Forward(ABC):
    """How a model computes a pass. A pass fills the segments' KV caches without lengthening them."""

    bytes_per_token = 0  # of keys and values, known once the pass has been checked

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = weakref.ref(model)  # the passes are stored by model and must not keep it in memory

    @property
    def model(self) -> PreTrainedModel:
        """The model, which whoever asks for a pass keeps alive.

        Raises:
            ReferenceError: nobody did.
        """
        model = self._model()
        if model is None:
            raise ReferenceError("The model of this pass is no longer in memory.")
        return model

    @property
    def weight_dtype(self) -> str:
        """The number type of the weights that it multiplies by, such as "float32"."""
        return str(self.model.dtype).removeprefix("torch.")

    def rounded_weights(self) -> Mapping[str, Tensor]:
        """The weights that it multiplies by, by parameter name, where they are not the model's own."""
        return {}

    def __call__(self, segments: Sequence[Segment]) -> list[Tensor]:
        """Each segment's logits, (keep, vocabulary), float32 on the CPU."""
        order = sorted(range(len(segments)), key=lambda each: id(segments[each].adapter))
        batch = RaggedBatch([segments[each] for each in order], self.model.device, self.model.dtype)
        with torch.inference_mode():
            pieces = self.logits(batch).float().cpu().split([segments[each].keep for each in order])
        by_place = dict(zip(order, pieces, strict=True))
        return [by_place[each] for each in range(len(segments))]

    @abstractmethod
    def logits(self, batch: RaggedBatch) -> Tensor:
        """Logits at the output positions, (outputs, vocabulary)."""


def _bounds(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end of each of some stretches laid end to end."""
    ends = list(accumulate(lengths))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _join_ranges(ranges: Iterable[tuple[int, int]]) -> Tensor:
    return torch.cat([torch.arange(start, end) for start, end in ranges])


def _causal_mask(new: int, before: int, dtype: torch.dtype) -> Tensor:
    """What n new tokens behind others see, to be added to their scores: (n, before + n), 0 or minus infinity."""
    return torch.full((new, before + new), -torch.inf, dtype=dtype).triu(before + 1)


def _attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float | None) -> Tensor:
    """(tokens, heads, size), from a query of that shape and keys and values of (key-value heads, all tokens, size)."""
    tokens, heads, size = query.shape
    if mask is None:  # a lone token sees everything: the heads that share their keys take the place of tokens
        shared = query.view(1, len(keys), heads // len(keys), size)
        return scaled_dot_product_attention(shared, keys[None], values[None], scale=scale).view(1, heads, -1)
    query = query.transpose(0, 1)[None]
    out = scaled_dot_product_attention(query, keys[None], values[None], mask, scale=scale, enable_gqa=True)
    return out[0].transpose(0, 1)
