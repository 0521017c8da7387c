"""One pass over rows of different lengths: laid end to end, no padding, each with its own memory and adapter."""

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

AdapterSpan = tuple[PlainLora, int, int]  # an adapter and the tokens it is for, from and to


@dataclass(frozen=True)
class Segment:
    """The next tokens of one row; the logits of its last `keep` tokens are wanted."""

    ids: Sequence[int]
    memory: KVCache
    adapter: PlainLora | None = None
    keep: int = 1


class RaggedBatch:
    """Segments laid end to end, those of one adapter side by side, and what all layers need to know of them."""

    def __init__(self, segments: Sequence[Segment], device: torch.device, dtype: torch.dtype) -> None:
        self.segments = segments
        lengths, kept = [len(each.ids) for each in segments], [each.keep for each in segments]
        self.places = _places(lengths)
        self.spans, self.wanted_spans = self._spans(lengths), self._spans(kept)
        self.ids = torch.tensor([id_ for each in segments for id_ in each.ids], device=device)
        before = [each.memory.length for each in segments]
        self.positions = _joined((at, at + new) for at, new in zip(before, lengths, strict=True)).to(device)
        self.wanted = _joined((end - keep, end) for (_, end), keep in zip(self.places, kept, strict=True)).to(device)
        self._masks = [_mask(new, at, dtype).to(device) for new, at in zip(lengths, before, strict=True)]

    @property
    def owners(self) -> list[PlainLora | None]:
        """Each token's adapter."""
        return [each.adapter for each in self.segments for _ in each.ids]

    def attend(self, layer: int, query: Tensor, new: Tensor, scale: float | None = None, window: int = 0) -> Tensor:
        """Each token's attention to its own row, (tokens, heads, size); the rows' memories are written to.

        `query` is (tokens, heads, size), `new` keys and then values, (tokens, 2 · key-value heads, size). With a
        `window`, a token sees itself and the window - 1 before it.
        """
        out = []
        for segment, mask, (start, end) in zip(self.segments, self._masks, self.places, strict=True):
            keys, values = segment.memory.write(layer, new[start:end].transpose(0, 1))
            if window and keys.shape[1] > window:
                mask = mask + torch.full_like(mask, -torch.inf).tril(keys.shape[1] - len(mask) - window)
            masked = mask if len(mask) > 1 or window else None
            out.append(_attention(query[start:end], keys, values, masked, scale))
        return torch.cat(out)

    def _spans(self, lengths: Sequence[int]) -> list[AdapterSpan]:
        """The adapters in use, each with its stretch of the segments, of which these lengths are told."""
        found: dict[int, AdapterSpan] = {}
        for each, (start, end) in zip(self.segments, _places(lengths), strict=True):
            if each.adapter is not None:
                begun = found.get(id(each.adapter), (each.adapter, start, end))[1]
                found[id(each.adapter)] = (each.adapter, begun, end)
        return list(found.values())


class Forward(ABC):
    """How a model computes a pass. A pass fills the segments' memories without lengthening them."""

    bytes_per_token = 0  # of keys and values, known once the pass has been checked

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = weakref.ref(model)  # what is known of a model shall not keep it in memory

    @property
    def model(self) -> PreTrainedModel:
        """The model, which whoever asks for a pass keeps alive."""
        model = self._model()
        assert model is not None
        return model

    @property
    def weight_dtype(self) -> str:
        """The number type of the weights that it multiplies by."""
        return str(self.model.dtype).removeprefix("torch.")

    def rounded_weights(self) -> Mapping[str, Tensor]:
        """The weights that it multiplies by, by their names, where they are not the model's own."""
        return {}

    def __call__(self, segments: Sequence[Segment]) -> list[Tensor]:
        """Each segment's logits, (keep, vocabulary), float32 on the CPU."""
        order = sorted(range(len(segments)), key=lambda each: id(segments[each].adapter))
        packed = RaggedBatch([segments[each] for each in order], self.model.device, self.model.dtype)
        with torch.inference_mode():
            pieces = self.logits(packed).float().cpu().split([segments[each].keep for each in order])
        found = dict(zip(order, pieces, strict=True))
        return [found[each] for each in range(len(segments))]

    @abstractmethod
    def logits(self, packed: RaggedBatch) -> Tensor:
        """Logits of the wanted tokens, (wanted, vocabulary)."""


def _places(lengths: Sequence[int]) -> list[tuple[int, int]]:
    """From and to of each of some stretches laid end to end."""
    ends = list(accumulate(lengths))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _joined(ranges: Iterable[tuple[int, int]]) -> Tensor:
    return torch.cat([torch.arange(start, end) for start, end in ranges])


def _mask(new: int, before: int, dtype: torch.dtype) -> Tensor:
    """What n new tokens behind others see, to be added to their scores: (n, before + n), 0 or minus infinity."""
    return torch.full((new, before + new), -torch.inf, dtype=dtype).triu(before + 1)


def _attention(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float | None) -> Tensor:
    """(tokens, heads, size), from a query of that shape and keys and values of (key-value heads, all tokens, size)."""
    tokens, heads, size = query.shape
    if mask is None:  # a lone token sees everything: the heads that share their keys take the place of tokens
        shared = query.view(1, len(keys), heads // len(keys), size)
        return scaled_dot_product_attention(shared, keys[None], values[None], scale=scale).view(1, heads, -1)
    query = query.transpose(0, 1)[None]
    found = scaled_dot_product_attention(query, keys[None], values[None], mask, scale=scale, enable_gqa=True)
    return found[0].transpose(0, 1)
