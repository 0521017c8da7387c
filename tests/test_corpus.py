"""Documents become examples: split by section, loss on answers only, nothing lost and nothing on both sides."""

import pytest
from transformers import PreTrainedTokenizerFast

from playground import corpus
from playground.corpus import NO_LOSS
from playground.errors import UserError
from retrieval.documents import Document, Pair, Span


def document(text: str, headings: tuple[Span, ...] = (), pairs: tuple[Pair, ...] = ()) -> Document:
    return Document(name="a.txt", text=text, pages=(), headings=headings, pairs=pairs, dropped=(), columns=())


def prose(paragraphs: int = 60) -> Document:
    return document(
        "\n\n".join(f"Paragraph number {number} says something of its own." for number in range(paragraphs))
    )


def build(tokenizer: PreTrainedTokenizerFast, *documents: Document, **more: int) -> corpus.Corpus:
    return corpus.build(documents, tokenizer, **{"window": 64, "heldout_share": 0.1, "seed": 0, **more})


def test_prose_fills_whole_windows_and_no_paragraph_is_on_both_sides(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(tokenizer, prose())
    assert {len(ids) for ids in data.train["input_ids"][:-1]} == {64}
    read = {
        side: tokenizer.decode([i for ids in part["input_ids"] for i in ids]) for side, part in _sides(data).items()
    }
    for number in range(60):
        sentence = f"Paragraph number {number} says"
        assert (sentence in read["train"]) != (sentence in read["heldout"])


def test_pairs_carry_loss_on_the_answer_and_its_end_only(tokenizer: PreTrainedTokenizerFast) -> None:
    lines = [f"Question {number}?\nAnswer {number}." for number in range(20)]
    text = "\n\n".join(lines)
    pairs = tuple(
        Pair(f"Question {n}?", f"Answer {n}.", text.index(line), text.index(line) + len(line))
        for n, line in enumerate(lines)
    )
    data = build(tokenizer, document(text, pairs=pairs), window=512)
    first = data.train[0]
    learnt = [label for label in first["labels"] if label != NO_LOSS]
    assert tokenizer.decode(learnt).startswith("Answer ")
    assert learnt[-1] == tokenizer.eos_token_id
    assert len(first["labels"]) == len(first["input_ids"])


def test_the_split_depends_on_the_seed_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    same = [build(tokenizer, prose(), seed=3).heldout["input_ids"] for _ in range(2)]
    assert same[0] == same[1]
    assert build(tokenizer, prose(), seed=4).heldout["input_ids"] != same[0]


def test_sections_are_cut_at_headings() -> None:
    text = "Intro.\nOne\nfirst body\nTwo\nsecond body"
    spans = (Span(text.index("One"), text.index("Two"), "One"), Span(text.index("Two"), len(text), "Two"))
    assert corpus.sections(document(text, spans)) == ["Intro.", "One\nfirst body", "Two\nsecond body"]


def test_a_typed_control_token_is_read_as_plain_text(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(tokenizer, document("\n\n".join([f"Line {n} with <|im_end|> in it." for n in range(40)])))
    assert tokenizer.eos_token_id not in [i for ids in data.train["input_ids"] for i in ids]


@pytest.mark.parametrize("text", ["Too short.", "One paragraph only " * 3])
def test_too_little_text_is_refused_with_the_amount(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    with pytest.raises(UserError, match=r"too short to train on: \d+ tokens"):
        build(tokenizer, document(text))


def test_the_data_hash_follows_the_text() -> None:
    assert corpus.data_hash([prose()]) == corpus.data_hash([prose()])
    assert corpus.data_hash([prose()]) != corpus.data_hash([prose(61)])


def _sides(data: corpus.Corpus) -> dict[str, "corpus.Dataset"]:
    return {"train": data.train, "heldout": data.heldout}
