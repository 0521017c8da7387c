"""What a row of the batch has read: its keys and values, and those of earlier prompts, kept to be read no more."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from torch import Tensor

MIN_SHARED_TOKENS = 8  # tokens in common below which keys are computed rather than copied


class KVCache:
    """Keys and values of one row for its first `length` tokens; a layer's lie in one tensor that never moves.

    A layer's tensor is (2 · key-value heads, capacity, head size), keys first, and is made when first written to.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self._layers: list[Tensor] = []

    def write(self, layer: int, new: Tensor) -> tuple[Tensor, Tensor]:
        """Put keys and values of n tokens, (2 · heads, n, size), behind `length`; returns all keys, and all values.

        They count only once `length` says so.
        """
        if layer == len(self._layers):
            self._layers.append(new.new_empty(new.shape[0], self.capacity, new.shape[2]))
        end = self.length + new.shape[1]
        mine = self._layers[layer]
        mine[:, self.length : end] = new
        heads = len(mine) // 2
        return mine[:heads, :end], mine[heads:, :end]

    def copy(self, length: int, capacity: int) -> "KVCache":
        """The first `length` tokens of it, with room for more."""
        other = KVCache(capacity)
        other.length = length
        for mine in self._layers:
            room = mine.new_empty(mine.shape[0], capacity, mine.shape[2])
            room[:, :length] = mine[:, :length]
            other._layers.append(room)
        return other

    @property
    def nbytes(self) -> int:
        """Bytes of all layers."""
        return sum(each.nbytes for each in self._layers)


@dataclass(frozen=True)
class _CachedPrefix:
    """A memory of exactly these tokens, as this reader computed it for this person."""

    scope: str
    reader: "weakref.ref[object]"
    ids: tuple[int, ...]
    memory: KVCache

    def is_of(self, scope: str, reader: object) -> bool:
        return self.scope == scope and self.reader() is reader


@dataclass
class PrefixCache:
    """Copies of rows' memories, within a budget of bytes; those not used for longest leave first.

    A memory is found by exact token ids, the person it was made for, and the adapter or model that made it: that object
    itself, not its name, so nothing computed otherwise can ever take its place.
    """

    budget: int
    _kept: list[_CachedPrefix] = field(default_factory=list)

    def find(self, scope: str, reader: object, ids: Sequence[int], capacity: int) -> KVCache:
        """A memory of the longest known beginning of these ids, never of all of them; empty where none is known."""
        best, common = None, MIN_SHARED_TOKENS - 1
        for each in self._kept:
            if each.is_of(scope, reader) and (shared := _shared(each.ids, ids[:-1])) > common:
                best, common = each, shared
        if best is None:
            return KVCache(capacity)
        self._kept.append(self._kept.pop(self._kept.index(best)))
        return best.memory.copy(common, capacity)

    def store(self, scope: str, reader: object, ids: Sequence[int], memory: KVCache) -> None:
        """Remember a memory, which holds these ids, in place of what is known of their beginnings."""
        if not scope or len(ids) < MIN_SHARED_TOKENS:
            return
        self._kept = [
            each
            for each in self._kept
            if each.reader() is not None and not (each.is_of(scope, reader) and tuple(ids[: len(each.ids)]) == each.ids)
        ]
        copy = memory.copy(len(ids), len(ids))
        self._kept.append(_CachedPrefix(scope, weakref.ref(reader), tuple(ids), copy))
        while self.nbytes > self.budget:
            del self._kept[0]

    def forget(self, scope: str) -> None:
        """Drop all that was kept for one person."""
        self._kept = [each for each in self._kept if each.scope != scope]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(each.memory.nbytes for each in self._kept)


def _shared(known: Sequence[int], ids: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(known, ids, strict=False)))
