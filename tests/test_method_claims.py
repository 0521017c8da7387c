"""What each method claims for itself: exact counts, memory kept, the update that the paper writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM

import adapters
from adapters.base import Options
from adapters.vera import projections
from tests.conftest import tiny_llama
from tests.runs import Trained, batch, logits, make

# LoRA-FA


def frozen(model: PeftModel) -> bool:
    flags = {(".lora_A." in name): each.requires_grad for name, each in model.named_parameters() if ".lora_" in name}
    return flags == {True: False, False: True}


def test_lora_fa_s_a_never_changes_and_stays_frozen_after_a_look_at_the_base_model() -> None:
    run = Trained(*make("lora_fa", rank=4))
    before = {name: each for name, each in run.method.state(run.model).items() if ".lora_A." in name}
    assert frozen(run.model)
    with run.model.disable_adapter():
        assert torch.equal(run.logits(), logits(tiny_llama()))
    assert frozen(run.model)
    run.model.set_adapter("default")
    assert frozen(run.model)
    run.step(1, 3)
    after = run.method.state(run.model)
    assert len(before) == 14
    assert all(torch.equal(after[name], before[name]) for name in before)


def wide_layer(id_: str) -> nn.Module:
    """One adapted 576 × 576 layer."""
    config = LlamaConfig(vocab_size=8, hidden_size=576, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    method, options = make(id_, targets="attention")
    model = method.attach(LlamaForCausalLM(config), options, seed=0, steps=1)
    return model.get_submodule("base_model.model.model.layers.0.self_attn.q_proj")


def bytes_kept(layer: nn.Module) -> int:
    """Bytes that 1,024 tokens make the layer keep for its backward pass; parameters are there anyway."""
    parameters = {each.untyped_storage().data_ptr() for each in layer.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs = torch.randn(1024, 576, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = layer(inputs)
    assert output.requires_grad
    return sum(kept.values())


def test_lora_fa_keeps_almost_nothing_for_the_backward_pass() -> None:
    lora, lora_fa = bytes_kept(wide_layer("lora")), bytes_kept(wide_layer("lora_fa"))
    assert lora == 1024 * (576 + 8) * 4
    assert lora_fa == 1024 * 8 * 4
    assert lora_fa < 0.05 * lora


def test_delta_lora_keeps_only_its_doubled_factors_more_than_lora() -> None:
    factors = 2 * 8 * (576 + 576) * 4
    assert bytes_kept(wide_layer("delta_lora")) == bytes_kept(wide_layer("lora")) + factors


def test_lora_fa_s_correction_comes_closest_to_the_full_gradient() -> None:
    run = Trained(*make("lora_fa", rank=4, correction=True), tiny_llama().double())
    ids = batch(1)
    run.model(input_ids=ids, labels=ids).loss.backward()
    layer: Any = run.model.get_submodule("base_model.model.model.layers.0.mlp.down_proj")
    A, B, s = layer.lora_A["default"].weight.detach(), layer.lora_B["default"].weight, layer.scaling["default"]
    # g_B = s·G·Aᵀ, so the G below has this gradient; B's best step X minimises ‖s·X·A − G‖.
    G = B.grad @ torch.linalg.pinv(A.T) / s + torch.randn(B.shape[0], A.shape[1]).double() @ (
        torch.eye(A.shape[1]).double() - torch.linalg.pinv(A) @ A
    )
    best = torch.linalg.lstsq(s * A.T, G.T).solution.T
    run.optimizer.step()
    torch.testing.assert_close(B.grad, best)


def test_lora_fa_s_correction_bears_a_rank_above_the_layer_s_width() -> None:
    run = Trained(*make("lora_fa", rank=40, correction=True))
    ids = batch(1)
    run.model(input_ids=ids, labels=ids).loss.backward()
    B: Any = run.model.get_parameter("base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight")
    before = B.grad.norm()
    run.optimizer.step()
    assert 0.1 * before < B.grad.norm() < 100 * before


# VeRA


def test_vera_counts_as_the_paper_does() -> None:
    method, options = adapters.get("vera"), adapters.get("vera").Options(rank=1024)
    assert method.trainable([(1024, 1024)] * 48, options) == 98_304  # GPT-2 medium, query and value
    assert method.trainable([(1280, 1280)] * 72, options) == 165_888  # GPT-2 large
    assert adapters.get("lora").trainable([(1024, 1024)] * 48, Options(rank=4)) == 393_216


def test_vera_s_file_is_small_although_its_rank_is_large(tmp_path: Path) -> None:
    for id_, rank in (("vera", 64), ("lora", 64)):
        run = Trained(*make(id_, rank=rank))
        run.method.save(run.model, tmp_path / id_)
    sizes = {id_: (tmp_path / id_ / "adapter_model.safetensors").stat().st_size for id_ in ("vera", "lora")}
    assert sizes["vera"] < 0.1 * sizes["lora"]
    assert not any("vera_A" in key for key in load_file(tmp_path / "vera" / "adapter_model.safetensors"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_vera_s_matrices_are_drawn_again_exactly_whatever_the_base_s_number_type(dtype: torch.dtype) -> None:
    run = Trained(*make("vera", rank=16), tiny_llama().to(dtype))
    layer: Any = run.model.get_submodule("base_model.model.model.layers.0.mlp.down_proj")
    A, B = projections({"projection_prng_key": 7, "r": 16}, 64, 64)
    assert torch.equal(layer.vera_A["default"], A)
    assert torch.equal(layer.vera_B["default"], B)


def test_vera_s_plain_form_shares_a_between_layers(tmp_path: Path) -> None:
    run = Trained(*make("vera", rank=16))
    run.method.save(run.model, tmp_path)
    plain = run.method.plain(tmp_path)
    assert len({A.data_ptr() for A, _ in plain.layers.values()}) == 2
    assert plain.nbytes == 4 * 16 * (32 + 64 + sum(len(B) for _, B in plain.layers.values()))


# Delta-LoRA


def naive(layer: Any, inputs: Tensor, wanted: Tensor, options: Any) -> Iterator[tuple[float, Tensor]]:
    """Algorithm 1 as the paper writes it: the weight itself is updated. Yields the loss and the effective weight."""
    W = layer.base_layer.weight.detach().clone()
    A, B = (nn.Parameter(each["default"].weight.detach().clone()) for each in (layer.lora_A, layer.lora_B))
    s = options.alpha / options.rank
    optimizer = torch.optim.AdamW([A, B], lr=options.learning_rate, weight_decay=options.weight_decay)
    for step in range(1, 201):
        loss = F.mse_loss(F.linear(inputs, W) + s * F.linear(F.linear(inputs, A), B), wanted)
        optimizer.zero_grad()
        loss.backward()
        with torch.no_grad():
            before = B @ A
            optimizer.step()
            if step > options.start_step:
                W = W + options.ratio * s * (B @ A - before)
        yield loss.item(), W + s * (B @ A).detach()


def test_delta_lora_telescopes_to_the_update_that_the_paper_writes(tmp_path: Path) -> None:
    method, options = make("delta_lora", rank=4, start_step=20, weight_decay=0.1)
    model = method.attach(tiny_llama().double(), options, seed=0, steps=200)
    optimizer = method.optimizer(model, options)
    name = "model.layers.0.mlp.down_proj"
    layer: Any = model.get_submodule(f"base_model.model.{name}")
    generator = torch.Generator().manual_seed(0)
    inputs, wanted = (torch.randn(64, size, generator=generator, dtype=torch.float64) for size in (64, 32))
    base = layer.base_layer.weight.detach().clone()

    for step, (expected, written) in enumerate(naive(layer, inputs, wanted, options), 1):
        loss = F.mse_loss(layer(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(model, step)
        assert abs(loss.item() - expected) <= 1e-12, step
        weight = written

    method.save(model, tmp_path)
    A, B = method.plain(tmp_path).layers[name]
    assert A.shape[0] == 8
    assert (base + B @ A - weight).abs().max() <= 1e-12
    assert (weight - base).abs().max() > 0.1
    assert torch.equal(layer.base_layer.weight, base)


def test_delta_lora_starts_by_half_of_a_short_run_and_is_plain_lora_before(tmp_path: Path) -> None:
    delta, lora = Trained(*make("delta_lora", rank=4)), Trained(*make("lora", rank=4))
    torch.testing.assert_close(delta.step(1, 3).logits(), lora.step(1, 3).logits(), atol=1e-5, rtol=0)
    delta.method.save(delta.model, tmp_path)
    assert {A.shape[0] for A, _ in delta.method.plain(tmp_path).layers.values()} == {8}
    assert (delta.step(4, 4).logits() - lora.step(4, 4).logits()).abs().max() > 1e-3
    with delta.model.disable_adapter():
        assert torch.equal(delta.logits(), logits(tiny_llama()))


# LoRA+


def test_lora_plus_moves_b_faster_and_only_b() -> None:
    run = Trained(*make("lora_plus", learning_rate=1e-3, ratio=8, weight_decay=0.1))
    rates = {id(each): group["lr"] for group in run.optimizer.param_groups for each in group["params"]}
    for name, each in run.model.named_parameters():
        if each.requires_grad:
            assert rates[id(each)] == (8e-3 if ".lora_B." in name else 1e-3), name
    assert [group["weight_decay"] for group in run.optimizer.param_groups] == [0.1, 0.1]
