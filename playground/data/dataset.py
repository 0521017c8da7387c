"""Documents -> training and held-out examples; knows nothing of models but their tokenizer."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from transformers import PreTrainedTokenizerBase

from playground.data.qa import pairs
from playground.data.sections import section_at
from playground.data.split import SplitDocument, split_documents
from playground.data.tokenize import (
    INSTRUCTION,
    MAX_PAIR_WINDOWS,
    Example,
    ExampleKind,
    PassagePool,
    TrainingPair,
    count_tokens,
    pair_example,
    text_windows,
)
from playground.errors import UserError
from retrieval.document import Document

MIN_TOKENS = 128
MAX_HELDOUT_TOKENS = 1_024


@dataclass(frozen=True)
class ExampleSplit:
    """Examples to train on, and held-out ones from sections that do not repeat those."""

    train: list[Example]
    heldout: list[Example]

    @property
    def train_tokens(self) -> int:
        """Tokens of all training examples."""
        return count_tokens(self.train)

    @property
    def heldout_tokens(self) -> int:
        """Tokens of all held-out examples."""
        return count_tokens(self.heldout)


@dataclass(frozen=True)
class _Wishes:
    """The arguments of `build_split`, without the documents."""

    tokenizer: PreTrainedTokenizerBase
    window: int
    seed: int
    pairs_share: float
    passages_share: float


def build_checked_split(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    *,
    window: int,
    heldout_share: float,
    seed: int,
    pairs_share: float = 0.0,
    passages_share: float = 0.0,
) -> ExampleSplit:
    """Like `build_split`, and refuse a text that is too short.

    Raises:
        UserError: when there is too little text to train on and hold some out.
    """
    split = build_split(documents, tokenizer, window, heldout_share, seed, pairs_share, passages_share)
    check_size(split)
    return split


def check_size(split: ExampleSplit) -> None:
    """Refuse a split that is too small to train and test on.

    Raises:
        UserError: there is too little text to train on and hold some out.
    """
    if not split.heldout or split.train_tokens < MIN_TOKENS:
        raise UserError(
            f"This text is too short to train on: {split.train_tokens} tokens are left beside what is held out, and at "
            f"least {MIN_TOKENS} in two sections that do not repeat each other are needed. Add more text."
        )


def build_split(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    window: int,
    heldout_share: float,
    seed: int,
    pairs_share: float,
    passages_share: float,
) -> ExampleSplit:
    """Text windows of at most `window` tokens, and pairs of at most twice as many with loss on their answers.

    Pairs generated from the text make up `pairs_share` of the tokens (passages not counted) where enough can be
    generated; files that hold pairs are used whole. Of all pairs, `passages_share` have passages in their prompts.
    """
    texts = split_documents(documents, tokenizer, heldout_share, MAX_HELDOUT_TOKENS, seed)
    wishes = _Wishes(tokenizer, window, seed, pairs_share, passages_share)
    train, heldout = (_build_side(texts, each, wishes) for each in (False, True))
    capped = (_cap_heldout(part, heldout) for part in heldout)
    return ExampleSplit(_with_loss(chain(*train)), _with_loss(chain(*capped)))


def data_hash(documents: Sequence[Document]) -> str:
    """16 hex digits over every document's name, text and the questions written about it."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.name}\0{document.text}\0".encode())
        for each in document.questions:
            digest.update(f"{each.question}\0{each.answer}\0".encode())
    return digest.hexdigest()[:16]


def _with_loss(examples: Iterable[Example]) -> list[Example]:
    """Drop examples without loss: a lone token, or a pair whose answer was cut off."""
    return [each for each in examples if each.loss_tokens]


def _build_side(
    texts: Sequence[SplitDocument], heldout: bool, wishes: _Wishes
) -> tuple[list[Example], list[Example], list[Example]]:
    """(text windows, given pairs, generated pairs) of one side of the split."""
    pool = PassagePool(wishes.tokenizer)
    if wishes.passages_share:
        for text in texts:
            pool.add(text.number, text.document, [each for _, each in text.on_side(not heldout)])
    plain = [text for text in texts if not text.document.pairs]
    windows = _windows(plain, heldout, wishes) if wishes.pairs_share < 1 else []
    given = [
        _add_passages(pair_example(pair, wishes.tokenizer, wishes.window), text.number, pair, pool, wishes)
        for text in texts
        if text.document.pairs
        for pair in (_given_pair(text.document, place) for place, _ in text.on_side(heldout))
    ]
    budget = (
        wishes.pairs_share / (1 - wishes.pairs_share) * count_tokens(windows)
        if wishes.pairs_share < 1
        else float("inf")
    )
    generated = list(_generated_examples(plain, heldout, pool, wishes, budget)) if budget > 0 else []
    return windows, given, generated


def _windows(texts: Sequence[SplitDocument], heldout: bool, wishes: _Wishes) -> list[Example]:
    return [
        window
        for text in texts
        for window in text_windows(text.document, text.on_side(heldout), wishes.tokenizer, wishes.window)
    ]


def _given_pair(document: Document, place: int) -> TrainingPair:
    pair = document.pairs[place]
    start = min(pair.start + len(pair.question) + 1, pair.end - 1)
    return TrainingPair("given", pair.question, pair.answer, start, place)


def _generated_examples(
    texts: Sequence[SplitDocument], heldout: bool, pool: PassagePool, wishes: _Wishes, budget: float
) -> Iterator[Example]:
    """Generated pairs, one of each kind in turn, each kind shuffled, until `budget` tokens are reached."""
    by_kind: dict[ExampleKind, list[tuple[int, TrainingPair]]] = {}
    for text in texts:
        for pair in _generated_pairs(text, wishes.seed):
            if (pair.section in text.heldout) is heldout:
                by_kind.setdefault(pair.kind, []).append((text.number, pair))
    generator = random.Random(wishes.seed)
    for of_kind in by_kind.values():
        generator.shuffle(of_kind)
    for number, pair in filter(None, chain.from_iterable(zip_longest(*by_kind.values()))):
        if budget <= 0:
            return
        bare = pair_example(pair, wishes.tokenizer, wishes.window)
        budget -= len(bare.input_ids)
        yield _add_passages(bare, number, pair, pool, wishes)


def _generated_pairs(text: SplitDocument, seed: int) -> Iterator[TrainingPair]:
    """Questions by rules, then those that were written about the text."""
    for made in pairs.make(text.document, seed):
        yield TrainingPair(made.kind, made.question, made.answer, made.start, made.section)
    for each in text.document.questions:
        yield TrainingPair("written", each.question, each.answer, each.start, section_at(text.sections, each.start))


def _add_passages(bare: Example, number: int, pair: TrainingPair, pool: PassagePool, wishes: _Wishes) -> Example:
    """The pair with passages in its prompt, if it is drawn to have some and its own passage fits."""
    if random.Random(f"{wishes.seed} {pair.question}").random() >= wishes.passages_share:
        return bare
    room = MAX_PAIR_WINDOWS * wishes.window - len(bare.input_ids) - INSTRUCTION
    passages = pool.with_distractors(number, pair, room, wishes.seed)
    return pair_example(pair, wishes.tokenizer, wishes.window, passages) if passages else bare


def _cap_heldout(part: Sequence[Example], side: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """The first examples of a part, up to its share of MAX_HELDOUT_TOKENS, so that a test stays short."""
    left = MAX_HELDOUT_TOKENS * count_tokens(part) / max(1, sum(count_tokens(each) for each in side))
    for example in part:
        if left <= 0:
            return
        left -= len(example.input_ids)
        yield example
