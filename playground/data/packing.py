"""Examples side by side in one sequence: what they share at their start is read once, and none sees another.

A model reads a pack like one long example; only attention has to know its segments.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.data.dataset import NO_LOSS

PACK_TOKENS = 384  # more makes products no faster, and takes more memory
MIN_SHARED = 8  # tokens: below it, sharing costs more than it saves

Row = Mapping[str, list[int]]


@dataclass(frozen=True)
class Segments:
    """Who sees whom in a pack of T tokens: its first `shared` tokens and, for each token, the earlier ones of its own.

    `rows` (S, longest) holds the places of each segment's tokens, the shared ones in front, filled up with 0;
    `back` (T) tells where in the flattened rows each token's result stands. Both are None for a lone segment.
    """

    rows: Tensor | None
    back: Tensor | None

    def to(self, device: torch.device) -> "Segments":
        """The same on another device."""
        return Segments(*(None if each is None else each.to(device) for each in (self.rows, self.back)))


@dataclass(frozen=True)
class Pack:
    """One sequence of T tokens from some examples, with N places that predict a token with loss.

    `ids`, `positions`: (T); `read`, `targets`: (N), places in the sequence and the tokens that follow them; `taken`
    lists where each stretch comes from: (example, first token, last token + 1), in the order of the sequence.
    """

    ids: Tensor
    positions: Tensor
    read: Tensor
    targets: Tensor
    segments: Segments
    taken: tuple[tuple[int, int, int], ...]


def packs(examples: Sequence[Row], most: int = PACK_TOKENS) -> Iterator[tuple[list[Row], Pack]]:
    """The examples of a step, in packs of about `most` tokens with their members; a longer one has its own pack."""
    for kin in _kin(examples):
        held: list[Row] = []
        for example in sorted(kin, key=lambda each: len(each["input_ids"])):  # little filling in a pack's rows
            if held and _length([*held, example]) > most:
                yield held, pack(held)
                held = []
            held.append(example)
        yield held, pack(held)


def _kin(examples: Sequence[Row]) -> list[list[Row]]:
    """Those that begin alike, so that what they share stays shared; and all that begin like no other."""
    by_start: defaultdict[tuple[int, ...], list[Row]] = defaultdict(list)
    for each in examples:
        by_start[tuple(each["input_ids"][: min(MIN_SHARED, _quiet(each))])].append(each)
    alike = [group for group in by_start.values() if len(group) > 1]
    others = [each for group in by_start.values() if len(group) == 1 for each in group]
    return [*alike, others] if others else alike


def _length(examples: Sequence[Row]) -> int:
    """Tokens of a pack of these examples."""
    return sum(len(each["input_ids"]) for each in examples) - (len(examples) - 1) * _shared(examples)


def _quiet(example: Row) -> int:
    """Tokens before the first that carries loss."""
    return next((place for place, label in enumerate(example["labels"]) if place and label != NO_LOSS), 0)


def pack(examples: Sequence[Row]) -> Pack:
    """Some examples as one sequence."""
    shared = _shared(examples)
    ids, positions = examples[0]["input_ids"][:shared], list(range(shared))
    read, targets, starts = [], [], []
    for example in examples:
        starts.append(len(ids))
        labels = example["labels"]
        for place in range(max(shared - 1, 0), len(labels) - 1):
            if labels[place + 1] != NO_LOSS:
                read.append(place if place < shared else starts[-1] + place - shared)
                targets.append(labels[place + 1])
        ids = ids + example["input_ids"][shared:]
        positions = positions + list(range(shared, len(example["input_ids"])))
    ends = [*starts[1:], len(ids)]
    taken = [(number, shared, len(each["input_ids"])) for number, each in enumerate(examples)]
    return Pack(
        torch.tensor(ids),
        torch.tensor(positions),
        torch.tensor(read, dtype=torch.long),
        torch.tensor(targets, dtype=torch.long),
        _segments(shared, list(zip(starts, ends, strict=True))),
        tuple(([(0, 0, shared)] if shared else []) + taken),
    )


def _shared(examples: Sequence[Row]) -> int:
    """Tokens that all examples begin with and none learns, one of each left over; 0 for a lone example or where few."""
    if len(examples) == 1:
        return 0
    most = min(min(len(each["input_ids"]) - 1, _quiet(each)) for each in examples)
    columns = zip(*(each["input_ids"][:most] for each in examples), strict=True)
    shared = next((place for place, column in enumerate(columns) if len(set(column)) > 1), most)
    return shared if shared >= MIN_SHARED else 0


def _segments(shared: int, spans: Sequence[tuple[int, int]]) -> Segments:
    if len(spans) == 1:
        return Segments(None, None)
    longest = max(end - start for start, end in spans)
    rows = torch.zeros(len(spans), shared + longest, dtype=torch.long)
    back = torch.arange(spans[-1][1])
    for number, (start, end) in enumerate(spans):
        rows[number, :shared] = torch.arange(shared)
        rows[number, shared : shared + end - start] = torch.arange(start, end)
        back[start:end] = number * (shared + longest) + torch.arange(shared, shared + end - start)
    return Segments(rows, back)
