"""The contract: every method goes through the same checks."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from torch import nn

import adapters
from adapters.base import Options, detach, target_layers
from adapters.errors import MethodError
from adapters.options import build, knobs
from adapters.plain import write_adapter
from tests.conftest import tiny_llama
from tests.runs import STEPS, Trained, batch, logits, make

VARIANTS = {
    **{id_: (id_, {"rank": 4}) for id_ in adapters.methods()},
    "lora-rslora": ("lora", {"rank": 4, "rslora": True, "targets": "attention"}),
    "lora_fa-correction": ("lora_fa", {"rank": 4, "correction": True}),
    "delta_lora-late": ("delta_lora", {"rank": 4, "start_step": 2, "weight_decay": 0.1}),
    "delta_lora-at-once": ("delta_lora", {"rank": 4, "start_step": 0, "top_layers": 1}),
}


@pytest.fixture(params=VARIANTS)
def start(request: pytest.FixtureRequest) -> Callable[[], Trained]:
    """A fresh run of one variant each time it is called; dropout 0, so that a run repeats exactly."""
    id_, values = VARIANTS[request.param]
    return lambda: Trained(*make(id_, **values))


def test_a_visitor_can_read_what_each_method_is() -> None:
    for id_, method in adapters.methods().items():
        assert method.id == id_
        assert method.summary.endswith(".")
        assert method.paper.url == f"https://arxiv.org/abs/{method.paper.arxiv}"
        assert all((method.label, method.rule, method.paper.title, method.paper.year > 2020))
        assert all(each.label and each.help.endswith(".") for each in knobs(method.Options))


def test_methods_come_oldest_first_and_an_unknown_one_is_named() -> None:
    assert list(adapters.methods()) == ["lora", "lora_fa", "delta_lora", "vera", "lora_plus"]
    with pytest.raises(MethodError, match="no method called 'lorra'; choose one of lora, lora_fa"):
        adapters.get("lorra")


def test_a_new_method_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(Path(adapters.__file__).parent, tmp_path / "copied", ignore=shutil.ignore_patterns("__pycache__"))
    text = "from adapters.lora import Lora\n\n\nclass Sixth(Lora):\n    label = 'Sixth'\n\n\nMETHOD = Sixth()\n"
    (tmp_path / "copied" / "sixth.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    import copied  # noqa: PLC0415 - it exists only now

    assert set(copied.methods()) == {*adapters.methods(), "sixth"}
    assert (copied.get("sixth").id, copied.get("sixth").label) == ("sixth", "Sixth")
    for name in [name for name in sys.modules if name.partition(".")[0] == "copied"]:
        del sys.modules[name]


def test_only_the_adapter_is_trained_and_its_count_is_known_beforehand(start: Callable[[], Trained]) -> None:
    run = start()
    trained = {name: each for name, each in run.model.named_parameters() if each.requires_grad}
    layers = target_layers(tiny_llama(), run.options)
    assert all(f".{run.model.base_model.prefix}" in name for name in trained)
    assert {
        name.removeprefix("base_model.model.").rpartition(f".{run.model.base_model.prefix}")[0] for name in trained
    } == {*layers}
    assert sum(each.numel() for each in trained.values()) == run.method.trainable(list(layers.values()), run.options)
    in_optimizer = {id(each) for group in run.optimizer.param_groups for each in group["params"]}
    assert in_optimizer == {id(each) for each in trained.values()}


def test_equal_seeds_give_equal_adapters_and_leave_the_global_generator_alone(start: Callable[[], Trained]) -> None:
    first, base = start(), tiny_llama()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    second = first.method.attach(base, first.options, seed=7, steps=STEPS)
    assert torch.equal(torch.rand(3), expected)
    state, other = first.method.state(first.model), first.method.state(second)
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_the_base_model_is_bit_identical_after_training_and_can_be_taken_back(start: Callable[[], Trained]) -> None:
    before = {name: each.clone() for name, each in tiny_llama().state_dict().items()}
    run = start()
    assert torch.equal(run.logits(), logits(tiny_llama()))
    run.step(1, 3)
    assert (run.logits() - logits(tiny_llama())).abs().max() > 1e-2
    base = detach(run.model)
    after = base.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert torch.equal(logits(base), logits(tiny_llama()))
    assert torch.equal(Trained(run.method, run.options, base).step(1, 3).logits(), start().step(1, 3).logits())


def test_a_gradient_reaches_every_trainable_parameter(start: Callable[[], Trained]) -> None:
    run = start().step(1, 1)
    ids = batch(2)
    run.model(input_ids=ids, labels=ids).loss.backward()
    for name, each in run.model.named_parameters():
        assert (each.grad is not None and bool(each.grad.abs().sum() > 0)) == each.requires_grad, name


@pytest.mark.filterwarnings("ignore:Specified to not")
def test_a_saved_adapter_gives_the_same_logits_in_plain_peft(start: Callable[[], Trained], tmp_path: Path) -> None:
    run = start().step(1, 4)
    run.method.save(run.model, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    loaded = PeftModel.from_pretrained(tiny_llama(), tmp_path)
    torch.testing.assert_close(logits(loaded), run.logits(), atol=1e-5, rtol=0)


def test_the_plain_form_equals_the_adapter(start: Callable[[], Trained], tmp_path: Path) -> None:
    run = start().step(1, 4)
    run.method.save(run.model, tmp_path / "own")
    plain = run.method.plain(tmp_path / "own")
    assert set(plain.layers) == set(target_layers(tiny_llama(), run.options))

    plain.save(tmp_path / "plain", "a/base")
    loaded = PeftModel.from_pretrained(tiny_llama(), tmp_path / "plain")
    torch.testing.assert_close(logits(loaded), run.logits(), atol=1e-5, rtol=0)

    direct = tiny_llama()
    with torch.no_grad():
        for name, (A, B) in plain.layers.items():
            direct.get_submodule(name).weight += B @ A
    torch.testing.assert_close(logits(direct), run.logits(), atol=1e-5, rtol=0)


def test_a_resumed_run_is_the_run_that_was_not_cut(start: Callable[[], Trained], tmp_path: Path) -> None:
    whole, half, resumed = start().step(1, 6), start().step(1, 3), start()
    save_file(half.method.state(half.model), tmp_path / "state.safetensors")
    resumed.method.load_state(resumed.model, load_file(tmp_path / "state.safetensors"))
    resumed.optimizer = resumed.method.optimizer(resumed.model, resumed.options)
    resumed.optimizer.load_state_dict(half.optimizer.state_dict())
    assert torch.equal(resumed.logits(), half.logits())
    resumed.step(4, 6)
    state, expected = resumed.method.state(resumed.model), whole.method.state(whole.model)
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)
    assert torch.equal(resumed.logits(), whole.logits())


def test_a_state_is_a_copy(start: Callable[[], Trained]) -> None:
    run = start().step(1, 3)
    state = run.method.state(run.model)
    before = {name: each.clone() for name, each in state.items()}
    run.step(4, 4)
    assert all(torch.equal(state[name], before[name]) for name in state)


@pytest.mark.parametrize("id_", adapters.methods())
def test_a_state_of_other_options_is_refused(id_: str) -> None:
    small, large = Trained(*make(id_, rank=4)), Trained(*make(id_, rank=5))
    with pytest.raises(MethodError, match="checkpoint does not fit this run"):
        large.method.load_state(large.model, small.method.state(small.model))


@pytest.mark.parametrize("id_", adapters.methods())
def test_only_the_top_layers_are_adapted(id_: str) -> None:
    run = Trained(*make(id_, rank=4, top_layers=1))
    adapted = [name for name, each in run.model.named_parameters() if each.requires_grad]
    assert adapted
    assert all(".layers.1." in name for name in adapted)


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
    with pytest.raises(MethodError, match="cannot be read"):
        adapters.get(id_).plain(tmp_path / "nothing")
    write_adapter(tmp_path, LoraConfig(use_dora=True), {"x": torch.zeros(1)})
    with pytest.raises(MethodError, match="not a plain LoRA but DORA|not written by VeRA"):
        adapters.get(id_).plain(tmp_path)


def test_target_layers_are_the_linear_layers_of_the_blocks_without_the_head() -> None:
    layers = target_layers(tiny_llama(), Options())
    assert len(layers) == 14
    assert layers["model.layers.0.self_attn.k_proj"] == (32, 16)
    assert layers["model.layers.1.mlp.down_proj"] == (64, 32)
    assert set(target_layers(tiny_llama(), Options(targets="attention", top_layers=1))) == {
        f"model.layers.1.self_attn.{each}_proj" for each in "qkvo"
    }
    with pytest.raises(MethodError, match="no linear layers"):
        target_layers(nn.Sequential(nn.Conv1d(1, 1, 1)), Options())
