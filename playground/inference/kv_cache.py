"""Keys and values of what a row of the batch has read, and a prefix cache of those of earlier prompts."""

import math
import mmap
import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import torch
from torch import Tensor

PRIVATE = 0 if sys.platform == "win32" else mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
MIN_SHARED_TOKENS = 8  # with fewer in common, keys are computed rather than copied


class KVCache:
    """Keys and values of one row for its first `length` tokens; a layer's lie in one tensor that never moves.

    A layer's tensor is (2 · key-value heads, capacity, head size), keys first. It is made at the first write; a layer
    without attention has none.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self._layers: dict[int, Tensor] = {}

    def write(self, layer: int, new: Tensor) -> tuple[Tensor, Tensor]:
        """Put keys and values of n tokens, (2 · heads, n, size), behind `length`; returns all keys, and all values.

        They count only once `length` includes them.
        """
        if layer not in self._layers:
            self._layers[layer] = _empty(new, self.capacity)
        end = self.length + new.shape[1]
        mine = self._layers[layer]
        mine[:, self.length : end] = new
        heads = len(mine) // 2
        return mine[:heads, :end], mine[heads:, :end]

    def copy(self, length: int, capacity: int) -> "KVCache":
        """A copy of its first `length` tokens, with room for `capacity`."""
        other = KVCache(capacity)
        other.length = length
        for layer, mine in self._layers.items():
            room = _empty(mine, capacity)
            room[:, :length] = mine[:, :length]
            other._layers[layer] = room
        return other

    @property
    def nbytes(self) -> int:
        """Bytes of all layers."""
        return sum(each.nbytes for each in self._layers.values())


@dataclass(frozen=True)
class _CachedPrefix:
    """Keys and values of exactly these tokens, as this reader computed them for this scope."""

    scope: str
    reader: "weakref.ref[object]"
    ids: tuple[int, ...]
    cache: KVCache

    def is_of(self, scope: str, reader: object) -> bool:
        return self.scope == scope and self.reader() is reader


@dataclass
class PrefixCache:
    """Copies of rows' keys and values, within a budget of bytes; the least recently used leave first.

    An entry is found by exact token ids, by its scope (the visitor it was computed for), and by the reader: the adapter
    or model object that computed it, not its name. So nothing that was computed otherwise can take its place.
    """

    budget: int
    _entries: list[_CachedPrefix] = field(default_factory=list)

    def find(self, scope: str, reader: object, ids: Sequence[int], capacity: int) -> KVCache:
        """A copy of the longest known prefix of these ids, never of all of them; empty where none is known."""
        best, common = None, MIN_SHARED_TOKENS - 1
        for each in self._entries:
            if each.is_of(scope, reader) and (shared := _shared_length(each.ids, ids[:-1])) > common:
                best, common = each, shared
        if best is None:
            return KVCache(capacity)
        self._entries.append(self._entries.pop(self._entries.index(best)))
        return best.cache.copy(common, capacity)

    def store(self, scope: str, reader: object, ids: Sequence[int], cache: KVCache) -> None:
        """Store a copy of a cache that holds these ids; it replaces the entries of their prefixes.

        Without a scope, or for very few ids, nothing is stored.
        """
        if not scope or len(ids) < MIN_SHARED_TOKENS:
            return
        self._entries = [
            each
            for each in self._entries
            if each.reader() is not None and not (each.is_of(scope, reader) and tuple(ids[: len(each.ids)]) == each.ids)
        ]
        copy = cache.copy(len(ids), len(ids))
        self._entries.append(_CachedPrefix(scope, weakref.ref(reader), tuple(ids), copy))
        self.keep_within(self.budget)

    def keep_within(self, budget: int) -> None:
        """Keep to this budget from now on."""
        self.budget, held = budget, self.nbytes
        while held > budget:
            held -= self._entries.pop(0).cache.nbytes

    def forget(self, scope: str) -> None:
        """Drop all that was stored for one scope."""
        self._entries = [each for each in self._entries if each.scope != scope]

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return sum(each.cache.nbytes for each in self._entries)


def _empty(like: Tensor, capacity: int) -> Tensor:
    """A layer's room for `capacity` tokens, (2 · heads, capacity, size).

    On a CPU in pages of its own, which go back to the system with it: in the heap, rows of many lengths leave gaps.
    """
    shape = (like.shape[0], capacity, like.shape[2])
    if like.device.type != "cpu":
        return like.new_empty(shape)
    length = math.prod(shape) * like.element_size()
    pages = mmap.mmap(-1, length) if sys.platform == "win32" else mmap.mmap(-1, length, flags=PRIVATE)
    return torch.frombuffer(pages, dtype=like.dtype).view(shape)


def _shared_length(known: Sequence[int], ids: Sequence[int]) -> int:
    """How many tokens both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(known, ids, strict=False)))
