"""Replay: a base's own answers to general prompts are shipped or made once, and only those that ended are kept."""

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from playground.data import replay
from playground.data.dataset import build_split
from playground.data.mix import MixSettings
from playground.prompts import Messages, Turn
from retrieval.document import Document

DEFAULT = "a672150fb4f99d7c"  # hash of SmolLM2-135M-Instruct


def test_the_default_model_has_answers_to_the_general_prompts() -> None:
    turns = replay.shipped_turns(DEFAULT)
    assert len(turns) > 40
    assert {turn.question for turn in turns} <= set(replay.prompts())
    assert all(turn.answer.strip() for turn in turns)
    assert replay.shipped_turns("0" * 16) == []


def test_another_base_answers_once_and_what_was_cut_off_is_left_out(tmp_path: Path) -> None:
    def answer(asked: Sequence[Messages]) -> list[str | None]:
        return [None if place % 2 else f" {each[-1]['content']} Yes. " for place, each in enumerate(asked)]

    file = tmp_path / "replay" / "base.json"
    made = replay.generate_turns(answer, file)
    assert len(made) == (len(replay.prompts()) + 1) // 2
    assert made[0] == Turn(replay.prompts()[0], f"{replay.prompts()[0]} Yes.")
    assert replay.read_turns(file) == made


def test_replay_has_its_share_of_training_and_none_of_the_test(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [Turn(f"What is number {number}?", f"It is number {number}, as everybody knows.") for number in range(200)]
    mix = MixSettings(window=512, heldout_share=0.1, seed=0, pairs_share=0.3, replay_share=0.2)
    text = "\n\n".join(f"Paragraph number {number} says something of its own." for number in range(400))
    split = build_split([Document("text.txt", text)], tokenizer, mix, turns)
    tokens = {True: 0, False: 0}
    for each in split.train:
        tokens[each.kind == "replay"] += len(each.input_ids)
    assert abs(tokens[True] / sum(tokens.values()) - 0.2) < 0.05
    assert not [each for each in split.heldout if each.kind == "replay"]
