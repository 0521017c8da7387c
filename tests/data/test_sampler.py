"""What a step reads: as many tokens as asked for on average, each example once per epoch, in a fixed order."""

import random
from collections.abc import Sequence
from itertools import chain

import pytest

from playground.data import sampler
from playground.data.packing import pack_examples
from playground.data.sampler import BatchSampler
from playground.data.tokenize import NO_LOSS, Example

LENGTHS = [5, 9, 14, 3, 8, 21, 7, 11, 6, 12, 4]
# (batch_tokens, seed) -> the examples of the first steps. A run that was stopped and resumes must find its order
# unchanged, so these lists never change.
ORDERS = {
    (25, 7): [[10, 6], [0, 5, 4], [7, 1, 8], [9, 3, 2], [6, 10], [0, 1, 8], [5, 9, 7]],
    (10, 0): [[8], [9], [1], [2], [5], [3], [7]],
    (150, 2): [
        [1, 9, 3, 8, 10, 2, 5, 0, 7, 4, 6, 3, 4, 2, 10, 9],
        [1, 6, 5, 0, 7, 8, 3, 2, 0, 8, 10, 4, 7, 1, 9, 6, 5],
    ],
}


def examples(lengths: Sequence[int]) -> list[Example]:
    """Examples of these lengths, each with its place as its first token."""
    return [Example([place] * length, [place] * length) for place, length in enumerate(lengths)]


def places(batches: BatchSampler, step: int) -> list[int]:
    return [each.input_ids[0] for each in batches.batch(step)]


@pytest.mark.parametrize(("tokens", "wanted"), [(17_500, 256), (17_500, 512), (2_000, 256), (60_000, 256)])
def test_steps_read_the_tokens_that_were_asked_for_and_at_least_one_example(tokens: int, wanted: int) -> None:
    count = 100
    batches = BatchSampler(examples([tokens // count] * count), wanted, seed=0)
    read = [batches.batch(step) for step in range(200)]
    assert min(map(len, read)) >= 1
    assert max(map(len, read)) - min(map(len, read)) <= 1
    mean = sum(map(len, read)) / len(read) * tokens / count
    assert mean == pytest.approx(max(wanted, tokens / count), rel=0.01)


@pytest.mark.parametrize("size", [1.0, 1.46, 2.93, 3.0, 7.7])
def test_every_example_is_read_once_before_any_is_read_again(size: float) -> None:
    count = 10
    batches = BatchSampler(examples([100] * count), round(100 * size), seed=3)
    read = list(chain.from_iterable(places(batches, step) for step in range(60)))
    for epoch in range(len(read) // count):
        assert sorted(read[epoch * count : (epoch + 1) * count]) == list(range(count))
    assert read[:count] != read[count : 2 * count]


@pytest.mark.parametrize(("batch_tokens", "seed"), ORDERS)
def test_the_order_is_fixed_from_any_step_on(batch_tokens: int, seed: int) -> None:
    expected = ORDERS[batch_tokens, seed]
    whole = BatchSampler(examples(LENGTHS), batch_tokens, seed)
    assert [places(whole, step) for step in range(len(expected))] == expected
    for step, batch in enumerate(expected):
        resumed = BatchSampler(examples(LENGTHS), batch_tokens, seed)
        assert places(resumed, step) == batch


def test_an_epoch_is_shuffled_once_and_tokens_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shuffled: list[int] = []
    counted: list[int] = []

    class Counting(random.Random):
        def shuffle(self, x: list[int]) -> None:  # type: ignore[override]
            shuffled.append(len(x))
            super().shuffle(x)

    count = sampler.pack_length
    monkeypatch.setattr(random, "Random", Counting)
    monkeypatch.setattr(sampler, "pack_length", lambda unit: counted.append(len(unit)) or count(unit))
    batches = BatchSampler(examples([10] * 40), 40, seed=1)
    assert sum(len(batches.batch(step)) for step in range(20)) == 80
    assert shuffled == [40, 40]
    assert counted == [1] * 40


def test_examples_of_a_group_are_read_in_one_step_and_what_they_share_is_counted_once() -> None:
    alone = [Example([place] * 100, [place] * 100) for place in range(10)]
    asked = [Example([50] * 90 + [51 + each] * 10, [NO_LOSS] * 90 + [51 + each] * 10, group="a") for each in range(3)]
    batches = BatchSampler([*alone, *asked], 120, seed=0)
    read = [batches.batch(step) for step in range(10)]
    assert sum(len(batch) for batch in read) == 13
    (together,) = [batch for batch in read if any(each.group for each in batch)]
    assert [each for each in together if each.group] == asked
    packs = [pack for _, pack in pack_examples(asked)]
    assert [len(pack.ids) for pack in packs] == [90 + 3 * 10]
