"""The examples of one side of the split: the text itself, the pairs of its files, and pairs made from it."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from transformers import PreTrainedTokenizerBase

from playground.data.explanations import explanation_pairs
from playground.data.mix import MixSettings
from playground.data.passage_examples import PassageExamples
from playground.data.passage_pool import PassagePool
from playground.data.section_languages import SectionLanguages
from playground.data.split import SplitDocument
from playground.data.tokenize import (
    MAX_PAIR_WINDOWS,
    Example,
    ExampleKind,
    TrainingPair,
    count_tokens,
    pair_example,
    text_windows,
)
from playground.data.training_pairs import given_pair

MAX_TURNS = 4  # of the pairs made from a text while the text itself is read once
MAX_REPEATS = 6  # of one generated answer: a sentence that was asked for in many forms became the answer to everything


class SideExamples:
    """Builds the examples of one side of the split."""

    def __init__(
        self,
        texts: Sequence[SplitDocument],
        found: Sequence[tuple[int, TrainingPair]],
        heldout: bool,
        tokenizer: PreTrainedTokenizerBase,
        mix: MixSettings,
    ) -> None:
        """`found` are the pairs of all texts, each with its document's number."""
        self._found, self._heldout, self._tokenizer, self._mix = found, heldout, tokenizer, mix
        # While the part of a text is fitted, the same examples are asked for several times.
        self._bare_examples: dict[tuple[int, TrainingPair], Example] = {}
        pool = PassagePool(tokenizer)
        if mix.passages_share:
            for text in texts:
                pool.add(text.number, text.document, [each for _, each in text.on_side(not heldout)])
        self._passage_examples = PassageExamples(pool, tokenizer, mix.window, mix.passages_share, mix.seed)

    def build(self, texts: Sequence[SplitDocument]) -> tuple[list[Example], list[Example], list[Example]]:
        """(the text itself, given pairs, generated pairs) of the sections that are not skipped."""
        share = self._mix.pairs_share
        read = self._windows(texts) if self._mix.text_form == "windows" else self._explanations(texts)
        windows = list(read) if share < 1 else []
        budget = share / (1 - share) * count_tokens(windows) if share < 1 else math.inf
        return windows, list(self._given(texts)), list(self._generated(texts, budget)) if budget > 0 else []

    def _windows(self, texts: Sequence[SplitDocument]) -> Iterator[Example]:
        for text in texts:
            if not text.document.pairs:
                sections = text.on_side(self._heldout)
                yield from text_windows(text.document, sections, self._tokenizer, self._mix.window)

    def _explanations(self, texts: Sequence[SplitDocument]) -> Iterator[Example]:
        """The text as answers; a section whose parts do not fit beside a prompt stays in windows."""
        mix = self._mix
        places = _AnswerPlaces()
        for text in texts:
            if text.document.pairs:
                continue
            languages = SectionLanguages(text.document)
            for section in text.on_side(self._heldout):
                language = languages.of(section[1])
                made = explanation_pairs(text.document, [section], language, self._count, mix.part_tokens, mix.seed)
                found = [pair for pair in made if places.is_first(text.number, pair)]
                examples = [self._bare(text.number, pair) for pair in found]
                if all(self._is_whole(example) for example in examples):
                    yield from examples
                else:
                    yield from text_windows(text.document, [section], self._tokenizer, self._mix.window)

    def _is_whole(self, example: Example) -> bool:
        return len(example.input_ids) < MAX_PAIR_WINDOWS * self._mix.window

    def _count(self, texts: list[str]) -> list[int]:
        return [len(ids) for ids in self._tokenizer(texts, add_special_tokens=False)["input_ids"]]

    def _given(self, texts: Sequence[SplitDocument]) -> Iterator[Example]:
        for text in texts:
            if text.document.pairs:
                for place, _ in text.on_side(self._heldout):
                    pair = given_pair(text.document, place)
                    bare = self._bare(text.number, pair)
                    # A pair that comes with a passage keeps that one.
                    own = text.document.pairs[place].context
                    yield bare if own else self._passage_examples.alone(text.number, pair, bare)

    def _generated(self, texts: Sequence[SplitDocument], budget: float) -> Iterator[Example]:
        """Generated pairs of about `budget` tokens; too few are read up to MAX_TURNS times as often as the text.

        No answer is given more than MAX_REPEATS times, so a text with few answers gets fewer pairs.
        """
        chosen = list(self._chosen(texts, budget))
        tokens = count_tokens([bare for *_, bare in chosen])
        once = self._heldout or not tokens or math.isinf(budget)
        turns = 1 if once else max(1, min(MAX_TURNS, round(budget / tokens)))
        times = Counter[str]()
        for turn in range(turns):
            yield from self._passage_examples.together(list(_not_too_often(chosen, times)), turn)

    def _chosen(self, texts: Sequence[SplitDocument], budget: float) -> Iterator[tuple[int, TrainingPair, Example]]:
        """One pair of each kind in turn, each kind shuffled, until `budget` tokens are reached, with bare examples."""
        by_kind: dict[ExampleKind, list[tuple[int, TrainingPair]]] = {}
        for number, pair in self._found:
            if texts[number].is_read(pair.section, self._heldout):
                by_kind.setdefault(pair.kind, []).append((number, pair))
        generator, places = random.Random(self._mix.seed), _AnswerPlaces()
        for of_kind in by_kind.values():
            generator.shuffle(of_kind)
        for number, pair in filter(None, chain.from_iterable(zip_longest(*by_kind.values()))):
            if budget <= 0:
                return
            if not places.is_first(number, pair):
                continue
            bare = self._bare(number, pair)
            budget -= len(bare.input_ids)
            yield number, pair, bare

    def _bare(self, number: int, pair: TrainingPair) -> Example:
        if (number, pair) not in self._bare_examples:
            self._bare_examples[number, pair] = pair_example(pair, self._tokenizer, self._mix.window)
        return self._bare_examples[number, pair]


class _AnswerPlaces:
    """Where each answer stands first. A sentence that a text repeats under many headings became the answer to all."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[int, int]] = {}

    def is_first(self, number: int, pair: TrainingPair) -> bool:
        """Whether the pair of document `number` is of the section where its answer was met first."""
        place = number, pair.section
        return self._first.setdefault(" ".join(pair.answer.casefold().split()), place) == place


def _not_too_often(
    chosen: Sequence[tuple[int, TrainingPair, Example]], times: Counter[str]
) -> Iterator[tuple[int, TrainingPair, Example]]:
    """The pairs but those whose answer was already given MAX_REPEATS times; counts in `times`."""
    for number, pair, bare in chosen:
        if times[pair.answer] < MAX_REPEATS:
            times[pair.answer] += 1
            yield number, pair, bare
