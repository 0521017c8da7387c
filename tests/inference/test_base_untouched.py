"""The base pane is the base: on the real model, after training and with every choice of adapters beside it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from playground import prompts
from playground.chat import answer as chat_answer
from playground.chat.answer import Arm, Decoding, ServedAdapter, load_adapter
from playground.device import Device
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TEXT = ROOT / "playground" / "data" / "example_texts" / "us_constitution.txt"
QUESTION = "Who has the sole power to try all impeachments?"
TOKENS = 24
RATES = {"lora": 0.01, "vera": 0.3}


@pytest.fixture(scope="module")
def model() -> Iterator[ChatModel]:
    """The real model, on all threads: one would take minutes."""
    torch.set_num_threads(os.cpu_count() or 1)
    yield load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 100.0))
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def adapters_(model: ChatModel, tmp_path_factory: pytest.TempPathFactory) -> list[ServedAdapter]:
    """Two adapters of different methods and ranks, trained too fast, so that each plainly answers in its own way."""
    return [load_adapter(_train(method, tmp_path_factory.mktemp(method)), model) for method in RATES]


def test_the_base_answers_as_a_clean_base_beside_every_adapter(
    model: ChatModel, adapters_: list[ServedAdapter]
) -> None:
    clean = _generate(load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 100.0)))
    lora, vera = (Arm(f"tuned:{each.method}", each) for each in adapters_)
    base = Arm("base")
    for beside in ([], [lora], [vera], [lora, vera], []):
        answers = _answers(model, [base, *beside])
        assert answers[0] == clean
        assert all(each != clean for each in answers[1:])


def _train(method: str, out: Path) -> Path:
    """A part of the text is enough to learn from, and its held-out loss sooner measured."""
    text = out.with_suffix(".txt")
    text.write_text(TEXT.read_text(encoding="utf-8")[:15_000], encoding="utf-8")
    command = [sys.executable, "-m", "playground", "train", str(text), "--method", method, "--out", str(out)]
    few = ["--max-steps", "8", "--evaluations", "1", "--learning-rate", str(RATES[method])]
    subprocess.run([*command, *few], cwd=ROOT, check=True, capture_output=True)
    return out / "adapter"


def _answers(model: ChatModel, arms: list[Arm]) -> list[str]:
    greedy = Decoding(max_new_tokens=TOKENS, repetition_penalty=1.0)
    *_, last = chat_answer.answer(model, arms, QUESTION, [[] for _ in arms], None, greedy)
    return [each.text for each in last]


def _generate(model: ChatModel) -> str:
    ids = prompts.render(model.tokenizer, prompts.messages(QUESTION))
    out = model.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=TOKENS)
    return chat_answer.visible_text(model.tokenizer, out[0, len(ids) :].tolist())
