"""Documents -> training and held-out examples; knows nothing of models but their tokenizer."""

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from transformers import PreTrainedTokenizerBase

from playground.data.coverage import fit_sections, rank_sections, without_others
from playground.data.exercises import exercise_examples, read_exercises
from playground.data.mix import MixSettings, part_of
from playground.data.packing import join_groups, pack_length
from playground.data.section_languages import SectionLanguages
from playground.data.side_examples import SideExamples
from playground.data.split import SplitDocument, split_documents
from playground.data.tokenize import Example, TrainingPair, count_tokens, pair_example
from playground.data.training_pairs import generated_pairs
from playground.errors import UserError
from playground.prompts import Turn
from retrieval.document import Document

MIN_TOKENS = 128
MAX_HELDOUT_TOKENS = 1_024


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
    generated, they are read several times. Files that hold pairs are used whole. Of all pairs,
    `passages_share` have passages in their prompts.
    `replay` are the base's answers to general prompts, read for training only.
    """
    texts = split_documents(documents, tokenizer, mix.heldout_share, MAX_HELDOUT_TOKENS, mix.seed)
    found = generated_pairs(texts, mix.seed, mix.gaps) if mix.pairs_share or mix.text_tokens else []
    train, heldout = (SideExamples(texts, found, each, tokenizer, mix) for each in (False, True))
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


def _cap_heldout(part: Sequence[Example], side: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """The first examples of a part, up to its share of MAX_HELDOUT_TOKENS, so that a test stays short."""
    left = MAX_HELDOUT_TOKENS * count_tokens(part) / max(1, sum(count_tokens(each) for each in side))
    for example in part:
        if left <= 0:
            return
        left -= len(example.input_ids)
        yield example
