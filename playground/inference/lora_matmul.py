"""What an adapter adds to linear layers that read the same input, prepared once: few products instead of many."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.base import PlainLora

MAX_JOINT_RANK = (
    96  # sum of ranks up to which the layers' adapters are joined: beyond, the zeros cost more than it saves
)

OutputColumns = tuple[str, int, int]  # a layer's name, and the first and the end column of its part of the joint output


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
    """The slices that adapters change of these layers' joint output; an entry lives as long as its adapter."""

    def __init__(self, columns: Sequence[OutputColumns]) -> None:
        self._columns = columns
        self._known: dict[int, tuple[weakref.ref[PlainLora], list[LoraSlice]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def slices(self, adapter: PlainLora) -> list[LoraSlice]:
        """The slices that one adapter changes here."""
        key = id(adapter)
        if key not in self._known:
            reference = weakref.ref(adapter, lambda _: self._known.pop(key, None))
            self._known[key] = (reference, _slices_of(adapter, self._columns))
        return self._known[key][1]


def _slices_of(adapter: PlainLora, columns: Sequence[OutputColumns]) -> list[LoraSlice]:
    own = [
        LoraSlice(left, right, A.T, B.T, adapter.scales.get(name))
        for name, left, right in columns
        if name in adapter.layers
        for A, B in [adapter.layers[name]]
    ]
    joint_rank = sum(each.A.shape[1] for each in own)
    return [_join(own, columns[-1][2])] if len(own) > 1 and joint_rank <= MAX_JOINT_RANK else own


def _join(slices: Sequence[LoraSlice], columns: int) -> LoraSlice:
    """The same as one slice: the B of each in its own rows and columns, zeros elsewhere."""
    A = torch.cat([each.A for each in slices], dim=1)
    B, scale = A.new_zeros(A.shape[1], columns), A.new_ones(columns)
    row = 0
    for each in slices:
        B[row : row + len(each.B), each.left : each.right] = each.B
        row += len(each.B)
        if each.scale is not None:
            scale[each.left : each.right] = each.scale
    return LoraSlice(0, columns, A, B, None if all(each.scale is None for each in slices) else scale)
