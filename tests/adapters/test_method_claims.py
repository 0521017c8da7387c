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
from adapters import compat
from adapters.cost import activation_bytes, measure_footprint
from adapters.errors import MethodError
from adapters.lora_weights import PlainLora
from adapters.peft_method import unwrap
from adapters.qlora import NF4Linear
from adapters.vera import projections
from playground.data.tokenize import Example
from playground.inference.hooks import apply_adapters
from playground.training.losses import summed_losses
from tests.conftest import tiny_llama
from tests.fakes.trained import Trained, batch, logits, loss, make

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


def kept(id_: str) -> int:
    """Bytes that 1,024 tokens make a 576-wide layer keep."""
    layer, inputs = wide_layer(id_), torch.randn(1024, 576, requires_grad=True)
    return activation_bytes(layer, lambda: layer(inputs))


def test_lora_fa_keeps_almost_nothing_for_the_backward_pass() -> None:
    lora, lora_fa = kept("lora"), kept("lora_fa")
    assert lora == 1024 * (576 + 8) * 4
    assert lora_fa == 1024 * 8 * 4
    assert lora_fa < 0.05 * lora


def test_delta_lora_keeps_only_its_doubled_factors_more_than_lora() -> None:
    factors = 2 * 8 * (576 + 576) * 4
    assert kept("delta_lora") == kept("lora") + factors


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


def square_layers(size: int, count: int) -> nn.Module:
    """So many numbered layers that take no memory."""
    return nn.ModuleList(nn.ModuleList([nn.Linear(size, size, device="meta")]) for _ in range(count))


def test_vera_counts_as_the_paper_does() -> None:
    method, options = adapters.get("vera"), adapters.get("vera").Options(rank=1024)
    assert method.trainable(square_layers(1024, 48), options) == 98_304  # GPT-2 medium, query and value
    assert method.trainable(square_layers(1280, 72), options) == 165_888  # GPT-2 large
    lora = adapters.get("lora")
    assert lora.trainable(square_layers(1024, 48), lora.Options(rank=4)) == 393_216


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
    plain = run.method.as_lora(tmp_path)
    assert len({A.data_ptr() for A, _ in plain.layers.values()}) == 2
    assert plain.nbytes == 4 * 16 * (32 + 64 + sum(len(B) for _, B in plain.layers.values()))


# Delta-LoRA


def naive(layer: Any, inputs: Tensor, wanted: Tensor, options: Any) -> Iterator[tuple[float, Tensor, Tensor, Tensor]]:
    """Algorithm 1 as the paper writes it: the weight itself is updated. Yields loss, A, B and effective weight."""
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
        yield loss.item(), A, B, W + s * (B @ A).detach()


def test_delta_lora_telescopes_to_the_update_that_the_paper_writes(tmp_path: Path) -> None:
    method, options = make("delta_lora", rank=4, start_step=20, weight_decay=0.1)
    model = method.attach(tiny_llama().double(), options, seed=0, steps=200)
    optimizer = method.optimizer(model, options)
    name = "model.layers.0.mlp.down_proj"
    layer: Any = model.get_submodule(f"base_model.model.{name}")
    generator = torch.Generator().manual_seed(0)
    inputs, wanted = (torch.randn(64, size, generator=generator, dtype=torch.float64) for size in (64, 32))
    base = layer.base_layer.weight.detach().clone()

    for step, (expected, A, B, written) in enumerate(naive(layer, inputs, wanted, options), 1):
        loss = F.mse_loss(layer(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(model, step)
        assert abs(loss.item() - expected) <= 1e-12, step
        assert (layer.lora_A["default"].weight - A).abs().max() <= 1e-12, step
        assert (layer.lora_B["default"].weight - B).abs().max() <= 1e-12, step
        weight = written

    method.save(model, tmp_path)
    A, B = method.as_lora(tmp_path).layers[name]
    assert A.shape[0] == 8
    assert (base + B @ A - weight).abs().max() <= 1e-12
    assert (weight - base).abs().max() > 0.1
    assert torch.equal(layer.base_layer.weight, base)


def test_delta_lora_starts_by_half_of_a_short_run_and_is_plain_lora_before(tmp_path: Path) -> None:
    delta, lora = Trained(*make("delta_lora", rank=4)), Trained(*make("lora", rank=4))
    torch.testing.assert_close(delta.step(1, 3).logits(), lora.step(1, 3).logits(), atol=1e-5, rtol=0)
    delta.method.save(delta.model, tmp_path)
    assert {A.shape[0] for A, _ in delta.method.as_lora(tmp_path).layers.values()} == {8}
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


# LoRA-FA on a whole decoder


def decoder_keeps(id_: str) -> int:
    """Bytes of two blocks of the chat model's shape for 256 tokens."""
    shape = {"hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3}
    config = LlamaConfig(vocab_size=8, num_hidden_layers=2, **shape)
    method, options = make(id_)
    model = method.attach(LlamaForCausalLM(config), options, seed=0, steps=1)
    decoder = next(each for each in model.modules() if "layers" in dict(each.named_children()))
    return activation_bytes(decoder, lambda: decoder(input_ids=torch.zeros(1, 256, dtype=torch.long), use_cache=False))


def test_lora_fa_keeps_a_quarter_less_in_a_whole_decoder_and_dora_the_most() -> None:
    lora, lora_fa, dora = (decoder_keeps(each) for each in ("lora", "lora_fa", "dora"))
    assert lora_fa < 0.75 * lora
    assert dora > 1.5 * lora


# Delta-LoRA's rounding and its rival


def test_delta_lora_told_from_factors_is_rounded_less_than_written_step_by_step() -> None:
    generator = torch.Generator().manual_seed(0)
    W = torch.randn(32, 64, generator=generator, dtype=torch.float64) * 0.05
    A = torch.randn(4, 64, generator=generator, dtype=torch.float64) / 8
    Bs = [torch.zeros(32, 4, dtype=torch.float64)]
    for _ in range(200):
        Bs.append(Bs[-1] + 1e-3 * torch.randn(32, 4, generator=generator, dtype=torch.float64))
    written = W.bfloat16()
    for before, after in zip(Bs, Bs[1:], strict=False):
        written = written + ((after - before) @ A).bfloat16()
    exact = Bs[-1] @ A
    told = Bs[-1].bfloat16().double() @ A.bfloat16().double()
    assert (told - exact).norm() < 0.01 * exact.norm()
    assert (written.double() - W.bfloat16().double() - exact).norm() > 0.1 * exact.norm()


def test_delta_lora_from_step_0_is_nearly_its_rival() -> None:
    method, options = make("delta_lora", rank=4, start_step=0, learning_rate=1e-3)
    rival = method.rival(options)
    delta = Trained(method, options)
    lora = Trained(*make(rival.method, **rival.options))
    plain = Trained(*make("lora", rank=4, learning_rate=1e-3))
    for run in (delta, lora, plain):
        run.step(1, 30)
    near, far = ((delta.logits() - each.logits()).abs().max() for each in (lora, plain))
    assert rival.options["alpha"] == 48
    assert near < 0.05 * far


# QLoRA


def test_qlora_s_frozen_weights_take_little_more_than_four_bits() -> None:
    pytest.importorskip("bitsandbytes")
    run = Trained(
        *make("qlora"),
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=8, hidden_size=512, intermediate_size=1024, num_hidden_layers=1, num_attention_heads=8
            )
        ),
    )
    layers = [each for each in run.model.modules() if isinstance(each, NF4Linear)]
    weights = sum(each.in_features * each.out_features for each in layers)
    states = [each.quantisation for each in layers]
    scales = sum(state.absmax.nbytes + state.state2.absmax.nbytes for state in states)
    assert len(layers) == 7
    assert all(state.quant_type == "nf4" and state.nested for state in states)
    bits = 8 * (sum(each.weight.nbytes for each in layers) + scales) / weights
    assert abs(bits - run.method.parts(512, 512, run.options)[0].bits) < 0.01
    cost = measure_footprint(run.method, tiny_llama().config, run.options)
    plain = measure_footprint(adapters.get("lora"), tiny_llama().config, make("lora")[1])
    assert cost.frozen_bytes < plain.frozen_bytes
    assert cost.read_bytes == plain.read_bytes, "the weights are read whole before they are squeezed"
    half = tiny_llama().config
    half.dtype = torch.bfloat16
    narrow = measure_footprint(run.method, half, run.options)
    assert 2 * narrow.read_bytes == cost.read_bytes, "as they are stored"
    assert measure_footprint(adapters.get("lora"), half, make("lora")[1]).read_bytes == plain.read_bytes


def test_qlora_takes_a_base_in_the_numbers_of_its_file_and_makes_the_same_of_it(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    method, options = make("qlora")
    tiny_llama().to(torch.bfloat16).save_pretrained(tmp_path)
    whole, stored = (
        LlamaForCausalLM.from_pretrained(tmp_path, dtype=kind).eval() for kind in (torch.float32, torch.bfloat16)
    )
    assert method.from_stored
    made = [method.attach(each, options, seed=0, steps=1).eval() for each in (whole, stored)]
    assert torch.equal(logits(made[0]), logits(made[1]))
    narrow = [each for each in made[1].parameters() if each.dtype == torch.bfloat16]
    assert narrow == [], "all that is not in four bits computes in float32"


def test_qlora_s_base_is_the_same_whether_a_gradient_is_asked_for_or_not() -> None:
    pytest.importorskip("bitsandbytes")
    run = Trained(*make("qlora"))
    run.model.train()
    learning = run.model(input_ids=batch(1)).logits.detach()
    run.model.eval()
    first, second = run.model(input_ids=batch(1)).logits.detach(), logits(run.model)
    run.model(input_ids=batch(1)).logits.sum().backward()
    assert torch.equal(learning, first)
    assert torch.equal(second, logits(run.model))


def test_without_its_kernels_qlora_says_why_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "KERNELS", "no_such_package")
    method = adapters.get("qlora")
    assert "not installed here" in method.unavailable()
    with pytest.raises(MethodError, match="needs the package no_such_package"):
        method.attach(tiny_llama(), method.Options(), seed=0, steps=1)


# AdaLoRA


def test_adalora_s_budget_falls_to_the_average_rank_by_the_real_number_of_steps(tmp_path: Path) -> None:
    method, options = make("adalora", rank=3, spare=2)
    run = Trained(method, options, steps=20)
    left = []
    for step in range(1, 21):
        run.step(step, step)
        left.append(sum(int((each != 0).sum()) for name, each in run.model.named_parameters() if ".lora_E." in name))
    assert left[1] == 5 * 14
    assert left[1:] == sorted(left[1:], reverse=True)
    assert left[13] == left[-1] == 3 * 14
    run.method.save(run.model, tmp_path)
    ranks = [len(A) for A, _ in method.as_lora(tmp_path).layers.values()]
    assert sum(ranks) == 3 * 14
    assert len(set(ranks)) > 1


def test_adalora_s_penalty_is_minimised_and_never_in_a_loss() -> None:
    run = Trained(*make("adalora", rank=4, orthogonality=10))
    before = run.method.penalty(run.model).item()
    ids = batch(1)
    output = run.model.eval()(input_ids=ids, labels=ids)
    assert (output.loss - loss(run.model, 1)).item() == pytest.approx(before, rel=1e-4)
    example = Example(ids[0].tolist(), ids[0].tolist())
    summed = sum(summed_losses(unwrap(run.model), [example]))
    logits_ = run.model(input_ids=ids[:1]).logits[0, :-1]
    assert summed.item() == pytest.approx(F.cross_entropy(logits_, ids[0, 1:], reduction="sum").item(), rel=1e-5)
    run.step(1, 6)
    assert run.method.penalty(run.model).item() < before


# DoRA


def test_dora_saves_and_serves_its_magnitude(tmp_path: Path) -> None:
    run = Trained(*make("dora", rank=4)).step(1, 6)
    run.method.save(run.model, tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert sum(key.endswith("lora_magnitude_vector") for key in tensors) == 14
    served = run.method.serving_form(tiny_llama(), tmp_path)
    assert set(served.scales) == set(served.layers)
    assert any((scale - 1).abs().max() > 1e-3 for scale in served.scales.values())


def test_dora_starts_as_the_base_model_and_the_scale_does_not_touch_a_bias() -> None:
    run = Trained(*make("dora", rank=4))
    torch.testing.assert_close(run.logits(), logits(tiny_llama()), atol=1e-5, rtol=0)
    layer = nn.Linear(3, 2)
    A, B, scale = torch.randn(1, 3), torch.randn(2, 1), torch.tensor([0.5, 2.0])
    x = torch.randn(4, 3)
    model = nn.ModuleDict({"a": layer})
    model.device = torch.device("cpu")
    with torch.no_grad(), apply_adapters(model, [None, *[PlainLora({"a": (A, B)}, {"a": scale})] * 3]):
        out = layer(x)
    wanted = (x @ (layer.weight + B @ A).T) * scale + layer.bias
    torch.testing.assert_close(out[1:], wanted[1:])
    torch.testing.assert_close(out[:1], layer(x[:1]), atol=1e-6, rtol=0)


# Full fine-tuning


def test_full_fine_tuning_trains_a_copy_and_leaves_a_model_that_transformers_loads(tmp_path: Path) -> None:
    base = tiny_llama()
    run = Trained(*make("full"), base).step(1, 3)
    assert not {id(each) for each in base.parameters()} & {id(each) for each in run.model.parameters()}
    assert sum(each.numel() for each in run.model.parameters()) == run.method.trainable(base, run.options)
    run.method.save(run.model, tmp_path)
    loaded = LlamaForCausalLM.from_pretrained(tmp_path)
    torch.testing.assert_close(logits(loaded), run.logits(), atol=1e-5, rtol=0)
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
