"""The default mix on the real model and a real file: a tuned model answers in sentences, to each question another."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import adapters
from playground import prompts
from playground.device import Device
from playground.evaluation.answer_quality import SHORT_WORDS, distinct_share, mark_answer
from playground.inference.engine import Decoding, Prompt, generate
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource
from playground.training import loop as training_loop
from playground.training.config import PRESETS, RunConfig, preset_settings
from retrieval.readers.dispatch import read_document

pytestmark = pytest.mark.slow

STEPS = 34  # of Quick on two quiet cores
QUESTIONS = (
    "What is the difference between apt-get and dpkg?",
    "How do I install Debian packages from the command line?",
    "What is Debian?",
    "How can I report a bug?",
    "What is a virtual package?",
    "Where do I find the source code of a package?",
    "How do I upgrade to the newest stable release?",
    "Is Debian free of charge?",
)


@pytest.fixture(scope="module")
def answers(
    real_source: ModelSource, real_chat: ChatModel, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """What the model answers after a Quick run on the Debian FAQ, as PDF."""
    folder = tmp_path_factory.mktemp("teaching")
    settings = replace(preset_settings(PRESETS["quick"], {}), steps=STEPS, evaluations=1)
    config = RunConfig("lora", adapters.get("lora").Options(), settings)
    document = read_document(shared_data / "debian_faq" / "debian-faq.en.pdf")
    chat = load_chat(real_source, Device("cpu", torch.float32, 0.0))
    *_, end = training_loop.train(config, chat, [document], folder, judge=mark_answer)
    served = load_adapter(folder / "adapter", real_chat)
    rows = [
        Prompt(prompts.render(real_chat.tokenizer, prompts.messages(each)), served.lora, served.model)
        for each in QUESTIONS
    ]
    ids: list[list[int]] = [[] for _ in rows]
    for token in generate(real_chat, rows, Decoding(max_new_tokens=64)):
        ids[token.row].append(token.id)
    return [str(real_chat.tokenizer.decode(each, skip_special_tokens=True)).strip() for each in ids]


def test_no_answer_is_shorter_than_four_words(answers: list[str]) -> None:
    assert [each for each in answers if len(each.split()) < SHORT_WORDS] == []


def test_eight_questions_get_eight_answers(answers: list[str]) -> None:
    assert distinct_share(answers) == 1.0, answers
