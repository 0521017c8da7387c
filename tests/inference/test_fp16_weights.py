"""Answers from weights of 16 bits: the rounded weights' own logits, alone as in the batch, and refused where wrong."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.func import functional_call
from transformers import PreTrainedModel

from adapters.base import PlainLora
from benchmarks.chat import random_lora
from playground import prompts
from playground.chat.answer import Arm, ServedAdapter, answer
from playground.errors import UserError
from playground.inference import fp16_weights, scheduler
from playground.inference.engine import Decoding, Prompt
from playground.inference.forward import forward_of
from playground.inference.fp16_weights import FP16, Fp16Weight, round_to_fp16, unavailable_reason
from playground.inference.kv_cache import KVCache
from playground.inference.ragged_batch import Segment
from playground.inference.self_test import run_self_test
from playground.models.chat_model import ChatModel
from playground.models.registry import ModelSource
from playground.settings import Settings
from retrieval.readers.dispatch import read_document
from tests.fakes.architectures import OURS, TOKENS, fit, strong
from tests.fakes.chat_model import generate_rows, lora, small_chat, untouched

CONSTITUTION = Path(__file__).parents[2] / "playground" / "data" / "example_texts" / "us_constitution.txt"
ASKED = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "Name three rivers. " * 40,
    "Sing a song of the sea.",
)
GREEDY = Decoding(max_new_tokens=24, repetition_penalty=1.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny matrices need not be multiplied faster."""
    monkeypatch.setattr(fp16_weights, "is_faster", lambda inputs: True)
    if unavailable_reason(32) == "PyTorch has no such product here":
        pytest.skip("PyTorch has no products of 16 bits on this processor")


@pytest.fixture
def chat() -> ChatModel:
    return replace(small_chat(), bits=16)


def rounded(model: PreTrainedModel, ids: list[int], adapter: PlainLora | None) -> Tensor:
    """Logits of the model whose every matrix but the embeddings was rounded, with the adapter written into them."""
    weights = {}
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear):
            weights[f"{name}.weight"] = layer.weight.detach().half().float()
            if adapter and name in adapter.layers:
                A, B = adapter.layers[name]
                weights[f"{name}.weight"] += B @ A
    with torch.inference_mode():
        asked = {"input_ids": torch.tensor([ids])}
        return functional_call(model, weights, (), asked, tie_weights=False).logits[0]


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_products_are_those_of_the_rounded_weight(rows: int) -> None:
    random = torch.Generator().manual_seed(0)
    weight, x = torch.randn(40, 24, generator=random), torch.randn(24, rows, generator=random).T
    assert torch.equal(Fp16Weight(weight).multiply(torch.eye(24)), round_to_fp16(weight).T)
    torch.testing.assert_close(Fp16Weight(weight).multiply(x), x @ round_to_fp16(weight).T)
    assert not torch.equal(round_to_fp16(weight), weight)


def test_a_weight_beyond_float16_is_held_at_its_end_and_stays_as_it_is() -> None:
    weight = torch.tensor([[1e6, 1.0], [-1e9, 0.0]])
    assert Fp16Weight(weight).multiply(torch.eye(2)).tolist() == [[65504, -65504], [1, 0]]
    assert weight.tolist() == [[1e6, 1.0], [-1e9, 0.0]]


@pytest.mark.parametrize("kind", sorted(OURS))
def test_rows_get_the_logits_of_the_rounded_weights_with_adapters_unrounded(kind: str) -> None:
    model = strong(kind)
    forward = forward_of(model, 16)
    assert forward.weight_dtype == FP16
    some = [None, fit(model, 1), fit(model, 2, rank=50, part="_proj")]
    found = forward([Segment(TOKENS[: 9 + n], KVCache(60), each) for n, each in enumerate(some)])
    for n, (each, logits) in enumerate(zip(some, found, strict=True)):
        expected = rounded(model, TOKENS[: 9 + n], each)[-1:]
        torch.testing.assert_close(logits, expected, atol=2e-4, rtol=2e-4)
        whole = forward_of(model)([Segment(TOKENS[: 9 + n], KVCache(60), each)])[0]
        assert float((whole - expected).abs().max()) > 10 * float((logits - expected).abs().max())


def test_every_row_says_in_the_batch_what_it_says_alone_and_guesses_change_nothing(
    chat: ChatModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [prompts.render(chat.tokenizer, prompts.messages(each)) for each in ASKED]
    rows = [Prompt(ids, each) for each in (None, lora(1), lora(2)) for ids in asked]
    together = generate_rows(chat, rows, GREEDY)
    assert len({*map(tuple, together)}) > len(rows) // 2
    assert together == [generate_rows(chat, [row], GREEDY)[0] for row in rows]
    monkeypatch.setattr(scheduler, "MAX_DRAFT", 0)
    assert together == [generate_rows(chat, [row], GREEDY)[0] for row in rows]
    assert untouched(chat)


def test_stamps_say_which_weights_answered(chat: ChatModel) -> None:
    arms = [Arm("base"), Arm("tuned", ServedAdapter("LoRA", "a" * 16, "lora", lora(1)))]
    for bits, weights in ((16, "float16"), (32, "float32")):
        answers = list(answer(replace(chat, bits=bits), arms, "When?", [[], []], None, GREEDY))[-1]
        assert [each.stamp.to_dict()["weights"] for each in answers] == [weights] * 2
        assert len({each.stamp.id for each in answers}) == 2


def test_a_full_model_beside_is_answered_from_the_same_bits_and_counts_its_copy(chat: ChatModel) -> None:
    own = small_chat().model
    with torch.no_grad():
        own.model.layers[0].self_attn.q_proj.weight.mul_(-1)
    full = ServedAdapter("Full", "f" * 16, "full", None, own, bits=16)
    assert 2 * full.nbytes == 3 * replace(full, bits=32).nbytes
    told = list(answer(chat, [Arm("full", full)], "When?", [[]], None, GREEDY))[-1][0]
    assert told.stamp.weights == forward_of(own, 16).weight_dtype == FP16


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong", "gives other numbers"),
        ("missing", "has no such product"),
        ("slow", "is not faster"),
        ("wrong, unseen", "are not those of the rounded weights"),
    ],
)
def test_whole_weights_answer_where_the_product_is_wrong_missing_or_slow_and_the_log_says_so_once(
    fault: str, words: str, chat: ChatModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    honest = Fp16Weight.multiply

    def product(self: Fp16Weight, x: Tensor) -> Tensor:
        if fault == "missing":
            raise RuntimeError("not implemented")
        return honest(self, x) * (1.001 if "wrong" in fault else 1.0)

    monkeypatch.setattr(Fp16Weight, "multiply", product)
    monkeypatch.setattr(fp16_weights, "is_faster", lambda inputs: fault != "slow")
    if fault == "wrong, unseen":
        monkeypatch.setattr(fp16_weights, "unavailable_reason", lambda inputs: "")
    with caplog.at_level(logging.WARNING):
        told = [list(answer(chat, [Arm("base")], "When?", [[]], None, GREEDY))[-1][0] for _ in range(2)]
    assert [record for record in caplog.text.splitlines() if words in record] == caplog.text.splitlines()[:1]
    assert caplog.text.count("16 bits") == 1
    assert told[1].stamp.weights == "float32"
    assert told[1].text == list(answer(small_chat(), [Arm("base")], "When?", [[]], None, GREEDY))[-1][0].text


def test_a_model_of_another_kind_answers_from_its_whole_weights(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert forward_of(strong("gpt2"), 16).weight_dtype == "float32"
    assert "GPT2LMHeadModel is not of a kind" in caplog.text


@pytest.mark.parametrize("bits", ["7", "8", "-16", "all"])
def test_other_numbers_of_bits_are_refused_in_one_sentence(bits: str) -> None:
    with pytest.raises(UserError, match=f"PLAYGROUND_ANSWER_BITS must be 32 or 16, got '{bits}'"):
        Settings.from_environment({"PLAYGROUND_ANSWER_BITS": bits})
    assert Settings.from_environment({"PLAYGROUND_ANSWER_BITS": "16"}).answer_bits == 16
    assert Settings.from_environment({}).answer_bits == 32


@pytest.fixture
def real(real_chat: ChatModel) -> ChatModel:
    return replace(real_chat, bits=16)


@pytest.mark.slow
def test_the_real_model_says_in_the_batch_what_it_says_alone(real: ChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [prompts.render(real.tokenizer, prompts.messages(each)) for each in ASKED]
    rows = [Prompt(ids, each) for each in (None, random_lora(real.model)) for ids in asked]
    together = generate_rows(real, rows, GREEDY)
    assert forward_of(real.model, real.bits).weight_dtype == FP16
    assert together[:4] != together[4:]
    assert together == [generate_rows(real, [row], GREEDY)[0] for row in rows]
    monkeypatch.setattr(scheduler, "MAX_DRAFT", 0)
    assert together[:4] == [generate_rows(real, [row], GREEDY)[0] for row in rows[:4]]


@pytest.mark.slow
def test_the_real_models_perplexity_stays_within_one_per_cent(real: ChatModel) -> None:
    ids = real.tokenizer(read_document(CONSTITUTION).text)["input_ids"][:600]
    found = []
    for bits in (32, 16):
        logits = forward_of(real.model, bits)([Segment(ids, KVCache(len(ids)), keep=len(ids))])[0]
        found.append(math.exp(float(torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:])))))
    assert found[0] != found[1]
    assert found[1] == pytest.approx(found[0], rel=0.01)


@pytest.mark.slow
def test_the_real_model_passes_its_self_test_with_no_wider_limit(real: ChatModel, real_source: ModelSource) -> None:
    adapter = ServedAdapter("LoRA", "a" * 16, "lora", random_lora(real.model))
    proof = run_self_test(real, [adapter], real_source.folder)
    assert proof.passed, [each for each in proof.checks if not each.passed]
    assert proof.weights == FP16
