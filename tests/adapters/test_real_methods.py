"""Every method on the real model: it learns a text through the command line, and beside it the base stays the base."""

import pytest
import torch

import adapters
from playground import prompts
from playground.chat import answer as chat_answer
from playground.chat.answer import Arm, Decoding, load_adapter
from playground.device import Device
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource
from tests.fakes.real_runs import RealRuns, run_command

pytestmark = pytest.mark.slow
QUESTION = "Who has the sole power to try all impeachments?"
TOKENS = 24


@pytest.mark.parametrize("method", adapters.methods())
def test_every_method_learns_a_text_in_six_steps(method: str, real_runs: RealRuns) -> None:
    last = real_runs.end(method)
    assert (last["reason"], last["step"]) == ("done", 6)
    assert last["heldout_after"] < last["heldout_before"]


def test_a_trained_adapter_answers_beside_the_base(
    real_runs: RealRuns, real_source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(real_source.folder))
    question = "What does the Constitution say about the age of the President?"
    run = real_runs.adapter("lora").parent
    base, tuned = run_command("ask", question, "--adapter", str(run), "--max-new-tokens", "24")
    assert (base["arm"], tuned["arm"]) == ("base", "tuned")
    assert base["answer"].strip()
    assert tuned["answer"].strip()
    assert tuned["stamp"]["method"] == "lora"
    assert tuned["stamp"]["base_hash"] == base["stamp"]["base_hash"]


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
