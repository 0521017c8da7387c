"""The split holds out whole sections, and joins only those that repeat each other or ask the same."""

from itertools import pairwise

from transformers import PreTrainedTokenizerFast

from playground.data.split import SplitDocument, split_documents
from retrieval.document import Document, Pair

SECTIONS = 200
MARKS = "abcdefghijklmnopqrstuvwxyz"


def handbook(number: int) -> Document:
    """A text of SECTIONS sections that no other text repeats."""
    own = MARKS[number // 26] + MARKS[number % 26]
    rules = [" ".join(f"{own}{mark}{place}" for mark in MARKS[:12]) for place in range(SECTIONS)]
    # A section is cut at MAX_CHARS, so each of these has its own.
    return Document(f"{own}.txt", "\n\n".join(f"{rule} {'x' * 950}" for rule in rules))


def neighbours(documents: list[Document]) -> tuple[Document, Document, int]:
    """Two documents whose addresses in memory differ by less than SECTIONS, and that difference."""
    by_address = sorted(documents, key=id)
    return next((a, b, id(b) - id(a)) for a, b in pairwise(by_address) if id(b) - id(a) < SECTIONS)


def questions() -> Document:
    text = "Who?\nThe smith did it."
    return Document("asked.jsonl", text, pairs=(Pair("Who?", "The smith did it.", 0, len(text)),))


def test_sections_of_texts_beside_a_file_of_pairs_are_drawn_one_by_one(tokenizer: PreTrainedTokenizerFast) -> None:
    first, second, apart = neighbours([handbook(number) for number in range(60)])

    def same_side(texts: list[SplitDocument]) -> bool:
        return (apart in texts[0].heldout) == (0 in texts[1].heldout)

    documents = [first, second, questions()]
    splits = [split_documents(documents, tokenizer, 0.5, 1_000_000, seed) for seed in range(8)]
    assert {len(each.sections) for split in splits for each in split[:2]} == {SECTIONS}
    assert not all(map(same_side, splits))
