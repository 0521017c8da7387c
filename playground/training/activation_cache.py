"""What the frozen lower layers make of each example: computed once, kept in a file for later readings and methods."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from playground.data.packing import Pack, Row, pack
from playground.training import fused_llama

MOST_BYTES = 1_000_000_000  # on disk, for one visitor; pages of it that are in use lie in memory
MARKS = 64  # bytes in front of the vectors are rounded up to this


class LowerLayers:
    """Vectors that enter block `blocks` of a model, (tokens, size) an example; what is missing is computed when asked.

    The file is as good as the examples, the base's weights and the number of blocks that its name is made from.
    """

    def __init__(self, model: Any, blocks: int, examples: Sequence[Row], folder: Path, key: str) -> None:
        """Open, or make, the file for these examples; `key` tells bases apart. Others are deleted if room is short."""
        self._model, self.blocks = model, blocks
        ends = [0]
        for each in examples:
            ends.append(ends[-1] + len(each["input_ids"]))
        self._spans = dict(zip(map(_name, examples), zip(ends, ends[1:], strict=False), strict=False))
        self._numbers = {name: number for number, name in enumerate(self._spans)}
        size, dtype = model.config.hidden_size, model.dtype
        path = folder / f"{_digest([key, str(blocks), str(dtype), *self._spans])}.lower"
        marks = -(-len(self._spans) // MARKS) * MARKS
        raw = _mapped(path, marks + ends[-1] * size * dtype.itemsize)
        self._done = raw[: len(self._spans)]
        self._vectors = raw[marks:].view(dtype).view(ends[-1], size)

    def of(self, examples: Sequence[Row], packed: Pack) -> Tensor:
        """The vectors of a pack of these examples, (T, size), on the model's device."""
        names = [_name(each) for each in examples]
        for each, name in zip(examples, names, strict=True):
            if not self._done[self._numbers[name]]:
                self._compute(each, name)
        stretches = [self._vectors[self._spans[names[n]][0] :][first:last] for n, first, last in packed.taken]
        return torch.cat(stretches).to(self._model.device)

    @torch.no_grad()
    def _compute(self, example: Row, name: str) -> None:
        alone = pack([example])
        start, end = self._spans[name]
        self._vectors[start:end] = fused_llama.through(
            self._model, fused_llama.embed_tokens(self._model, alone), alone, 0, self.blocks
        )
        self._done[self._numbers[name]] = 1


def fits(model: Any, examples: Sequence[Row]) -> bool:
    """Whether the vectors of all examples stay within the bytes allowed."""
    tokens = sum(len(each["input_ids"]) for each in examples)
    return tokens * model.config.hidden_size * model.dtype.itemsize <= MOST_BYTES


def _mapped(path: Path, length: int) -> Tensor:
    """The file as bytes in memory, made of zeros where there is none; older files go where all would be too much."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.stat().st_size != length:
        _make_room(path, length)
        with path.open("wb") as file:
            file.truncate(length)
    os.utime(path)
    return torch.from_file(str(path), shared=True, size=length, dtype=torch.uint8)


def _make_room(path: Path, length: int) -> None:
    others = sorted(path.parent.glob("*.lower"), key=lambda each: each.stat().st_mtime)
    while others and length + sum(each.stat().st_size for each in others) > MOST_BYTES:
        others.pop(0).unlink()


def _name(example: Row) -> str:
    return hashlib.sha256(torch.tensor(example["input_ids"]).numpy().tobytes()).hexdigest()


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
