"""What a run really passes through the model, told from the packs that it will read; knows no method and no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from playground.data import sampler
from playground.data.dataset import Sides
from playground.data.packing import Pack, Row, packs
from playground.data.tokenize import Example

SAMPLED = 40_000  # tokens of the first steps, from which the mean step is told


@dataclass(frozen=True)
class Reading:
    """So many examples, read as so many packs of so many tokens in all, of which `learnt` places carry loss.

    `apart` counts the tokens of the examples one by one, what they share at their start read anew for each.
    """

    examples: float
    packs: float
    tokens: float
    learnt: float
    apart: float

    def one_by_one(self) -> "Reading":
        """The same where every example is a pass of its own."""
        return Reading(self.examples, self.examples, self.apart, self.learnt, self.apart)

    def times(self, factor: float) -> "Reading":
        """So many times as much."""
        return Reading(*(factor * each for each in vars(self).values()))


@dataclass(frozen=True)
class Workload:
    """A text as a run reads it: all that it learns from, the mean step, a held-out test, tokens of the longest pass.

    `seconds` is what it took here to cut the text into examples, which the run does again.
    """

    text: Reading
    step: Reading
    test: Reading
    longest: int
    seconds: float

    @property
    def steps(self) -> float:
        """Steps in which all is read once."""
        return self.text.examples / self.step.examples

    def read(self, count: float) -> Reading:
        """What so many steps read that none before them did."""
        return self.text.times(min(1.0, count / self.steps))


def measure(made: Sides, batch_tokens: int, seed: int, seconds: float = 0.0) -> Workload:
    """From the very packs of the first steps and of the held-out test."""
    rows = [_row(each) for each in made.train]
    size = sampler.size_of(_tokens(rows), len(rows), batch_tokens)
    read: list[Pack] = []
    done = count = tokens = 0
    while count < len(rows) and tokens < SAMPLED:
        batch = [rows[place] for place in sampler.places(len(rows), size, done, seed)]
        read += [each for _, each in packs(batch)]
        done, count, tokens = done + 1, count + len(batch), tokens + _tokens(batch)
    heldout = [_row(each) for each in made.heldout]
    tested = [each for _, each in packs(heldout)]
    sample = _reading(read, count, tokens)
    return Workload(
        text=sample.times(len(rows) / count),
        step=sample.times(1 / done),
        test=_reading(tested, len(heldout), _tokens(heldout)),
        longest=max(len(each.ids) for each in [*read, *tested]),
        seconds=seconds,
    )


def _reading(read: Sequence[Pack], examples: int, apart: int) -> Reading:
    tokens, learnt = (sum(map(len, each)) for each in ([one.ids for one in read], [one.targets for one in read]))
    return Reading(examples, len(read), tokens, learnt, apart)


def _row(example: Example) -> Row:
    return {"input_ids": example.input_ids, "labels": example.labels}


def _tokens(rows: Sequence[Row]) -> int:
    return sum(len(each["input_ids"]) for each in rows)
