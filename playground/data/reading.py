"""What the steps of a run read of its text: the tokens of each part of the mix, and the sections that they meet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from playground.data.coverage import Chapter, Place, list_chapters
from playground.data.dataset import ExampleSplit
from playground.data.mix import PARTS, Part, part_of
from playground.data.packing import join_groups, shared_length
from playground.data.sampler import epoch_order, mean_batch
from playground.data.sections import section_at
from playground.data.split import SplitDocument
from playground.data.tokenize import Example


@dataclass(frozen=True)
class PartTokens:
    """Tokens of one part of the mix: all that the model reads, and those of them that carry loss."""

    read: int
    learnt: int


@dataclass(frozen=True)
class Reading:
    """`mix` counts the tokens of each part, `share` is that of the text which is read.

    `chapters` is empty where the whole text is read.
    """

    mix: Mapping[Part, PartTokens]
    share: float = 1.0
    chapters: tuple[Chapter, ...] = ()

    @property
    def sections(self) -> int:
        """How many sections of the text something is read of."""
        return sum(len(each.read) for each in self.chapters)

    @property
    def all_sections(self) -> int:
        """How many sections there are to train on."""
        return sum(each.sections for each in self.chapters)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, as it lies in a run's folder."""
        mix = {part: vars(tokens) for part, tokens in self.mix.items()}
        return {"mix": mix, "share": self.share, "chapters": [vars(each) for each in self.chapters]}

    def counts(self) -> dict[str, Any]:
        """The same without any of the text's words, as it goes with an adapter."""
        mix = {part: vars(tokens) for part, tokens in self.mix.items()}
        return {"mix": mix, "share": self.share, "sections": self.sections, "all_sections": self.all_sections}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Reading":
        """The inverse of `to_dict`; nothing is read where nothing is stored."""
        mix = {part: PartTokens(**stored["mix"][part]) for part in PARTS if part in stored.get("mix", {})}
        chapters = [Chapter(**{**each, "read": tuple(each["read"])}) for each in stored.get("chapters", ())]
        return cls(mix, stored.get("share", 1.0), tuple(chapters))


@dataclass(frozen=True)
class ExampleUse:
    """What reading one training example takes, and the section that it is of; replay is of none."""

    part: Part
    tokens: PartTokens
    place: Place | None


@dataclass(frozen=True)
class Outline:
    """The training examples of a text in order, and its sections; from them, what any number of steps reads.

    `units` are examples, or groups of them that are read together. `is_part` says that some sections have no examples
    because only a part of the text is read.
    """

    units: tuple[tuple[ExampleUse, ...], ...] = ()
    texts: tuple[SplitDocument, ...] = ()
    is_part: bool = False

    def reading(self, steps: int, batch_tokens: int, seed: int) -> Reading:
        """What the first steps read, each example once, in the sampler's order."""
        if not self.units:
            return Reading({})
        tokens = sum(use.tokens.read for use in chain(*self.units))
        count = int(steps * mean_batch(len(self.units), tokens, batch_tokens))
        order = epoch_order(len(self.units), seed, 0)[:count]
        read = [use for place in order for use in self.units[place]]
        if len(order) == len(self.units) and not self.is_part:
            return Reading(_tokens_by_part(read))
        share = self._part_share() * sum(use.tokens.read for use in read) / tokens
        return Reading(_tokens_by_part(read), share, list_chapters(self.texts, _places(read)))

    def _part_share(self) -> float:
        """The share of the text's characters that the examples are made of."""
        chapters = list_chapters(self.texts, _places(chain(*self.units)))
        return sum(each.read_chars for each in chapters) / sum(each.chars for each in chapters) if self.is_part else 1.0


def outline_of(split: ExampleSplit) -> Outline:
    """The outline of a split's training side."""
    numbers = {text.document.name: text.number for text in split.texts}
    units = tuple(tuple(_uses(unit, numbers, split.texts)) for unit in join_groups(split.train))
    return Outline(units, split.texts, split.is_part)


def _uses(unit: Sequence[Example], numbers: Mapping[str, int], texts: Sequence[SplitDocument]) -> Iterator[ExampleUse]:
    """What a unit's examples begin with alike is read once, with the first."""
    shared = shared_length(unit)
    for rank, each in enumerate(unit):
        read = len(each.input_ids) - (shared if rank else 0)
        yield ExampleUse(part_of(each), PartTokens(read, each.loss_tokens), _place(each, numbers, texts))


def _place(example: Example, numbers: Mapping[str, int], texts: Sequence[SplitDocument]) -> Place | None:
    name, _, span = example.source.rpartition(":")
    if name not in numbers:
        return None
    number = numbers[name]
    return number, section_at(texts[number].sections, int(span.partition("-")[0]))


def _places(uses: Iterable[ExampleUse]) -> set[Place]:
    return {use.place for use in uses if use.place}


def _tokens_by_part(uses: Iterable[ExampleUse]) -> dict[Part, PartTokens]:
    counts: dict[Part, list[int]] = {}
    for use in uses:
        count = counts.setdefault(use.part, [0, 0])
        count[0] += use.tokens.read
        count[1] += use.tokens.learnt
    return {part: PartTokens(*counts[part]) for part in PARTS if part in counts}
