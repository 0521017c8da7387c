"""The contract: every method goes through the same checks."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from torch import nn

import adapters
from adapters.base import target_layers
from adapters.cost import measure_footprint
from adapters.errors import MethodError
from adapters.lora_weights import PlainLora, write_adapter
from adapters.options import build, knobs
from adapters.peft_method import detach
from playground.inference.hooks import apply_adapters
from tests.fakes.tiny_model import tiny_llama
from tests.fakes.trained import STEPS, Trained, batch, logits, make


def smaller(id_: str) -> dict[str, object]:
    """Rank 4 for a method that has ranks."""
    return {"rank": 4} if "rank" in {each.name for each in knobs(adapters.get(id_).Options)} else {}


VARIANTS = {
    **{id_: (id_, smaller(id_)) for id_ in adapters.methods()},
    "lora-rslora": ("lora", {"rank": 4, "rslora": True, "targets": "attention"}),
    "lora_fa-correction": ("lora_fa", {"rank": 4, "correction": True}),
    "delta_lora-late": ("delta_lora", {"rank": 4, "start_step": 2, "weight_decay": 0.1}),
    "delta_lora-at-once": ("delta_lora", {"rank": 4, "start_step": 0, "top_layers": 1}),
    "adalora-few": ("adalora", {"rank": 1, "spare": 1, "alpha": 64}),
    "dora-attention": ("dora", {"rank": 2, "targets": "attention", "weight_decay": 0.1}),
    "full-top": ("full", {"top_layers": 1}),
}


@pytest.fixture(params=VARIANTS)
def start(request: pytest.FixtureRequest) -> Callable[[], Trained]:
    """A fresh run of one variant each time it is called; dropout 0, so that a run repeats exactly."""
    id_, values = VARIANTS[request.param]
    if reason := adapters.get(id_).unavailable():
        pytest.skip(reason)
    return lambda: Trained(*make(id_, **values))


def adapted_layers(run: Trained) -> dict[str, tuple[int, int]]:
    """The layers that a run adapts, with their shapes."""
    named = {name: value for name, value in vars(run.options).items() if name in ("top_layers", "targets")}
    return target_layers(tiny_llama(), **named)


def saved(run: Trained, folder: Path) -> Path:
    run.method.save(run.model, folder)
    return folder


def test_a_visitor_can_read_what_each_method_is() -> None:
    for id_, method in adapters.methods().items():
        assert method.id == id_
        assert method.summary.endswith(".")
        assert method.good_for.endswith(".")
        assert not method.caveat or method.caveat.endswith(".")
        assert method.paper.url == f"https://arxiv.org/abs/{method.paper.arxiv}"
        assert 1 <= method.paper.month <= 12
        assert all((method.label, method.rule, method.paper.title, method.paper.year > 2016))
        assert all(each.label and each.help.endswith(".") for each in knobs(method.Options))


def test_methods_come_oldest_first_the_baseline_last_and_an_unknown_one_is_named() -> None:
    assert list(adapters.methods()) == [
        "lora",
        "adalora",
        "qlora",
        "lora_fa",
        "delta_lora",
        "vera",
        "dora",
        "lora_plus",
        "full",
    ]
    with pytest.raises(MethodError, match="no method called 'lorra'; choose one of lora, adalora"):
        adapters.get("lorra")


def test_what_is_trained_is_known_beforehand(start: Callable[[], Trained]) -> None:
    run = start()
    trained = {name: each for name, each in run.model.named_parameters() if each.requires_grad}
    assert sum(each.numel() for each in trained.values()) == run.method.trainable(tiny_llama(), run.options)
    assert set(trained) <= set(run.method.adapter_parameters(run.model))
    in_optimizer = {id(each) for group in run.optimizer.param_groups for each in group["params"]}
    assert in_optimizer == {id(each) for each in trained.values()}
    if isinstance(run.model, PeftModel):
        own = f".{run.model.base_model.prefix}"
        assert all(own in name for name in trained)
        assert {name.removeprefix("base_model.model.").rpartition(own)[0] for name in trained} == {*adapted_layers(run)}


def test_what_is_drawn_is_what_is_there(start: Callable[[], Trained], tmp_path: Path) -> None:
    run = start()
    layers = adapted_layers(run)
    parts = [part for shape in layers.values() for part in run.method.parts(*shape, run.options)]
    learns = sum(part.size for part in parts if part.role == "learns")
    cost = measure_footprint(run.method, tiny_llama().config, run.options)
    assert cost.trainable == run.method.trainable(tiny_llama(), run.options)
    saved(run.step(1, STEPS), tmp_path)
    size = (tmp_path / run.method.weights_file).stat().st_size
    if run.method.baseline:
        assert learns == sum(inputs * outputs for inputs, outputs in layers.values())
        assert abs(size - cost.file_bytes) < 0.1 * size
    else:
        assert learns == cost.trainable
        overhead = 300 * len(load_file(tmp_path / run.method.weights_file))  # names, shapes, padding
        assert 0.5 * cost.file_bytes < size < cost.file_bytes + overhead


def test_equal_seeds_give_equal_models_and_leave_the_global_generator_alone(start: Callable[[], Trained]) -> None:
    first, base = start(), tiny_llama()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    second = first.method.attach(base, first.options, seed=7, steps=STEPS)
    assert torch.equal(torch.rand(3), expected)
    state, other = first.method.state(first.model), first.method.state(second)
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_the_base_model_is_bit_identical_after_training(start: Callable[[], Trained]) -> None:
    first = start()
    base, before = tiny_llama(), {name: each.clone() for name, each in tiny_llama().state_dict().items()}
    run = Trained(first.method, first.options, base)
    assert torch.equal(run.logits(), logits(run.method.frozen_base(tiny_llama())))
    run.step(1, 3)
    assert (run.logits() - logits(run.method.frozen_base(tiny_llama()))).abs().max() > 1e-2
    detach(run.model)
    after = base.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(logits(base), logits(tiny_llama()))
    assert torch.equal(Trained(run.method, run.options, base).step(1, 3).logits(), start().step(1, 3).logits())


def test_a_gradient_reaches_every_trainable_parameter(start: Callable[[], Trained]) -> None:
    run = start().step(1, 1)
    run.backward(2)
    for name, each in run.model.named_parameters():
        assert (each.grad is not None and bool(each.grad.abs().sum() > 0)) == each.requires_grad, name


@pytest.mark.filterwarnings("ignore:Specified to not")
def test_what_is_saved_gives_the_same_logits_with_the_usual_libraries(
    start: Callable[[], Trained], tmp_path: Path
) -> None:
    run = start().step(1, STEPS)
    saved(run, tmp_path)
    names = {each.name for each in tmp_path.iterdir()}
    assert run.method.weights_file in names
    assert {Path(name).suffix for name in names} == {".json", ".safetensors"}
    loaded = run.method.load(tiny_llama(), tmp_path)
    torch.testing.assert_close(logits(loaded.eval()), run.logits(), atol=1e-5, rtol=0)


def test_a_run_that_ends_early_leaves_what_it_had(start: Callable[[], Trained], tmp_path: Path) -> None:
    run = start().step(1, 4)
    loaded = run.method.load(tiny_llama(), saved(run, tmp_path))
    torch.testing.assert_close(logits(loaded.eval()), run.logits(), atol=1e-5, rtol=0)


def test_the_plain_form_equals_the_adapter(start: Callable[[], Trained], tmp_path: Path) -> None:
    run = start().step(1, STEPS)
    saved(run, tmp_path / "own")
    if run.method.id in ("dora", "full"):
        with pytest.raises(MethodError, match="no plain LoRA equals"):
            run.method.as_lora(tmp_path / "own")
        return
    plain = run.method.as_lora(tmp_path / "own")
    assert set(plain.layers) <= set(adapted_layers(run))
    plain.save(tmp_path / "plain", "a/base")
    loaded = PeftModel.from_pretrained(run.method.frozen_base(tiny_llama()), tmp_path / "plain")
    torch.testing.assert_close(logits(loaded), run.logits(), atol=1e-5, rtol=0)


def test_what_is_served_equals_what_was_trained_and_its_merged_form(
    start: Callable[[], Trained], tmp_path: Path
) -> None:
    run = start().step(1, STEPS)
    served = run.method.serving_form(tiny_llama(), saved(run, tmp_path))
    if not isinstance(served, PlainLora):
        torch.testing.assert_close(logits(served), run.logits(), atol=1e-5, rtol=0)
        return
    trained_over, resident, merged = run.method.frozen_base(tiny_llama()), tiny_llama(), tiny_llama()
    with apply_adapters(trained_over, [served] * len(batch(99))):
        torch.testing.assert_close(logits(trained_over), run.logits(), atol=1e-5, rtol=0)
    served.merge_into(merged)
    with apply_adapters(resident, [served] * len(batch(99))):
        torch.testing.assert_close(logits(resident), logits(merged), atol=1e-5, rtol=0)
    assert torch.equal(logits(resident), logits(tiny_llama()))


def test_a_batch_of_all_methods_and_ranks_is_each_of_them_alone(tmp_path: Path) -> None:
    adapters_, resident = [None], tiny_llama()
    for number, (id_, values) in enumerate(VARIANTS.values()):
        method = adapters.get(id_)
        if not method.unavailable() and not method.baseline:
            rank = {"rank": 2 + number % 5} if "rank" in values else {}
            run = Trained(*make(id_, **{**values, **rank})).step(1, STEPS)
            adapters_.append(method.serving_form(resident, saved(run, tmp_path / str(number))))
    ids = torch.randint(0, 259, (len(adapters_), 9), generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        with apply_adapters(resident, adapters_):
            together = resident(input_ids=ids).logits
        for row, each in enumerate(adapters_):
            with apply_adapters(resident, [each]):
                alone = resident(input_ids=ids[row : row + 1]).logits
            torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=0)
        torch.testing.assert_close(together[:1], tiny_llama()(input_ids=ids[:1]).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cut", range(1, STEPS))
def test_a_resumed_run_is_the_run_that_was_not_cut(cut: int, start: Callable[[], Trained], tmp_path: Path) -> None:
    whole, half, resumed = start().step(1, STEPS), start().step(1, cut), start()
    save_file(half.method.state(half.model), tmp_path / "state.safetensors")
    resumed.method.load_state(resumed.model, load_file(tmp_path / "state.safetensors"))
    resumed.optimizer = resumed.method.optimizer(resumed.model, resumed.options)
    resumed.optimizer.load_state_dict(half.optimizer.state_dict())
    assert torch.equal(resumed.logits(), half.logits())
    resumed.step(cut + 1, STEPS)
    state, expected = resumed.method.state(resumed.model), whole.method.state(whole.model)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    assert torch.equal(resumed.logits(), whole.logits())


def test_a_save_on_the_way_changes_nothing(start: Callable[[], Trained], tmp_path: Path) -> None:
    run, other = start().step(1, 3), start().step(1, 3)
    saved(run, tmp_path)
    assert run.method.state(run.model).keys() == other.method.state(other.model).keys()
    assert torch.equal(run.step(4, STEPS).logits(), other.step(4, STEPS).logits())


def test_a_state_is_a_copy(start: Callable[[], Trained]) -> None:
    run = start().step(1, 3)
    state = run.method.state(run.model)
    before = {name: each.clone() for name, each in state.items()}
    run.step(4, 4)
    assert all(torch.equal(state[name], before[name]) for name in state)


def test_a_state_of_other_options_is_refused(start: Callable[[], Trained]) -> None:
    run = start()
    other_options = {"rank": 3} if smaller(run.method.id) else {"top_layers": int(not run.options.top_layers)}
    other = Trained(run.method, replace(run.options, **other_options))
    with pytest.raises(MethodError, match="checkpoint does not fit this run"):
        other.method.load_state(other.model, run.method.state(run.model))


@pytest.mark.parametrize("id_", adapters.methods())
def test_only_the_top_layers_are_adapted(id_: str) -> None:
    run = Trained(*make(id_, top_layers=1))
    adapted_ = [name for name, each in run.model.named_parameters() if each.requires_grad]
    assert adapted_
    assert all(".layers.1." in name for name in adapted_)


@pytest.mark.parametrize("id_", adapters.methods())
def test_options_out_of_range_are_refused_in_a_sentence(id_: str) -> None:
    method = adapters.get(id_)
    for each in knobs(method.Options):
        if each.low is not None:
            with pytest.raises(MethodError, match=f"^These options cannot be used: {each.label} must be .*got -3"):
                build(method.Options, {each.name: -3})
    with pytest.raises(MethodError, match="choose 0 \\(all\\) to 2"):
        method.attach(tiny_llama(), replace(method.Options(), top_layers=3), seed=0, steps=1)


@pytest.mark.parametrize("id_", adapters.methods())
def test_a_missing_or_strange_folder_is_refused_in_a_sentence(id_: str, tmp_path: Path) -> None:
    method = adapters.get(id_)
    with pytest.raises(MethodError, match="cannot be read"):
        method.serving_form(tiny_llama(), tmp_path / "nothing")
    write_adapter(tmp_path, LoraConfig(init_lora_weights="eva"), {"x": torch.zeros(1)})
    (tmp_path / "config.json").write_text(json.dumps({"architectures": []}))
    with pytest.raises(MethodError, match="not a plain LoRA|not written by VeRA|is not .*'s; read it|cannot be read"):
        method.serving_form(tiny_llama(), tmp_path)


def test_target_layers_are_the_linear_layers_of_the_blocks_without_the_head() -> None:
    layers = target_layers(tiny_llama())
    assert len(layers) == 14
    assert layers["model.layers.0.self_attn.k_proj"] == (32, 16)
    assert layers["model.layers.1.mlp.down_proj"] == (64, 32)
    assert set(target_layers(tiny_llama(), 1, "attention")) == {
        f"model.layers.1.self_attn.{each}_proj" for each in "qkvo"
    }
    with pytest.raises(MethodError, match="no linear layers"):
        target_layers(nn.Sequential(nn.Conv1d(1, 1, 1)))
