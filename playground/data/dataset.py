"""Documents -> training and held-out examples; knows nothing of models but their tokenizer."""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

from transformers import PreTrainedTokenizerBase

from playground.data.coverage import fit_sections, rank_sections, without_others
from playground.data.exercises import exercise_examples, read_exercises
from playground.data.explanations import explanation_pairs
from playground.data.mix import part_of
from playground.data.packing import join_groups, pack_length
from playground.data.passage_examples import PassageExamples
from playground.data.passage_pool import PassagePool
from playground.data.section_languages import SectionLanguages
from playground.data.split import SplitDocument, split_documents
from playground.data.tokenize import (
    MAX_PAIR_WINDOWS,
    Example,
    ExampleKind,
    TrainingPair,
    count_tokens,
    pair_example,
    text_windows,
)
from playground.data.training_pairs import generated_pairs, given_pair
from playground.errors import UserError
from playground.prompts import Turn
from retrieval.document import Document

MIN_TOKENS = 128
MAX_HELDOUT_TOKENS = 1_024
MAX_TURNS = 4  # of the pairs made from a text while the text itself is read once
MAX_REPEATS = 6  # of one generated answer: a sentence that was asked for in many forms became the answer to everything

TextForm = Literal["answers", "windows"]


@dataclass(frozen=True)
class MixSettings:
    """What the examples of a run are made of: tokens per window, the held-out share, and the shares of each kind.

    `pairs_share` is the share of tokens that pairs generated from the text get, `passages_share` the share of pairs
    with passages in their prompts, `replay_share` the share of tokens with the base's own answers to general prompts,
    `exercises_share` that of reading exercises in the languages of the text.
    `text_form` says how the text itself is read: as bare windows, or as answers that end, of at most `part_tokens`
    tokens. `gaps` adds questions with a gap, whose answers are single words. Of a text that is too long for the run
    only sections with about `text_tokens` tokens of examples are read (0: the whole text); see `coverage`. The same
    settings, text, replay and tokenizer give the same examples.
    """

    window: int
    heldout_share: float
    seed: int
    pairs_share: float = 0.0
    passages_share: float = 0.0
    replay_share: float = 0.0
    exercises_share: float = 0.0
    text_form: TextForm = "windows"
    part_tokens: int = 120
    gaps: bool = True
    text_tokens: int = 0


@dataclass(frozen=True)
class ExampleSplit:
    """Examples to train on, and held-out ones from sections that do not repeat those.

    `texts` are the documents in sections; `is_part` says that not all of those to train on are read.
    """

    train: list[Example]
    heldout: list[Example]
    texts: tuple[SplitDocument, ...] = ()
    is_part: bool = False

    @property
    def train_tokens(self) -> int:
        """Tokens of all training examples."""
        return count_tokens(self.train)

    @property
    def heldout_tokens(self) -> int:
        """Tokens of all held-out examples."""
        return count_tokens(self.heldout)


def build_checked_split(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    mix: MixSettings,
    replay: Sequence[Turn] = (),
) -> ExampleSplit:
    """Like `build_split`, and refuse a text that is too short.

    Raises:
        UserError: when there is too little text to train on and hold some out.
    """
    split = build_split(documents, tokenizer, mix, replay)
    check_size(split)
    return split


def check_size(split: ExampleSplit) -> None:
    """Refuse a split that is too small to train and test on.

    Raises:
        UserError: there is too little text to train on and hold some out.
    """
    own = count_tokens([each for each in split.train if part_of(each) not in ("exercise", "replay")])
    if not split.heldout or own < MIN_TOKENS:
        raise UserError(
            f"This text is too short to train on: {own} tokens are left beside what is held out, and at "
            f"least {MIN_TOKENS} in two sections that do not repeat each other are needed. Add more text."
        )


def build_split(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    mix: MixSettings,
    replay: Sequence[Turn] = (),
) -> ExampleSplit:
    """The text in windows of at most `window` tokens or as answers, and pairs of at most twice as many tokens.

    Pairs generated from the text make up `pairs_share` of the tokens (passages not counted); where too few can be
    generated, they are read up to MAX_TURNS times. Files that hold pairs are used whole. Of all pairs,
    `passages_share` have passages in their prompts.
    `replay` are the base's answers to general prompts, read for training only.
    """
    texts = split_documents(documents, tokenizer, mix.heldout_share, MAX_HELDOUT_TOKENS, mix.seed)
    found = generated_pairs(texts, mix.seed, mix.gaps) if mix.pairs_share or mix.text_tokens else []
    train, heldout = (_SideBuilder(texts, found, each, tokenizer, mix) for each in (False, True))
    tested = heldout.build(texts)
    capped = _with_loss(chain.from_iterable(_cap_heldout(each, tested) for each in tested))

    def build(part: Sequence[SplitDocument]) -> list[Example]:
        read = _with_loss(chain(*train.build(part)))
        return [
            *read,
            *_exercises(texts, tokenizer, mix, sum(map(pack_length, join_groups(read)))),
            *_replayed(replay, tokenizer, mix, count_tokens(read)),
        ]

    if not mix.text_tokens:
        return ExampleSplit(build(texts), capped, tuple(texts))
    ranked = rank_sections(texts, Counter((number, pair.section) for number, pair in found), mix.seed)
    fitted = fit_sections(ranked, mix.text_tokens, lambda chosen: build(without_others(texts, chosen)))
    return ExampleSplit(fitted.examples, capped, tuple(texts), len(fitted.chosen) < len(ranked))


def _replayed(
    replay: Sequence[Turn], tokenizer: PreTrainedTokenizerBase, mix: MixSettings, tokens: int
) -> list[Example]:
    """General prompts with the base's own answers, until they have their share beside `tokens` of the text."""
    budget = mix.replay_share / (1 - mix.replay_share) * tokens
    examples = []
    for turn in random.Random(mix.seed).sample(list(replay), len(replay)):
        if budget <= 0:
            break
        examples.append(pair_example(TrainingPair("replay", turn.question, turn.answer, -1, -1), tokenizer, mix.window))
        budget -= len(examples[-1].input_ids)
    return examples


def _exercises(
    texts: Sequence[SplitDocument], tokenizer: PreTrainedTokenizerBase, mix: MixSettings, tokens: int
) -> list[Example]:
    """Reading exercises in the languages of the texts, until they have their share beside `tokens` of the text."""
    if not mix.exercises_share:
        return []
    languages = dict.fromkeys(each for text in texts for each in SectionLanguages(text.document).all)
    found = chain.from_iterable(map(read_exercises, languages))
    budget = mix.exercises_share / (1 - mix.exercises_share) * tokens
    return exercise_examples(found, tokenizer, mix.window, budget, mix.seed)


def data_hash(documents: Sequence[Document]) -> str:
    """16 hex digits over every document's name, text, conversations and the questions written about it."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.name}\0{document.text}\0".encode())
        for each in document.questions:
            digest.update(f"{each.question}\0{each.answer}\0".encode())
        for each in document.pairs:
            if not each.is_plain:  # the text says all of a plain one
                digest.update(repr((each.start, each.system, each.turns, each.context)).encode())
    return digest.hexdigest()[:16]


def _with_loss(examples: Iterable[Example]) -> list[Example]:
    """Drop examples without loss: a lone token, or a pair whose answer was cut off."""
    return [each for each in examples if each.loss_tokens]


class _SideBuilder:
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


def _cap_heldout(part: Sequence[Example], side: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """The first examples of a part, up to its share of MAX_HELDOUT_TOKENS, so that a test stays short."""
    left = MAX_HELDOUT_TOKENS * count_tokens(part) / max(1, sum(count_tokens(each) for each in side))
    for example in part:
        if left <= 0:
            return
        left -= len(example.input_ids)
        yield example
