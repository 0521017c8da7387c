"""What an adapter adds to linear layers that read the same input, made ready once: few products instead of many."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.base import PlainLora

MAX_JOINT_RANK = (
    96  # sum of ranks up to which the layers' adapters are one: of wide ones the zeros between would cost more
)

OutputColumns = tuple[
    str, int, int
]  # a layer's name, and the columns of the joint output, from and to, that are its own


@dataclass(frozen=True)
class LoraSlice:
    """(y + x·A·B) · scale for the columns `left` to `right` of an output y; A is (in, rank), B is (rank, columns)."""

    left: int
    right: int
    A: Tensor
    B: Tensor
    scale: Tensor | None

    def apply(self, out: Tensor, x: Tensor) -> None:
        """Change the rows of an output, (rows, columns), that come from these rows of x, (rows, in), in place."""
        mine = out if out.shape[1] == self.right - self.left else out[:, self.left : self.right]
        mine.addmm_(x @ self.A, self.B)
        if self.scale is not None:
            mine.mul_(self.scale)


class LoraSliceCache:
    """The changes of all adapters met so far to the layers at these places, each for as long as the adapter lives."""

    def __init__(self, places: Sequence[OutputColumns]) -> None:
        self._places = places
        self._known: dict[int, tuple[weakref.ref[PlainLora], list[LoraSlice]]] = {}

    def slices(self, adapter: PlainLora) -> list[LoraSlice]:
        """The changes that one adapter makes here."""
        key = id(adapter)
        if key not in self._known:
            gone = weakref.ref(adapter, lambda _: self._known.pop(key, None))
            self._known[key] = (gone, _changes(adapter, self._places))
        return self._known[key][1]


def _changes(adapter: PlainLora, places: Sequence[OutputColumns]) -> list[LoraSlice]:
    own = [
        LoraSlice(left, right, A.T, B.T, adapter.scales.get(name))
        for name, left, right in places
        if name in adapter.layers
        for A, B in [adapter.layers[name]]
    ]
    narrow = sum(each.A.shape[1] for each in own) <= MAX_JOINT_RANK
    return [_joined(own, places[-1][2])] if len(own) > 1 and narrow else own


def _joined(changes: Sequence[LoraSlice], columns: int) -> LoraSlice:
    """The same as one: the B of each in its own rows and columns, zeros elsewhere."""
    A = torch.cat([each.A for each in changes], dim=1)
    B, scale = A.new_zeros(A.shape[1], columns), A.new_ones(columns)
    row = 0
    for each in changes:
        B[row : row + len(each.B), each.left : each.right] = each.B
        row += len(each.B)
        if each.scale is not None:
            scale[each.left : each.right] = each.scale
    return LoraSlice(0, columns, A, B, None if all(each.scale is None for each in changes) else scale)
