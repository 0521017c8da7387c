"""Which sections of the documents are held out: whole groups of near duplicates, drawn at random by the seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from playground.data import near_duplicates
from playground.data.sections import Section, cut_sections
from retrieval.document import Document

SAMPLE_CHARS = 10_000  # from which the characters per token are estimated


@dataclass(frozen=True)
class SplitDocument:
    """One document in sections; `heldout` holds the places of those that are held out."""

    number: int
    document: Document
    sections: Sequence[Section]
    heldout: frozenset[int]

    def on_side(self, heldout: bool) -> list[tuple[int, Section]]:
        """The sections of one side, each with its place."""
        return [(place, each) for place, each in enumerate(self.sections) if (place in self.heldout) is heldout]


def split_documents(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    heldout_share: float,
    max_heldout_tokens: int,
    seed: int,
) -> list[SplitDocument]:
    """Hold out sections until `heldout_share` of the characters, or about `max_heldout_tokens`, are reached.

    Sections that nearly repeat each other, and pairs with the same question, stay on one side.
    """
    cuts = [cut_sections(document) for document in documents]
    units = [(number, place) for number, each in enumerate(cuts) for place in range(len(each))]
    texts = [documents[number].text[(each := cuts[number][place]).start : each.end] for number, place in units]
    groups = near_duplicates.group_repeats(texts).group
    if any(document.pairs for document in documents):
        keys = [_question_key(documents[number], place) or (number, place) for number, place in units]
        groups = near_duplicates.merge_groups(groups, keys)
    max_chars = max_heldout_tokens * _chars_per_token(documents, tokenizer)
    chosen = _choose_groups(groups, [len(text) for text in texts], heldout_share, max_chars, seed)
    heldout: list[set[int]] = [set() for _ in documents]
    for group, (number, place) in zip(groups, units, strict=True):
        if group in chosen:
            heldout[number].add(place)
    return [
        SplitDocument(number, document, cuts[number], frozenset(heldout[number]))
        for number, document in enumerate(documents)
    ]


def _question_key(document: Document, place: int) -> str:
    """Equal for pairs that ask the same question; empty for a section of text."""
    return " ".join(document.pairs[place].question.casefold().split()) if document.pairs else ""


def _chars_per_token(documents: Sequence[Document], tokenizer: PreTrainedTokenizerBase) -> float:
    sample = "\n".join(document.text[:SAMPLE_CHARS] for document in documents)[:SAMPLE_CHARS]
    return len(sample) / max(1, len(tokenizer(sample, add_special_tokens=False)["input_ids"]))


def _choose_groups(groups: Sequence[int], sizes: Sequence[int], share: float, max_chars: float, seed: int) -> set[int]:
    """Groups to hold out. A group that is far too large is skipped; one group is always left to train on."""
    size: dict[int, int] = {}
    for group, chars in zip(groups, sizes, strict=True):
        size[group] = size.get(group, 0) + chars
    order = sorted(size)
    random.Random(seed).shuffle(order)
    wanted = min(share * sum(sizes), max_chars)
    chosen: set[int] = set()
    held = 0
    for group in order[: max(len(order) - 1, 0)]:
        if held < wanted and held + size[group] <= 2 * wanted:
            chosen.add(group)
            held += size[group]
    smallest = min(order, key=lambda each: size[each], default=None)
    return chosen or ({smallest} if smallest is not None and len(order) > 1 else set())
