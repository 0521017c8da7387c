"""Documents become examples: split by section, loss on answers only, nothing lost and nothing on both sides."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from playground.data import dataset
from playground.data.dataset import ExampleSplit
from playground.data.mix import MixSettings
from playground.data.near_duplicates import group_repeats
from playground.data.preview import preview_lines
from playground.data.qa import pairs
from playground.data.qa.patterns import ENGLISH
from playground.data.side_examples import MAX_REPEATS
from playground.data.tokenize import NO_LOSS, Example, TrainingPair, pair_example
from playground.errors import UserError
from playground.prompts import READ_PASSAGES, WITH_PASSAGES, Turn
from retrieval.chunks import Passage
from retrieval.document import Document, DocumentBuilder, Pair, Span
from retrieval.document import heading_spans as spans
from retrieval.pairs import standalone_pairs
from retrieval.readers import headings
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import jsonl

ASKS = WITH_PASSAGES.split("{passages}")[1].removesuffix("{question}")  # what stands between passages and question


def document(text: str, headings: tuple[Span, ...] = (), pairs: tuple[Pair, ...] = ()) -> Document:
    return Document(name="a.txt", text=text, pages=(), headings=headings, pairs=pairs, notes=(), columns=())


def sectioned(text: str) -> Document:
    return document(text, headings=spans(headings.markdown_headings(text), len(text)))


def prose(paragraphs: int = 60) -> Document:
    return document(
        "\n\n".join(f"Paragraph number {number} says something of its own." for number in range(paragraphs))
    )


def build(tokenizer: PreTrainedTokenizerFast, *documents: Document, **more: float) -> ExampleSplit:
    mix = MixSettings(**{"window": 64, "heldout_share": 0.1, "seed": 0, **more})
    return dataset.build_checked_split(documents, tokenizer, mix)


def sides_of(data: ExampleSplit) -> dict[str, list[Example]]:
    return {"train": data.train, "heldout": data.heldout}


def ids_of(examples: Sequence[Example]) -> list[list[int]]:
    return [each.input_ids for each in examples]


def test_no_window_is_overfull_or_tears_a_section_and_no_paragraph_is_on_both_sides(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    text = "\n\n".join(f"# Part {number}\n\nSection number {number} says something of its own." for number in range(60))
    data = build(tokenizer, sectioned(text), window=100)
    assert max(len(ids) for ids in ids_of(data.train)) <= 100
    read = {side: [tokenizer.decode(ids) for ids in ids_of(part)] for side, part in sides_of(data).items()}
    for number in range(60):
        section = f"# Part {number}\n\nSection number {number} says something of its own."
        holding = [side for side, windows in read.items() for window in windows if section in window]
        assert len(holding) == 1


def test_a_section_that_does_not_fit_is_cut_between_sentences(tokenizer: PreTrainedTokenizerFast) -> None:
    text = " ".join(f"This is sentence number {number} of a long paragraph." for number in range(60))
    other = " ".join(f"This is sentence {number}, and it says other things." for number in range(60))
    data = build(tokenizer, document(text + "\n\n" + other), window=128)
    for ids in [*ids_of(data.train), *ids_of(data.heldout)]:
        assert tokenizer.decode(ids).strip().startswith("This is sentence")
        assert tokenizer.decode(ids).strip().endswith(".")


def test_pairs_carry_loss_on_the_answer_and_its_end_only(tokenizer: PreTrainedTokenizerFast) -> None:
    lines = [f"Question {number}?\nAnswer {number}." for number in range(20)]
    text = "\n\n".join(lines)
    pairs = tuple(
        Pair(f"Question {n}?", f"Answer {n}.", text.index(line), text.index(line) + len(line))
        for n, line in enumerate(lines)
    )
    data = build(tokenizer, document(text, pairs=pairs), window=512)
    first = data.train[0]
    learnt = [label for label in first.labels if label != NO_LOSS]
    assert tokenizer.decode(learnt).startswith("Answer ")
    assert learnt[-1] == tokenizer.eos_token_id
    assert len(first.labels) == len(first.input_ids)


def test_the_split_depends_on_the_seed_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    same = [ids_of(build(tokenizer, prose(400), seed=3).heldout) for _ in range(2)]
    assert same[0] == same[1]
    assert len({str(ids_of(build(tokenizer, prose(400), seed=seed).heldout)) for seed in range(6)}) > 1


def test_a_typed_control_token_is_read_as_plain_text(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(tokenizer, document("\n\n".join([f"Line {n} with <|im_end|> in it." for n in range(40)])))
    assert tokenizer.eos_token_id not in [i for ids in ids_of(data.train) for i in ids]


@pytest.mark.parametrize("text", ["Too short.", "One paragraph only " * 3])
def test_too_little_text_is_refused_with_the_amount(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    with pytest.raises(UserError, match=r"too short to train on: \d+ tokens"):
        build(tokenizer, document(text))


def test_exercises_do_not_count_as_text(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(UserError, match=r"too short to train on: \d\d tokens"):
        build(tokenizer, document("One paragraph only " * 3), exercises_share=0.7)


def handbook(sections: int = 40) -> Document:
    """Sections that each define a thing of their own."""
    words = [
        f"{first}{second}"
        for first in ("lam", "gar", "tol", "sen", "vik", "rud")
        for second in ("pen", "dor", "mat", "lis", "ker", "bol", "nut")
    ]
    parts = [
        f"# About the {word}\n\nA {word} is a tool number {place} that the smiths of {word.title()}burg made "
        f"for the king and his {word} guard in 1{place:03}."
        for place, word in enumerate(words[:sections])
    ]
    return sectioned("\n\n".join(parts))


def asked_on(data: ExampleSplit, tokenizer: PreTrainedTokenizerFast) -> dict[str, list[str]]:
    return {
        side: [tokenizer.decode(each.input_ids) for each in part if each.kind != "text"]
        for side, part in sides_of(data).items()
    }


def test_pairs_made_from_a_section_stay_on_its_side(tokenizer: PreTrainedTokenizerFast) -> None:
    book = handbook()
    data = build(tokenizer, book, window=256, pairs_share=0.6)
    made, asked = pairs.generate_pairs(book), asked_on(data, tokenizer)
    stretches = {side: "".join(tokenizer.decode(ids) for ids in ids_of(part)) for side, part in sides_of(data).items()}
    assert asked["train"]
    assert asked["heldout"]
    for side, texts in asked.items():
        for text in texts:
            (source,) = [each for each in made if f"{each.question}<|im_end|>" in text]
            assert book.text[source.start - 20 : source.start] in stretches[side] or source.question in text
            other = "heldout" if side == "train" else "train"
            assert source.heading not in stretches[other]


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_pairs_have_the_share_of_tokens_that_was_asked_for(tokenizer: PreTrainedTokenizerFast, share: float) -> None:
    data = build(tokenizer, handbook(), window=256, pairs_share=share)
    tokens = {kind: 0 for kind in (True, False)}
    for each in data.train:
        tokens[each.kind != "text"] += len(each.input_ids)
    assert tokens[True] / sum(tokens.values()) == pytest.approx(share, abs=0.05)


def test_with_passages_a_pair_reads_its_own_among_others_of_its_side(tokenizer: PreTrainedTokenizerFast) -> None:
    book = handbook()
    data = build(tokenizer, book, window=1024, pairs_share=0.9, passages_share=1.0)
    opening = WITH_PASSAGES.split("{")[0]
    places = []
    made, refused = pairs.generate_pairs(book), 0
    for side, texts in asked_on(data, tokenizer).items():
        for text in texts:
            assert opening in text
            question = text.split(ASKS)[1].split("<|im_end|>")[0]
            (source,) = [each for each in made if each.question == question]
            shown = text.split(opening)[1].split(ASKS)[0]
            own = [place for place in range(1, 6) if f"[{place}] {source.heading}\n" in shown]
            if text.endswith(f"{ENGLISH.not_in_passages}<|im_end|>"):
                refused += 1
                assert own == []
                continue
            places.append(own[0])
            assert side == "heldout" or shown.count("] About the ") == READ_PASSAGES
            for heading in {each.heading for each in made if f"] {each.heading}\n" in shown}:
                assert any(heading in tokenizer.decode(ids) for ids in ids_of(sides_of(data)[side]))
    assert set(places) == {1, 2, 3}, "the right one has every rank"
    assert places.count(1) > 0.6 * len(places), "most often the best"
    assert 0 < refused <= 0.2 * len(data.train), "a few learn to say that the passages do not tell"


def test_of_all_pairs_the_share_that_was_asked_for_bring_passages(tokenizer: PreTrainedTokenizerFast) -> None:
    opening = WITH_PASSAGES.split("{")[0]
    for share in (0.0, 0.3, 1.0):
        data = build(tokenizer, handbook(), window=1024, pairs_share=0.9, passages_share=share)
        texts = [text for part in asked_on(data, tokenizer).values() for text in part]
        bringing = sum(opening in text for text in texts)
        assert bringing == pytest.approx(share * len(texts), abs=0.05 * len(texts))


def test_passages_of_held_out_sections_are_in_no_training_prompt(tokenizer: PreTrainedTokenizerFast) -> None:
    book = handbook()
    data = build(tokenizer, book, window=1024, pairs_share=0.5, passages_share=1.0)
    held = [tokenizer.decode(each.input_ids) for each in data.heldout if each.kind == "text"]
    hidden = {each.label for each in book.headings if any(f"# {each.label}\n" in text for text in held)}
    assert hidden
    trained = "".join(tokenizer.decode(ids) for ids in ids_of(data.train))
    assert not any(f"{label}\n" in trained for label in hidden)


@pytest.mark.parametrize("seed", range(6))
def test_sections_that_nearly_repeat_each_other_are_on_one_side(tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
    body = "The keeper of lamp {n} trims the wick at dusk, climbs {n} stairs, writes the hour into book {n} and rests."
    twice = [
        f"# {name} {n}\n\n{' '.join(body.format(n=f'{n}{part}') for part in 'abcdefgh')}{more}"
        for n in range(8)
        for name, more in (("First", ""), ("Copy", " Now and then it rains."))
    ]
    data = build(tokenizer, sectioned("\n\n".join(twice)), window=2048, heldout_share=0.3, seed=seed)
    read = {side: "".join(tokenizer.decode(ids) for ids in ids_of(part)) for side, part in sides_of(data).items()}
    assert "lamp" in read["heldout"]
    for n in range(8):
        assert (f"# First {n}" in read["train"]) == (f"# Copy {n}" in read["train"])


def test_answers_to_one_question_are_on_one_side(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [(f"What is thing {n // 3}?", f"{word} answer {n} of {n}") for n, word in enumerate("abc" * 20)]
    text = "\n\n".join(f"{question}\n{answer}" for question, answer in rows)
    starts = [text.index(f"{question}\n{answer}") for question, answer in rows]
    given = tuple(
        Pair(question, answer, start, start + len(question) + 1 + len(answer))
        for (question, answer), start in zip(rows, starts, strict=True)
    )
    asked = asked_on(build(tokenizer, document(text, pairs=given), heldout_share=0.3, window=512), tokenizer)
    both = [{text.split("thing ")[1].split("?")[0] for text in texts} for texts in asked.values()]
    assert all(both)
    assert not both[0] & both[1]


def test_every_example_has_something_to_learn(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(
        tokenizer, sectioned("\n\n".join(f"# {n}\n\nSo {n} it goes on {n}." * 3 for n in range(60))), window=33
    )
    short = build(tokenizer, handbook(), window=32, pairs_share=0.5)  # no answer fits beside a prompt
    for side in (data.train, data.heldout, short.train, short.heldout):
        assert len(side) > 0
        for each in side:
            assert any(label != NO_LOSS for label in each.labels[1:])


def test_a_text_that_only_repeats_itself_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    body = " ".join(f"Word{n} after word{n} comes." for n in range(40))
    with pytest.raises(UserError, match="do not repeat each other"):
        build(tokenizer, sectioned("\n\n".join(f"# A\n\n{body}" for _ in range(9))))


def test_the_data_hash_follows_the_text() -> None:
    assert dataset.data_hash([prose()]) == dataset.data_hash([prose()])
    assert dataset.data_hash([prose()]) != dataset.data_hash([prose(61)])


def conversation_file(count: int = 12) -> Document:
    """Conversations of two turns with a system text, each about other things."""
    builder = DocumentBuilder(100_000)
    for n in range(count):
        first = (f"Where is lamp {n * 7} of tower {WORDS[n]}?", f"The {WORDS[n]} tower keeps lamp {n * 7} upstairs.")
        builder.pair(*first, system="You are a keeper.")
        builder.pair("And the next?", f"Beside the {WORDS[n]} window.", "You are a keeper.", (first,))
    return builder.document("chat.jsonl")


WORDS = ("red", "blue", "green", "white", "black", "brown", "grey", "pink", "gold", "silver", "amber", "violet")


def test_a_conversation_is_learnt_with_all_that_was_said_before(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(tokenizer, conversation_file(), window=512)
    lines = list(preview_lines(data, tokenizer))
    assert len(lines) == 24
    later = [line for line in lines if "And the next?" in line.prompt]
    assert len(later) == 12
    for line in later:
        tower = line.learnt.split()[2]
        assert line.prompt.startswith("<|im_start|>system\nYou are a keeper.<|im_end|>")
        assert f"assistant\nThe {tower} tower keeps lamp" in line.prompt
        assert line.learnt == f"Beside the {tower} window."
        assert line.source.startswith("chat.jsonl:")


def test_all_pairs_of_a_conversation_stay_on_one_side(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(tokenizer, conversation_file(), window=512, heldout_share=0.3)
    sides = {side: {word for word in WORDS if any(f" {word} " in tokenizer.decode(ids) for ids in ids_of(examples))}
             for side, examples in sides_of(data).items()}  # fmt: skip
    assert sides["heldout"]
    assert not sides["train"] & sides["heldout"]


def test_of_a_long_conversation_the_oldest_turns_are_left_out_first(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = tuple(Turn(f"Question {n}?", f"Answer {n}.") for n in range(40))
    pair = TrainingPair("given", "And now?", "The end.", 0, 0, turns=turns)
    example = pair_example(pair, tokenizer, 256)
    text = tokenizer.decode(example.input_ids)
    assert len(example.input_ids) <= 512
    assert "Answer 39." in text
    assert "And now?" in text
    assert "Answer 0." not in text


def test_of_a_long_context_the_part_around_the_answer_is_kept(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "".join(f"Sentence {n} is here. " for n in range(100))
    context = Passage(text, "a.jsonl", "", "", 0, len(text), 0)
    pair = TrainingPair("given", "Which?", "Sentence 70 is here.", 0, 0, context=context)
    example = pair_example(pair, tokenizer, 256)
    read = tokenizer.decode(example.input_ids)
    assert len(example.input_ids) <= 512
    assert "Sentence 70 is here." in read.partition(f"{ASKS}Which?")[0]


def test_a_pair_keeps_its_own_context_and_gets_no_other_passages(tokenizer: PreTrainedTokenizerFast) -> None:
    builder = DocumentBuilder(100_000)
    for n, word in enumerate(WORDS):
        context = builder.context(f"The {word} mill stands at river {n} and grinds {word} corn.")
        builder.pair(f"Where is the {word} mill?", f"At river {n}.", context=context)
    data = build(tokenizer, builder.document("a.jsonl"), window=512, passages_share=1.0)
    for line in preview_lines(data, tokenizer):
        word = next(each for each in WORDS if f"the {each} mill?" in line.prompt)
        assert f"grinds {word} corn" in line.prompt
        assert "[2]" not in line.prompt


def test_a_text_to_summarize_stands_below_the_request(tokenizer: PreTrainedTokenizerFast, write: Write) -> None:
    rows = [{"document": f"The {word} mill grinds {word} corn by the river.", "summary": word} for word in WORDS]
    data = build(tokenizer, read_document(write("a.jsonl", jsonl(*rows))), window=512)
    for line in preview_lines(data, tokenizer):
        asked = (
            f"user\nSummarize this text.\n\nThe {line.learnt} mill grinds {line.learnt} corn by the river.<|im_end|>"
        )
        assert asked in line.prompt


def test_rows_of_one_form_are_held_out_too(tokenizer: PreTrainedTokenizerFast, write: Write) -> None:
    asked = "Which keeper of the northern boiler house in the old harbour town of Larch keeps valve number {}?"
    rows = [
        {"prompt": asked.format(n), "completion": "The keeper of the northern boiler house does so."} for n in range(20)
    ]
    document = read_document(write("a.jsonl", jsonl(*rows)))
    assert len(set(group_repeats(document.text.split("\n\n")).group)) == 1
    data = build(tokenizer, document, window=512)
    assert data.heldout
    assert len(data.train) + len(data.heldout) == 20


def test_questions_that_cannot_be_asked_alone_are_told_apart() -> None:
    plain, later = Pair("a?", "b", 0, 4), Pair("And?", "c", 5, 9, turns=(("a?", "b"),))
    about = [Pair("Sum up.", str(n), 10 + n, 12 + n, context=(n, n + 1)) for n in range(2)]
    single = Pair("Which?", "d", 20, 25, context=(0, 1))
    assert standalone_pairs([plain, later, *about, single]) == [plain, single]


def test_a_part_of_a_text_is_as_long_as_asked_and_is_tested_on_what_the_whole_is(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    mix: dict[str, Any] = {"window": 256, "pairs_share": 0.5, "text_form": "answers", "gaps": False}
    whole, part = (build(tokenizer, handbook(), **mix, text_tokens=tokens) for tokens in (0, 2_000))
    assert (whole.is_part, part.is_part) == (False, True)
    assert part.heldout == whole.heldout
    assert part.train_tokens < whole.train_tokens
    assert abs(part.train_tokens - 2_000) < 400
    explained = {each.source for each in whole.train if each.kind == "explain"}
    assert {each.source for each in part.train if each.kind == "explain"} < explained


def test_a_text_shorter_than_its_part_is_read_whole(tokenizer: PreTrainedTokenizerFast) -> None:
    whole, part = (build(tokenizer, handbook(), window=256, pairs_share=0.5, text_tokens=each) for each in (0, 10**6))
    assert part == whole


def test_an_example_says_what_its_prompt_has_beside_the_question(tokenizer: PreTrainedTokenizerFast) -> None:
    data = build(tokenizer, handbook(), window=1024, pairs_share=0.9, passages_share=1.0)
    shown = {kind: [each for each in data.train if each.prompt_kind == kind] for kind in ("passages", "refusal")}
    assert all(WITH_PASSAGES.split("{")[0] in tokenizer.decode(each.input_ids) for of in shown.values() for each in of)
    refused = [tokenizer.decode([i for i in each.labels if i != NO_LOSS]) for each in shown["refusal"]]
    assert {text.removesuffix("<|im_end|>") for text in refused} == {ENGLISH.not_in_passages}
    assert ENGLISH.not_in_passages not in str([tokenizer.decode(each.input_ids) for each in shown["passages"]])


def test_no_sentence_becomes_the_answer_to_everything(tokenizer: PreTrainedTokenizerFast) -> None:
    few = 'The group\'s name stands for "Dialup IP".\n\n'
    text = few + "".join(
        f"Line {n} of this file says nothing that a rule could ask about, as it is so.\n\n" for n in range(60)
    )
    data = build(tokenizer, sectioned(text), window=256, pairs_share=0.6, gaps=False)
    answers = Counter(each.pair.answer for each in data.train if each.pair)
    assert answers
    assert max(answers.values()) == MAX_REPEATS


def test_a_sentence_that_many_sections_repeat_is_taught_of_one_of_them(tokenizer: PreTrainedTokenizerFast) -> None:
    repeated = "The council shall have power to enforce this rule by a law of its own."
    text = "".join(
        f"# Rule {n}\n\nMember {n} of the club brings a cake of her own to day {n}.\n\n## Rule {n}, power\n\n"
        f"{repeated if n % 2 else repeated.upper()}\n\n"
        for n in range(30)
    )
    data = build(tokenizer, sectioned(text), window=256, pairs_share=0.3, text_form="answers", gaps=False)
    for side in sides_of(data).values():
        for kinds in ({"explain"}, {"heading", "topic", "statement"}):
            told = [each.pair for each in side if each.pair and each.pair.kind in kinds]
            assert len({each.section for each in told if each.answer.upper() == repeated.upper()}) <= 1
    assert len({each.pair.answer for each in data.train if each.pair}) > 20


def test_a_table_that_is_longer_than_a_window_is_cut_between_rows(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = [f"| AB-{n} | Bolt {n} | {n}.50 | shelf {n} |" for n in range(100)]
    text = "\n".join(["| Part | Name | Price | Place |", "|---|---|---|---|", *rows])
    data = build(tokenizer, document(f"{text}\n\n" + prose().text), window=128)
    windows = [tokenizer.decode(each.input_ids) for each in [*data.train, *data.heldout]]
    lines = [line for window in windows for line in window.split("\n") if line.startswith("|")]
    assert len(lines) >= 100
    assert set(lines) <= {*text.split("\n")}
