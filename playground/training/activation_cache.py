"""Cache of the frozen lower layers' output: computed once per example, kept in a file for later epochs and methods."""

import hashlib
import os
import sys
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from playground.data.packing import Pack, build_pack
from playground.data.tokenize import Example, count_tokens
from playground.training import fused_decoder

MAX_BYTES = 1_000_000_000  # on disk, for one visitor; the pages in use are in memory too
ALIGNMENT = 64  # bytes: the flags in front of the vectors are padded to a multiple of this


class ActivationCache:
    """The hidden states that enter block `blocks` of a model, (tokens, size) per example, computed on first use.

    The file's name is a hash of the examples, the base's weights and the number of blocks, so it is never stale.
    """

    def __init__(self, model: Any, blocks: int, examples: Sequence[Example], folder: Path, key: str) -> None:
        """Open or create the file for these examples; `key` identifies the base's weights.

        Files of other examples are deleted, the oldest first, where all together would pass MAX_BYTES.

        Raises:
            OSError: the disk has no room.
        """
        self._model, self.blocks = model, blocks
        lengths = {_example_hash(each): len(each.input_ids) for each in examples}
        ends = [0, *accumulate(lengths.values())]
        self._spans = dict(zip(lengths, zip(ends, ends[1:], strict=False), strict=True))
        self._numbers = {name: number for number, name in enumerate(self._spans)}
        size, dtype = model.config.hidden_size, model.dtype
        path = folder / f"{_digest([key, str(blocks), str(dtype), *self._spans])}.lower"
        flags = -(-len(self._spans) // ALIGNMENT) * ALIGNMENT
        mapped = _map_file(path, flags + ends[-1] * size * dtype.itemsize)
        self._computed = mapped[: len(self._spans)]
        self._vectors = mapped[flags:].view(dtype).view(ends[-1], size)

    def fetch(self, examples: Sequence[Example], pack: Pack) -> Tensor:
        """The hidden states of a pack of these examples, (T, size), on the model's device."""
        names = [_example_hash(each) for each in examples]
        for each, name in zip(examples, names, strict=True):
            if not self._computed[self._numbers[name]]:
                self._compute(each, name)
        stretches = [self._vectors[self._spans[names[n]][0] :][first:last] for n, first, last in pack.spans]
        return torch.cat(stretches).to(self._model.device)

    @torch.no_grad()
    def _compute(self, example: Example, name: str) -> None:
        alone = build_pack([example])
        start, end = self._spans[name]
        embedded = fused_decoder.embed_tokens(self._model, alone)
        self._vectors[start:end] = fused_decoder.run_blocks(self._model, embedded, alone, 0, self.blocks)
        self._computed[self._numbers[name]] = 1


def fits_in_cache(model: Any, examples: Sequence[Example]) -> bool:
    """Whether the hidden states of all examples stay within MAX_BYTES."""
    return count_tokens(examples) * model.config.hidden_size * model.dtype.itemsize <= MAX_BYTES


def _map_file(path: Path, length: int) -> Tensor:
    """The file as a memory-mapped byte tensor; a missing file, or one of another length, is created full of zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.stat().st_size != length:
        _make_room(path, length)
        try:
            with path.open("wb") as file:
                file.truncate(length)
                if sys.platform == "linux":  # a page that finds no room later would end the process without a word
                    os.posix_fallocate(file.fileno(), 0, length)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    os.utime(path)
    return torch.from_file(str(path), shared=True, size=length, dtype=torch.uint8)


def _make_room(path: Path, length: int) -> None:
    others = sorted(path.parent.glob("*.lower"), key=lambda each: each.stat().st_mtime)
    while others and length + sum(each.stat().st_size for each in others) > MAX_BYTES:
        others.pop(0).unlink()


def _example_hash(example: Example) -> str:
    return hashlib.sha256(torch.tensor(example.input_ids).numpy().tobytes()).hexdigest()


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
