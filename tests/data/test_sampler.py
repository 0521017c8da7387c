"""What a step reads: as many tokens as were asked for in the mean, every example once a reading, none twice."""

from itertools import chain

import pytest

from playground.data import sampler


@pytest.mark.parametrize(("tokens", "wanted"), [(17_500, 256), (17_500, 512), (2_000, 256), (60_000, 256)])
def test_steps_read_the_tokens_that_were_asked_for_and_at_least_one_example(tokens: int, wanted: int) -> None:
    examples = 100
    size = sampler.size_of(tokens, examples, wanted)
    read = [sampler.places(examples, size, step, seed=0) for step in range(200)]
    assert min(map(len, read)) >= 1
    assert max(map(len, read)) - min(map(len, read)) <= 1
    mean = sum(map(len, read)) / len(read) * tokens / examples
    assert mean == pytest.approx(max(wanted, tokens / examples), rel=0.01)


@pytest.mark.parametrize("size", [1.0, 1.46, 2.93, 3.0, 7.7])
def test_every_example_is_read_once_before_any_is_read_again(size: float) -> None:
    examples = 10
    read = list(chain.from_iterable(sampler.places(examples, size, step, seed=3) for step in range(60)))
    for epoch in range(len(read) // examples):
        assert sorted(read[epoch * examples : (epoch + 1) * examples]) == list(range(examples))
    assert read[:examples] != read[examples : 2 * examples]
