"""Examples for a question: the most similar pairs of the text, never the question's own, inside a budget."""

from collections.abc import Sequence

import pytest

from playground import prompts
from playground.chat.answer import Arm, Decoding, answer
from playground.chat.few_shot import SHORTLIST, Examples, ExampleSelector, located_pairs
from playground.errors import UserError
from playground.models.chat_model import ChatModel
from playground.prompts import Turn
from retrieval.document import Document, Pair, Span
from tests.fakes.embedders import LetterEmbedder

PAIRS = [("When does the baker open?", "At six."), ("Where is the harbour?", "By the river."), ("Who rings?", "Ann.")]


@pytest.fixture
def chooser() -> ExampleSelector:
    return ExampleSelector()


def placed(pairs: Sequence[tuple[str, str]] = PAIRS) -> list[tuple[str, Turn]]:
    return located_pairs([Document("town.csv", "", pairs=tuple(Pair(*each, n, n + 1) for n, each in enumerate(pairs)))])


def test_the_most_similar_questions_come_first(chooser: ExampleSelector, embedder: LetterEmbedder) -> None:
    found = chooser.choose(embedder, "When does the baker close?", placed(), count=2)
    assert [each.turn.question for each in found.chosen][0] == "When does the baker open?"
    assert found.chosen[0].place == "town.csv:0-1"
    assert found.chosen[0].similarity > found.chosen[1].similarity
    assert len(found.chosen) == 2
    assert not found.same


def test_a_follow_up_s_examples_are_like_what_it_leaves_out(chooser: ExampleSelector, embedder: LetterEmbedder) -> None:
    found = chooser.choose(embedder, "And when?", placed(), count=1, left_out=["baker", "open"])
    assert found.chosen[0].turn.question == "When does the baker open?"
    assert found.chosen[0].similarity > chooser.choose(embedder, "And when?", placed(), count=1).chosen[0].similarity


@pytest.mark.parametrize("question", ["Who rings?", "who   RINGS", "Who, rings!"])
def test_the_question_s_own_pair_is_left_out_and_that_is_said(
    chooser: ExampleSelector, embedder: LetterEmbedder, question: str
) -> None:
    found = chooser.choose(embedder, question, placed())
    assert found.same
    assert "Who rings?" not in [each.turn.question for each in found.chosen]


def test_without_another_pair_it_says_what_is_missing(chooser: ExampleSelector, embedder: LetterEmbedder) -> None:
    for pairs in ([], placed(PAIRS[2:])):
        with pytest.raises(UserError, match="pairs of your text"):
            chooser.choose(embedder, "Who rings?", pairs)


def test_a_question_is_embedded_once_until_it_is_forgotten(chooser: ExampleSelector, embedder: LetterEmbedder) -> None:
    chooser.choose(embedder, "Why?", placed())
    chooser.choose(embedder, "Why?", placed())
    assert sorted(embedder.encoded) == sorted(["Why?", *(question for question, _ in PAIRS)])
    chooser.forget(["Who rings?"])
    chooser.choose(embedder, "Why?", placed())
    assert embedder.encoded[4:] == ["Who rings?"]


def test_of_very_many_pairs_those_with_shared_words_are_embedded(
    chooser: ExampleSelector, embedder: LetterEmbedder
) -> None:
    many = placed([(f"What is rule {n} of the club?", str(n)) for n in range(3 * SHORTLIST)])
    found = chooser.choose(embedder, "Tell me about rule 1100, please.", many)
    assert len(embedder.encoded) == SHORTLIST + 1
    assert "What is rule 1100 of the club?" in embedder.encoded
    assert len(found.chosen) == 3


def test_a_text_without_pairs_of_its_own_gives_those_made_by_rules() -> None:
    text = "# What is the harbour?\n\nThe harbour is where the ships of the town lie at night."
    document = Document("town.md", text, headings=(Span(0, len(text), "What is the harbour?"),))
    ((place, turn),) = located_pairs([document])
    assert turn.question == "What is the harbour?"
    start, end = map(int, place.rpartition(":")[2].split("-"))
    assert text[start:end] == turn.answer


def test_examples_keep_to_their_budget(chooser: ExampleSelector, embedder: LetterEmbedder) -> None:
    found = chooser.choose(embedder, "When does the baker close?", placed())
    kept = found.within(len, len("When does the baker open?\nAt six."))
    assert [each.turn.answer for each in kept.chosen] == ["At six."]


def test_the_few_shot_arm_reads_the_same_skeleton_with_the_examples_as_earlier_turns(
    chat: ChatModel, chooser: ExampleSelector, embedder: LetterEmbedder
) -> None:
    def examples(question: str) -> Examples:
        return chooser.choose(embedder, question, placed())

    arms = [Arm("base"), Arm("few", few_shot=True)]
    decoding = Decoding(max_new_tokens=4)
    *_, (base, few) = answer(chat, arms, "Who runs?", [[], []], None, decoding, examples=examples)
    turns = [each.turn for each in reversed(chooser.choose(embedder, "Who runs?", placed()).chosen)]
    expected = prompts.render(chat.tokenizer, prompts.messages("Who runs?", examples=turns))
    assert few.prompt == chat.tokenizer.decode(expected)
    assert few.prompt.endswith("Who runs?<|im_end|>\n<|im_start|>assistant\n")
    assert few.prompt_tokens == len(expected) > base.prompt_tokens
    assert "By the river." in few.prompt
    assert "By the river." not in base.prompt
    assert (base.stamp.examples, base.examples, base.stamp.template_hash) == ((), None, few.stamp.template_hash)
    assert [each.place for each in reversed(few.examples.chosen)] == list(few.stamp.examples)  # type: ignore[union-attr]


def test_few_shot_without_a_text_is_refused(chat: ChatModel) -> None:
    with pytest.raises(UserError, match="add a text"):
        list(answer(chat, [Arm("few", few_shot=True)], "Who?", [[]], None, Decoding(max_new_tokens=2)))
