"""Documents -> training examples and a held-out split by section; knows nothing of models but their tokenizer."""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from playground.data import near_duplicates
from playground.data.qa import pairs
from playground.data.sections import Section, cut_sections, place_of
from playground.data.tokenize import (
    INSTRUCTION,
    LONGEST,
    NO_LOSS,
    Example,
    ExampleKind,
    PassagePool,
    TrainingPair,
    pair,
    windows,
)
from playground.errors import UserError
from retrieval.document import Document

__all__ = ["MAX_HELDOUT_TOKENS", "MIN_TOKENS", "NO_LOSS", "Corpus", "Sides", "build", "check", "data_hash", "sides"]

MIN_TOKENS = 128
MAX_HELDOUT_TOKENS = 1_024
SAMPLE_CHARS = 10_000  # from which the characters of a token are told


@dataclass(frozen=True)
class Sides:
    """Examples to train on, and to test on, from sections that do not repeat one another."""

    train: list[Example]
    heldout: list[Example]


@dataclass(frozen=True)
class Corpus:
    """Tokenised examples (columns input_ids, labels, kind) on both sides of the split."""

    train: Dataset
    heldout: Dataset
    train_tokens: int
    heldout_tokens: int
    data_hash: str


@dataclass(frozen=True)
class _Text:
    """One document in sections, and which of them are held out."""

    number: int
    document: Document
    sections: Sequence[Section]
    heldout: frozenset[int]

    def on(self, heldout: bool) -> list[tuple[int, Section]]:
        """The numbered sections of one side."""
        return [(place, each) for place, each in enumerate(self.sections) if (place in self.heldout) is heldout]


@dataclass(frozen=True)
class _Wishes:
    """What `sides` was asked for."""

    tokenizer: PreTrainedTokenizerBase
    window: int
    seed: int
    pairs_share: float
    passages_share: float


def build(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    *,
    window: int,
    heldout_share: float,
    seed: int,
    pairs_share: float = 0.0,
    passages_share: float = 0.0,
) -> Corpus:
    """Cut, tokenise and split: see `sides`.

    Raises:
        UserError: when there is too little text to train on and hold some out.
    """
    made = sides(documents, tokenizer, window, heldout_share, seed, pairs_share, passages_share)
    check(made)
    return Corpus(
        train=_dataset(made.train),
        heldout=_dataset(made.heldout),
        train_tokens=_tokens(made.train),
        heldout_tokens=_tokens(made.heldout),
        data_hash=data_hash(documents),
    )


def check(made: Sides) -> None:
    """Refuse what nothing can be learnt from.

    Raises:
        UserError: there is too little text to train on and hold some out.
    """
    found = _tokens(made.train)
    if not made.heldout or found < MIN_TOKENS:
        raise UserError(
            f"This text is too short to train on: {found} tokens are left beside what is held out, and at least "
            f"{MIN_TOKENS} in two sections that do not repeat each other are needed. Add more text."
        )


def sides(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    window: int,
    heldout_share: float,
    seed: int,
    pairs_share: float,
    passages_share: float,
) -> Sides:
    """Stretches of text of at most `window` tokens, and pairs of at most twice as many with loss on their answers.

    `pairs_share` is the share of the tokens, passages not counted, that pairs made from the text are to have, where
    there are enough of them; files that are pairs already come whole. Of all pairs, `passages_share` bring passages in
    their prompts.
    """
    texts = _split(documents, tokenizer, heldout_share, seed)
    wishes = _Wishes(tokenizer, window, seed, pairs_share, passages_share)
    train, heldout = (_side(texts, each, wishes) for each in (False, True))
    return Sides(_learnt(chain(*train)), _learnt(chain(*(_capped(part, heldout) for part in heldout))))


def _learnt(examples: Iterable[Example]) -> list[Example]:
    """Those with something to learn: not a lone token, nor a pair whose answer was cut off."""
    return [each for each in examples if each.learnt]


def data_hash(documents: Sequence[Document]) -> str:
    """16 hex digits over every document's name, text and the questions written about it."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(f"{document.name}\0{document.text}\0".encode())
        for each in document.questions:
            digest.update(f"{each.question}\0{each.answer}\0".encode())
    return digest.hexdigest()[:16]


def _split(
    documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase, heldout_share: float, seed: int
) -> list[_Text]:
    """Hold out whole groups of sections that nearly repeat one another, at random until the share is reached."""
    cuts = [cut_sections(document) for document in documents]
    units = [(number, place) for number, each in enumerate(cuts) for place in range(len(each))]
    texts = [documents[number].text[(each := cuts[number][place]).start : each.end] for number, place in units]
    groups = near_duplicates.find(texts).group
    if any(document.pairs for document in documents):
        groups = near_duplicates.join_equal(groups, [_question(documents[number], place) for number, place in units])
    most = MAX_HELDOUT_TOKENS * _chars_a_token(documents, tokenizer)
    chosen = _chosen(groups, [len(text) for text in texts], heldout_share, most, seed)
    return [
        _Text(
            number,
            document,
            cuts[number],
            frozenset(place for unit, (owner, place) in enumerate(units) if owner == number and groups[unit] in chosen),
        )
        for number, document in enumerate(documents)
    ]


def _question(document: Document, place: int) -> str | int:
    """What may not be on both sides for a pair; something of its own for a section."""
    return " ".join(document.pairs[place].question.casefold().split()) if document.pairs else id(document) + place


def _chars_a_token(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase) -> float:
    sample = "\n".join(document.text[:SAMPLE_CHARS] for document in documents)[:SAMPLE_CHARS]
    return len(sample) / max(1, len(tokenizer(sample, add_special_tokens=False)["input_ids"]))


def _chosen(groups: Sequence[int], sizes: Sequence[int], share: float, most: float, seed: int) -> set[int]:
    """Groups to hold out; one that is far too large is passed over, unless there is no other than one to learn from."""
    size: dict[int, int] = {}
    for group, chars in zip(groups, sizes, strict=True):
        size[group] = size.get(group, 0) + chars
    order = sorted(size)
    random.Random(seed).shuffle(order)
    wanted = min(share * sum(sizes), most)
    chosen: set[int] = set()
    held = 0
    for group in order[: max(len(order) - 1, 0)]:
        if held < wanted and held + size[group] <= 2 * wanted:
            chosen.add(group)
            held += size[group]
    smallest = min(order, key=lambda each: size[each], default=None)
    return chosen or ({smallest} if smallest is not None and len(order) > 1 else set())


def _side(texts: Sequence[_Text], heldout: bool, wishes: _Wishes) -> tuple[list[Example], list[Example], list[Example]]:
    """(stretches of text, given pairs, made pairs) of one side."""
    shelf = PassagePool(wishes.tokenizer)
    if wishes.passages_share:
        for text in texts:
            shelf.add(text.number, text.document, [each for _, each in text.on(not heldout)])
    plain = [text for text in texts if not text.document.pairs]
    read = (
        []
        if wishes.pairs_share == 1
        else [
            each for text in plain for each in windows(text.document, text.on(heldout), wishes.tokenizer, wishes.window)
        ]
    )
    given = [
        _among_passages(pair(asked, wishes.tokenizer, wishes.window), text.number, asked, shelf, wishes)
        for text in texts
        if text.document.pairs
        for asked in (_given(text.document, place) for place, _ in text.on(heldout))
    ]
    wanted = wishes.pairs_share / (1 - wishes.pairs_share) * _tokens(read) if wishes.pairs_share < 1 else float("inf")
    made = list(_made(plain, heldout, shelf, wishes, wanted)) if wanted > 0 else []
    return read, given, made


def _given(document: Document, place: int) -> TrainingPair:
    each = document.pairs[place]
    return TrainingPair(
        "given", each.question, each.answer, min(each.start + len(each.question) + 1, each.end - 1), place
    )


def _made(
    texts: Sequence[_Text], heldout: bool, shelf: PassagePool, wishes: _Wishes, wanted: float
) -> Iterator[Example]:
    """Pairs made from text, every kind in turn, each in random order, until they have the wanted number of tokens."""
    found: dict[ExampleKind, list[tuple[int, TrainingPair]]] = {}
    for text in texts:
        for asked in _asked(text, wishes.seed):
            if (asked.section in text.heldout) is heldout:
                found.setdefault(asked.kind, []).append((text.number, asked))
    draw = random.Random(wishes.seed)
    for of_kind in found.values():
        draw.shuffle(of_kind)
    for number, asked in filter(None, chain.from_iterable(zip_longest(*found.values()))):
        if wanted <= 0:
            return
        bare = pair(asked, wishes.tokenizer, wishes.window)
        wanted -= len(bare.input_ids)
        yield _among_passages(bare, number, asked, shelf, wishes)


def _asked(text: _Text, seed: int) -> Iterator[TrainingPair]:
    """Questions by rules, then those that were written about the text."""
    for made in pairs.make(text.document, seed):
        yield TrainingPair(made.kind, made.question, made.answer, made.start, made.section)
    for each in text.document.questions:
        yield TrainingPair("written", each.question, each.answer, each.start, place_of(text.sections, each.start))


def _among_passages(bare: Example, number: int, asked: TrainingPair, shelf: PassagePool, wishes: _Wishes) -> Example:
    """The pair with passages, where it is one of those that bring some and its own fits beside it."""
    if random.Random(f"{wishes.seed} {asked.question}").random() >= wishes.passages_share:
        return bare
    room = LONGEST * wishes.window - len(bare.input_ids) - INSTRUCTION
    beside = shelf.beside(number, asked, room, wishes.seed)
    return pair(asked, wishes.tokenizer, wishes.window, beside) if beside else bare


def _capped(part: Sequence[Example], side: Sequence[Sequence[Example]]) -> Iterator[Example]:
    """Enough held-out examples for a steady figure, not so many that measuring slows the run; each part its share."""
    left = MAX_HELDOUT_TOKENS * _tokens(part) / max(1, sum(_tokens(each) for each in side))
    for example in part:
        if left <= 0:
            return
        left -= len(example.input_ids)
        yield example


def _tokens(examples: Sequence[Example]) -> int:
    return sum(len(each.input_ids) for each in examples)


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [each.input_ids for each in examples],
            "labels": [each.labels for each in examples],
            "kind": [each.kind for each in examples],
        }
    )
