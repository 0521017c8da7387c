"""Sequence packing: several examples in one sequence, a shared beginning stored once, no example attending to another.

A model reads a pack like one long example; only attention has to know its segments.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.data.tokenize import NO_LOSS, Example

PACK_TOKENS = 384  # more makes matrix products no faster, and takes more memory
MIN_SHARED = 8  # tokens: below it, sharing costs more than it saves


@dataclass(frozen=True)
class Segments:
    """Which tokens of a pack (T tokens) attend to which: an example's own earlier tokens and the `shared` beginning.

    `gather` (S, longest) holds the positions of each segment's own tokens, padded with 0; `scatter` (T - shared)
    holds, for each of these tokens, its place in the flattened (S, longest). Both are None for a lone segment.
    """

    shared: int
    gather: Tensor | None
    scatter: Tensor | None

    def to(self, device: torch.device) -> "Segments":
        """The same on another device."""
        places = (None if each is None else each.to(device) for each in (self.gather, self.scatter))
        return Segments(self.shared, *places)


@dataclass(frozen=True)
class Pack:
    """One sequence of T tokens from some examples; N of its positions predict a token that carries loss.

    `ids`, `positions`: (T). `predicting`, `targets`: (N), the predicting positions and the tokens that follow them.
    `spans` lists, in the sequence's order, where each stretch comes from: (example, first token, last token + 1).
    """

    ids: Tensor
    positions: Tensor
    predicting: Tensor
    targets: Tensor
    segments: Segments
    spans: tuple[tuple[int, int, int], ...]


def pack_examples(examples: Sequence[Example], max_tokens: int = PACK_TOKENS) -> Iterator[tuple[list[Example], Pack]]:
    """Packs of about `max_tokens` tokens, each with its examples; a longer example or group has a pack of its own."""
    for group in join_groups([each for each in examples if each.group]):
        yield group, build_pack(group)
    for group in _group_by_prefix([each for each in examples if not each.group]):
        members: list[Example] = []
        for example in sorted(group, key=lambda each: len(each.input_ids)):  # equal lengths need little padding
            if members and pack_length([*members, example]) > max_tokens:
                yield members, build_pack(members)
                members = []
            members.append(example)
        yield members, build_pack(members)


def build_pack(examples: Sequence[Example]) -> Pack:
    """Some examples as one sequence."""
    shared = shared_length(examples)
    ids, positions = examples[0].input_ids[:shared], list(range(shared))
    predicting, targets, starts = [], [], []
    for example in examples:
        starts.append(len(ids))
        labels = example.labels
        for place in range(max(shared - 1, 0), len(labels) - 1):
            if labels[place + 1] != NO_LOSS:
                predicting.append(place if place < shared else starts[-1] + place - shared)
                targets.append(labels[place + 1])
        ids = ids + example.input_ids[shared:]
        positions = positions + list(range(shared, len(example.input_ids)))
    ends = [*starts[1:], len(ids)]
    own = [(number, shared, len(each.input_ids)) for number, each in enumerate(examples)]
    return Pack(
        torch.tensor(ids),
        torch.tensor(positions),
        torch.tensor(predicting, dtype=torch.long),
        torch.tensor(targets, dtype=torch.long),
        _build_segments(shared, list(zip(starts, ends, strict=True))),
        tuple(([(0, 0, shared)] if shared else []) + own),
    )


def join_groups(examples: Sequence[Example]) -> list[list[Example]]:
    """The examples in order, those of a group together."""
    units: list[list[Example]] = []
    for each in examples:
        if each.group and units and units[-1][0].group == each.group:
            units[-1].append(each)
        else:
            units.append([each])
    return units


def _group_by_prefix(examples: Sequence[Example]) -> list[list[Example]]:
    """Group examples by shared prefix; singletons form one group."""
    by_start: defaultdict[tuple[int, ...], list[Example]] = defaultdict(list)
    for each in examples:
        by_start[tuple(each.input_ids[: min(MIN_SHARED, _prompt_length(each))])].append(each)
    alike = [group for group in by_start.values() if len(group) > 1]
    others = [each for group in by_start.values() if len(group) == 1 for each in group]
    return [*alike, others] if others else alike


def pack_length(examples: Sequence[Example]) -> int:
    """Tokens of a pack of these examples."""
    return sum(len(each.input_ids) for each in examples) - (len(examples) - 1) * shared_length(examples)


def _prompt_length(example: Example) -> int:
    """Tokens before the first that carries loss."""
    return next((place for place, label in enumerate(example.labels) if place and label != NO_LOSS), 0)


def shared_length(examples: Sequence[Example]) -> int:
    """Tokens that all examples begin with, none with loss; at least one token of each is left over.

    0 for a lone example, or where fewer than MIN_SHARED are shared.
    """
    if len(examples) == 1:
        return 0
    most = min(min(len(each.input_ids) - 1, _prompt_length(each)) for each in examples)
    columns = zip(*(each.input_ids[:most] for each in examples), strict=True)
    shared = next((place for place, column in enumerate(columns) if len(set(column)) > 1), most)
    return shared if shared >= MIN_SHARED else 0


def _build_segments(shared: int, spans: Sequence[tuple[int, int]]) -> Segments:
    if len(spans) == 1:
        return Segments(0, None, None)
    longest = max(end - start for start, end in spans)
    gather = torch.zeros(len(spans), longest, dtype=torch.long)
    scatter = torch.empty(spans[-1][1] - shared, dtype=torch.long)
    for number, (start, end) in enumerate(spans):
        gather[number, : end - start] = torch.arange(start, end)
        scatter[start - shared : end - shared] = number * longest + torch.arange(end - start)
    return Segments(shared, gather, scatter)
