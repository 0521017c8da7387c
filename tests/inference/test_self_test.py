"""The self-test passes on what is honest, and fails on every kind of leak that is built in here."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.base import PlainLora
from playground.inference import fp16_weights, self_test
from playground.inference.forward import forward_of
from playground.inference.self_test import SelfTestReport, run_self_test
from playground.inference.served_adapter import ServedAdapter
from playground.models.chat_model import ChatModel
from playground.services import self_tests
from playground.services.app import Services
from playground.settings import Settings
from tests.fakes.chat_model import lively, lora, small_chat, untouched


@pytest.fixture(params=[32, 16])
def chat(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ChatModel:
    """With whole weights, and with a copy of them in 16 bits: no leak hides behind the rounding."""
    monkeypatch.setattr(fp16_weights, "is_faster", lambda inputs: True)
    chat = replace(small_chat(), bits=request.param)
    if request.param == 16 and forward_of(chat.model, 16).weight_dtype != fp16_weights.FP16:
        pytest.skip("PyTorch has no products of 16 bits on this processor")
    return chat


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The folder of the model that `small_chat` makes."""
    lively().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def served(seed: int, name: str, scales: bool = False) -> ServedAdapter:
    plain = lora(seed)
    rows = {layer: 0.8 + 0.4 * torch.rand(len(B)) for layer, (_, B) in plain.layers.items()} if scales else {}
    return ServedAdapter("LoRA", name * 16, "lora", PlainLora(plain.layers, rows))


def whole(name: str) -> ServedAdapter:
    model = lively()
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight.mul_(-1)
    return ServedAdapter("Full", name * 16, "full", None, model)


def failed(proof: SelfTestReport) -> set[tuple[str, str]]:
    return {(each.what, each.arm[0]) for each in proof.checks if not each.passed}


def test_an_honest_model_passes_and_stays_untouched(chat: ChatModel, weights: Path) -> None:
    adapters = [served(1, "a"), served(2, "c", scales=True), whole("f")]
    for some in ([], adapters[:1], adapters):
        proof = run_self_test(chat, some, weights)
        assert proof.passed, failed(proof)
        assert {each.what for each in proof.checks} == {"weights", "hooks", "together", "alone", "said"}
        assert len(proof.checks) == 2 + 3 * (1 + len(some))
        assert set(proof.effects) == {each.hash for each in some}
        assert proof.to_dict()["weights"] == proof.weights == ("float32" if chat.bits == 32 else "float16")
    for each in proof.checks:
        assert each.difference <= each.limit
        assert each.limit < 0.001 * min(proof.effects.values()), "a leak of these adapters could not be seen"
    assert untouched(chat)


def test_a_changed_weight_of_the_base_fails(chat: ChatModel, weights: Path) -> None:
    with torch.no_grad():
        chat.model.model.layers[1].mlp.up_proj.weight[3, 3] += 1e-6
    assert ("weights", "b") in failed(run_self_test(chat, [], weights))


def test_an_adapter_left_merged_in_the_base_fails(chat: ChatModel, weights: Path) -> None:
    adapter = served(1, "a")
    assert adapter.lora is not None
    adapter.lora.merge_into(chat.model)
    assert ("weights", "b") in failed(run_self_test(chat, [adapter], weights))


def test_a_hook_left_on_the_base_fails(chat: ChatModel, weights: Path) -> None:
    layer = chat.model.model.layers[0].mlp.up_proj
    layer.register_forward_hook(lambda module, inputs, output: output * 1.01)
    assert {("hooks", "b")} <= failed(run_self_test(chat, [], weights))


def leaky(monkeypatch: pytest.MonkeyPatch, chat: ChatModel, leak: Callable[..., list[Tensor]]) -> None:
    """From now on every pass of the live model is computed as `leak(honest pass, segments)` says."""
    honest = forward_of(chat.model, chat.bits)
    kind = type(honest)
    call = kind.__call__
    monkeypatch.setattr(kind, "__call__", lambda self, segments: leak(lambda each: call(self, each), segments))


def test_an_adapter_that_leaks_into_the_rows_beside_it_fails(
    chat: ChatModel, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leak(honest: Callable[..., list[Tensor]], segments: list) -> list[Tensor]:
        first = next((each.adapter for each in segments if each.adapter), None)
        return honest([replace(each, adapter=each.adapter or first) for each in segments])

    leaky(monkeypatch, chat, leak)
    found = failed(run_self_test(chat, [served(1, "a")], weights))
    assert {("together", "b"), ("said", "b")} <= found
    assert ("alone", "a") not in found


def test_the_base_answered_with_an_adapter_even_alone_fails(
    chat: ChatModel, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = lora(5)
    leaky(
        monkeypatch, chat, lambda honest, rows: honest([replace(each, adapter=each.adapter or stuck) for each in rows])
    )
    found = failed(run_self_test(chat, [served(1, "a")], weights))
    assert ("alone", "b") in found
    assert ("together", "b") not in found, "the same fault in both: only the reference shows it"


def test_an_adapter_that_is_not_applied_or_another_one_fails(
    chat: ChatModel, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = lora(6)
    for instead in (None, other):
        with monkeypatch.context() as here:
            leaky(
                here,
                chat,
                lambda honest, rows, use=instead: honest([replace(e, adapter=e.adapter and use) for e in rows]),
            )
            assert ("alone", "a") in failed(run_self_test(chat, [served(1, "a")], weights))


def test_a_weak_leak_far_below_what_changes_a_token_fails_too(
    chat: ChatModel, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weak = PlainLora({name: (A, B * 1e-2) for name, (A, B) in lora(7).layers.items()})
    leaky(
        monkeypatch, chat, lambda honest, rows: honest([replace(each, adapter=each.adapter or weak) for each in rows])
    )
    assert ("alone", "b") in failed(run_self_test(chat, [], weights))


def test_no_number_is_no_pass(chat: ChatModel) -> None:
    assert not self_test.SelfTestCheck("alone", "base", float("nan"), 1.0).passed


def test_it_runs_after_every_load_and_is_kept_for_its_owner(
    settings: Settings, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(Settings(data=settings.data, chat_model=str(tiny_model_folder)))
    visitor = services.store.visitor("x" * 40)
    runs = [_run(services, visitor, seed) for seed in (1, 2)]
    assert services.self_tests.report(None) is None
    first = services.adapters.get(visitor, runs[0])
    proof = services.self_tests.report(first)
    assert proof is not None
    assert proof.passed
    monkeypatch.setattr(self_tests, "run_self_test", lambda *_: pytest.fail("loaded already, so tested already"))
    services.adapters.get(visitor, runs[0])
    monkeypatch.undo()
    second = services.adapters.get(visitor, runs[1])
    mine = services.self_tests.report(second)
    assert mine is not None
    assert set(mine.effects) == {second.hash}
    assert first.hash not in str(mine.to_dict())
    assert first.hash not in str(services.self_tests.report(None))


def test_a_test_that_cannot_be_made_costs_no_answer(
    settings: Settings, tiny_model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(Settings(data=settings.data, chat_model=str(tiny_model_folder)))
    visitor = services.store.visitor("x" * 40)

    def broken(*_: object) -> SelfTestReport:
        raise MemoryError

    monkeypatch.setattr(self_tests, "run_self_test", broken)
    served = services.adapters.get(visitor, _run(services, visitor, 1))
    assert services.self_tests.report(served) is None


def _run(services: Services, visitor: str, seed: int) -> str:
    return services.store.runs.add_imported(
        visitor, "train", "x", "lora", {}, lambda folder: lora(seed).save(folder / "adapter", "tiny")
    ).id
