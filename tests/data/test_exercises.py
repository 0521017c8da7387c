"""Reading exercises: the shipped ones can be answered from their passages, and they get their share of training."""

import re
from collections.abc import Sequence
from itertools import chain

import pytest
from transformers import PreTrainedTokenizerFast

from playground.data.dataset import build_split
from playground.data.exercises import Exercise, exercise_examples, languages, read_exercises
from playground.data.mix import MixSettings
from playground.data.packing import join_groups, pack_length
from playground.data.tokenize import MAX_GROUP_WINDOWS, Example
from playground.prompts import Turn
from retrieval.chunks import Passage
from retrieval.document import Document

WINDOW = 256
LONG = 2_048  # the test tokenizer reads bytes
FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")


@pytest.fixture(params=languages())
def shipped(request: pytest.FixtureRequest) -> tuple[Exercise, ...]:
    return read_exercises(request.param)


def asked(exercises: Sequence[Exercise]) -> list[tuple[Passage, Turn]]:
    """Every question with its passage."""
    return [
        (passage, turn)
        for each in exercises
        for passage, turns in zip(each.passages, each.questions, strict=True)
        for turn in turns
    ]


def made(count: int = 3, words: int = 12) -> Exercise:
    """An exercise of `count` passages of so many words, each asked for twice."""
    passages = [" ".join(f"w{place}" for place in range(words)) + f" {name}." for name in "abcdef"[:count]]
    turns = tuple((Turn(f"Where is {n} one?", f"It is in {n}."), Turn(f"Why {n}?", f"For {n}.")) for n in range(count))
    return Exercise(
        "made", tuple(Passage(each, "made", "", f"h{n}", 0, 1, 0) for n, each in enumerate(passages)), turns
    )


def test_there_are_exercises_in_both_languages_of_the_page() -> None:
    assert languages() == ["en", "vi"]
    assert read_exercises("de") == ()


def test_every_figure_of_an_answer_stands_in_its_passage_or_question(shipped: tuple[Exercise, ...]) -> None:
    for passage, turn in asked(shipped):
        known = set(FIGURE.findall(f"{passage.heading} {passage.text} {turn.question}"))
        assert set(FIGURE.findall(turn.answer)) <= known, turn


def test_every_passage_is_asked_for_twice_and_answered_in_a_sentence(shipped: tuple[Exercise, ...]) -> None:
    assert all(len(turns) == 2 for each in shipped for turns in each.questions)
    answers = [turn.answer for _, turn in asked(shipped)]
    assert all(5 <= len(each.split()) <= 45 and each[-1] in '.”"' for each in answers)
    assert len(set(answers)) == len(answers)
    assert len({turn.question for _, turn in asked(shipped)}) == len(answers)


def test_a_group_asks_all_questions_of_the_same_passages(tokenizer: PreTrainedTokenizerFast) -> None:
    groups = join_groups(exercise_examples([made()], tokenizer, WINDOW, 1, seed=0))
    assert [len(each) for each in groups] == [6]
    prompt = tokenizer.decode(groups[0][0].input_ids)
    assert all(passage.text in prompt for passage in made().passages)


def test_of_long_passages_each_group_has_the_one_that_answers(tokenizer: PreTrainedTokenizerFast) -> None:
    long = made(words=70)
    groups = join_groups(exercise_examples([long], tokenizer, WINDOW, 5 * MAX_GROUP_WINDOWS * WINDOW, seed=0))[:3]
    assert [len(each) for each in groups] == [2, 2, 2]
    for place, group in enumerate(groups):
        assert all(long.passages[place].text in tokenizer.decode(each.input_ids) for each in group)
        assert pack_length(group) <= MAX_GROUP_WINDOWS * WINDOW


def test_few_exercises_are_read_again_as_groups_of_their_own(tokenizer: PreTrainedTokenizerFast) -> None:
    groups = join_groups(exercise_examples([made()], tokenizer, WINDOW, 4 * MAX_GROUP_WINDOWS * WINDOW, seed=0))
    assert len(groups) >= 4
    assert all([each.input_ids for each in group] == [each.input_ids for each in groups[0]] for group in groups)


def test_passages_that_fit_nowhere_are_left_out(tokenizer: PreTrainedTokenizerFast) -> None:
    assert exercise_examples([made(words=900)], tokenizer, WINDOW, 10_000, seed=0) == []


def read_of(
    document: Document, tokenizer: PreTrainedTokenizerFast, share: float
) -> tuple[list[Example], list[Example]]:
    """The training examples that are exercises, and all others; none is held out."""
    mix = MixSettings(LONG, heldout_share=0.1, seed=0, pairs_share=0.3, exercises_share=share)
    split = build_split([document], tokenizer, mix)
    assert not [each for each in split.heldout if each.kind == "exercise"]
    found = [each for each in split.train if each.kind == "exercise"]
    return found, [each for each in split.train if each.kind != "exercise"]


def test_exercises_have_their_share_of_what_is_read(tokenizer: PreTrainedTokenizerFast) -> None:
    text = "\n\n".join(f"Paragraph number {number} says something of its own about the town." for number in range(1500))
    found, others = read_of(Document("text.txt", text), tokenizer, 0.2)
    exercises, rest = (sum(map(pack_length, join_groups(each))) for each in (found, others))
    assert abs(exercises / (exercises + rest) - 0.2) < 0.04
    assert not read_of(Document("text.txt", text), tokenizer, 0.0)[0]


@pytest.mark.parametrize(
    ("sentence", "language"),
    [
        ("Người thủ thư mở cửa phòng đọc vào tám giờ sáng và đóng cửa lúc năm giờ chiều, số {}.", "vi"),
        ("The librarian opens the reading room at eight in the morning and closes it at five, number {}.", "en"),
        ("Die Bibliothekarin öffnet den Lesesaal um acht Uhr morgens und schließt ihn um fünf, Nummer {}.", None),
    ],
)
def test_exercises_are_in_the_language_of_the_text(
    tokenizer: PreTrainedTokenizerFast, sentence: str, language: str | None
) -> None:
    text = "\n\n".join(sentence.format(number) for number in range(900))
    found, _ = read_of(Document("text.txt", text), tokenizer, 0.3)
    known = {turn.question for _, turn in asked(read_exercises(language or "en"))}
    questions = {each.pair.question for each in chain(found) if each.pair}
    assert questions <= known if language else not questions
    assert bool(questions) is bool(language)
