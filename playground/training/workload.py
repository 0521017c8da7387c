"""What a run passes through the model, measured on the packs that it will read; knows no method and no clock."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from playground.data.dataset import ExampleSplit, build_split, check_size
from playground.data.packing import Pack, pack_examples
from playground.data.reading import Outline, outline_of
from playground.data.sampler import BatchSampler
from playground.data.tokenize import count_tokens
from playground.prompts import Turn
from playground.training.config import TrainSettings
from retrieval.document import Document

SAMPLE_TOKENS = 40_000  # of the first steps, from which the mean step is computed


@dataclass(frozen=True)
class ReadVolume:
    """Examples read as packs: their number, all packs' tokens and those positions that carry loss.

    `unpacked_tokens` counts the tokens of the examples one by one, with a shared beginning counted for each.
    """

    examples: float
    packs: float
    tokens: float
    loss_tokens: float
    unpacked_tokens: float

    def unpacked(self) -> "ReadVolume":
        """The same where every example is a pass of its own."""
        return ReadVolume(self.examples, self.examples, self.unpacked_tokens, self.loss_tokens, self.unpacked_tokens)

    def times(self, factor: float) -> "ReadVolume":
        """Every count multiplied by `factor`."""
        return ReadVolume(*(factor * each for each in vars(self).values()))


@dataclass(frozen=True)
class Workload:
    """A text as a run reads it: one epoch, the mean step, a held-out test, and the tokens of the longest pass.

    `seconds` is the time this machine took to cut the text into examples, which the run does again.
    """

    text: ReadVolume
    step: ReadVolume
    test: ReadVolume
    longest: int
    seconds: float
    outline: Outline = Outline()

    @property
    def steps(self) -> float:
        """Steps per epoch."""
        return self.text.examples / self.step.examples

    def first_reads(self, steps: float) -> ReadVolume:
        """What the first `steps` steps read for the first time."""
        return self.text.times(min(1.0, steps / self.steps))


def measure_workload(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainSettings,
    replay: Sequence[Turn] = (),
) -> Workload:
    """What a run with these settings reads of the documents.

    Raises:
        UserError: the text is too short to train on.
    """
    started = time.perf_counter()
    split = split_for(documents, tokenizer, settings, replay)
    check_size(split)
    return measure_examples(split, settings.batch_tokens, settings.seed, time.perf_counter() - started)


def split_for(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainSettings,
    replay: Sequence[Turn] = (),
) -> ExampleSplit:
    """The examples of a run with these settings; `replay` are the base's answers to general prompts."""
    return build_split(documents, tokenizer, settings.mix, replay)


def measure_examples(split: ExampleSplit, batch_tokens: int, seed: int, seconds: float = 0.0) -> Workload:
    """Measured on the packs of the first steps and of the held-out test; `seconds` is passed on."""
    sampler = BatchSampler(split.train, batch_tokens, seed)
    read: list[Pack] = []
    steps = examples = tokens = 0
    while examples < len(split.train) and tokens < SAMPLE_TOKENS:
        batch = sampler.batch(steps)
        read += [pack for _, pack in pack_examples(batch)]
        steps, examples, tokens = steps + 1, examples + len(batch), tokens + count_tokens(batch)
    tested = [pack for _, pack in pack_examples(split.heldout)]
    sample = _volume(read, examples, tokens)
    return Workload(
        text=sample.times(len(split.train) / examples),
        step=sample.times(1 / steps),
        test=_volume(tested, len(split.heldout), split.heldout_tokens),
        longest=max(len(each.ids) for each in [*read, *tested]),
        seconds=seconds,
        outline=outline_of(split),
    )


def _volume(packs: Sequence[Pack], examples: int, unpacked_tokens: int) -> ReadVolume:
    tokens, loss_tokens = sum(len(each.ids) for each in packs), sum(len(each.targets) for each in packs)
    return ReadVolume(examples, len(packs), tokens, loss_tokens, unpacked_tokens)
