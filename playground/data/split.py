"""Which sections of the documents are held out: whole groups of near duplicates, drawn at random by the seed."""

import random
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain

from transformers import PreTrainedTokenizerBase

from playground.data import near_duplicates
from playground.data.sections import Section, cut_sections
from retrieval.document import Document, Pair

SAMPLE_CHARS = 10_000  # from which the characters per token are estimated


@dataclass(frozen=True)
class SplitDocument:
    """One document in sections.

    `heldout` holds the places of those that are held out, `skipped` those of the others that are not read.
    """

    number: int
    document: Document
    sections: Sequence[Section]
    heldout: frozenset[int]
    skipped: frozenset[int] = frozenset()

    def on_side(self, heldout: bool) -> list[tuple[int, Section]]:
        """The sections that one side reads, each with its place."""
        return [(place, each) for place, each in enumerate(self.sections) if self.is_read(place, heldout)]

    def is_read(self, place: int, heldout: bool) -> bool:
        """Whether a section is read on this side of the split."""
        return place in self.heldout if heldout else place not in self.heldout | self.skipped


def split_documents(
    documents: Sequence[Document],
    tokenizer: PreTrainedTokenizerBase,
    heldout_share: float,
    max_heldout_tokens: int,
    seed: int,
) -> list[SplitDocument]:
    """Hold out sections until `heldout_share` of the characters, or about `max_heldout_tokens`, are reached.

    Sections that nearly repeat each other, pairs with the same question, and all pairs of a conversation or about one
    context stay on one side.
    """
    cuts = [cut_sections(document) for document in documents]
    units = [(number, place) for number, each in enumerate(cuts) for place in range(len(each))]
    texts = [text for document, cut in zip(documents, cuts, strict=True) for text in _unit_texts(document, cut)]
    repeats = near_duplicates.group_repeats(texts)
    # Pairs of a file that all resemble each other, such as those made from a form, are told apart by equality.
    alike = len(set(repeats.group)) == 1 and all(document.pairs for document in documents)
    groups = repeats.same if alike else repeats.group
    if any(document.pairs for document in documents):
        asked = [key for document, cut in zip(documents, cuts, strict=True) for key in _question_keys(document, cut)]
        keys = [key or unit for key, unit in zip(asked, units, strict=True)]
        groups = near_duplicates.merge_groups(groups, keys)
    max_chars = max_heldout_tokens * _chars_per_token(documents, tokenizer)
    sizes = [section.end - section.start for cut in cuts for section in cut]
    chosen = _choose_groups(groups, sizes, heldout_share, max_chars, seed)
    heldout: list[set[int]] = [set() for _ in documents]
    for group, (number, place) in zip(groups, units, strict=True):
        if group in chosen:
            heldout[number].add(place)
    return [
        SplitDocument(number, document, cuts[number], frozenset(heldout[number]))
        for number, document in enumerate(documents)
    ]


def _unit_texts(document: Document, cut: Sequence[Section]) -> list[str]:
    """The text of every section; of a pair in a conversation, or with others about one context, that of them all."""
    texts = [document.text[section.start : section.end] for section in cut]
    if all(pair.is_plain for pair in document.pairs):
        return texts
    gathered: dict[Hashable, list[str]] = {}
    keys = _conversation_keys(document.pairs)
    for pair, key, text in zip(document.pairs, keys, texts, strict=True):
        before = [document.text[slice(*pair.context)]] if pair.context else list(chain(*pair.turns))
        gathered.setdefault(key, before).append(text)
    whole = {key: "\n".join(parts) for key, parts in gathered.items()}
    return [whole[key] for key in keys]


def _conversation_keys(pairs: Sequence[Pair]) -> list[Hashable]:
    """Equal for pairs of one conversation, and for those about one context."""
    keys: list[Hashable] = []
    for place, pair in enumerate(pairs):
        follows = place > 0 and (pairs[place - 1].question, pairs[place - 1].answer) in pair.turns
        keys.append(pair.context or (keys[-1] if follows else place))
    return keys


def _question_keys(document: Document, cut: Sequence[Section]) -> list[str]:
    """Equal for pairs that ask the same question and nothing else; empty for others and for sections of text."""
    if not document.pairs:
        return [""] * len(cut)
    conversations = Counter(_conversation_keys(document.pairs))
    alone = [conversations[key] == 1 for key in _conversation_keys(document.pairs)]
    return [
        " ".join(pair.question.casefold().split()) if single and not (pair.turns or pair.context) else ""
        for pair, single in zip(document.pairs, alone, strict=True)
    ]


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
