"""The base pane is the base: on the real model, after training and with every choice of adapters beside it."""

import pytest
import torch

from playground import prompts
from playground.chat import answer as chat_answer
from playground.chat.answer import Arm, Decoding, load_adapter
from playground.device import Device
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource
from tests.fakes.real_runs import RealRuns

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real runs")]
QUESTION = "Who has the sole power to try all impeachments?"
TOKENS = 24


def test_the_base_answers_as_a_clean_base_beside_every_adapter(
    real_chat: ChatModel, real_source: ModelSource, real_runs: RealRuns
) -> None:
    clean = _generate(load_chat(real_source, Device("cpu", torch.float32, 100.0)))
    trained = [load_adapter(real_runs.adapter(method), real_chat) for method in ("lora", "vera")]
    lora, vera = (Arm(f"tuned:{each.method}", each) for each in trained)
    base = Arm("base")
    for beside in ([], [lora], [vera], [lora, vera], []):
        answers = _answers(real_chat, [base, *beside])
        assert answers[0] == clean
        assert all(each != clean for each in answers[1:])


def _answers(model: ChatModel, arms: list[Arm]) -> list[str]:
    greedy = Decoding(max_new_tokens=TOKENS, repetition_penalty=1.0)
    *_, last = chat_answer.answer(model, arms, QUESTION, [[] for _ in arms], None, greedy)
    return [each.text for each in last]


def _generate(model: ChatModel) -> str:
    ids = prompts.render(model.tokenizer, prompts.messages(QUESTION))
    out = model.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=TOKENS)
    return chat_answer.visible_text(model.tokenizer, out[0, len(ids) :].tolist())
