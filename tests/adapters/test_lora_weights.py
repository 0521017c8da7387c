"""The plain LoRA form and adapter folders."""

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

import adapters
from adapters.base import target_layers
from adapters.lora_weights import PlainLora, saved_scale
from tests.fakes.tiny_model import tiny_llama
from tests.fakes.trained import Trained, logits, make


def test_a_plain_lora_of_many_ranks_survives_its_folder(tmp_path: Path) -> None:
    shapes = target_layers(tiny_llama(layers=3))
    layers = {
        name: (torch.randn(2 + number % 3, inputs), torch.randn(outputs, 2 + number % 3))
        for number, (name, (inputs, outputs)) in enumerate(shapes.items())
    }
    PlainLora(layers).save(tmp_path, "a/base")
    read = PlainLora.load(tmp_path)
    assert set(read.layers) == set(layers)
    assert all(
        torch.equal(mine, its) for name in layers for mine, its in zip(layers[name], read.layers[name], strict=True)
    )
    loaded = PeftModel.from_pretrained(tiny_llama(layers=3), tmp_path)
    direct = tiny_llama(layers=3)
    with torch.no_grad():
        for name, (A, B) in layers.items():
            direct.get_submodule(name).weight += B @ A
    torch.testing.assert_close(logits(loaded), logits(direct), atol=1e-4, rtol=1e-4)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "a/base"


def test_peft_s_own_folder_is_read_with_its_patterns(tmp_path: Path) -> None:
    config = LoraConfig(
        r=4,
        lora_alpha=6,
        target_modules=["q_proj", "v_proj"],
        rank_pattern={"v_proj": 2},
        alpha_pattern={"v_proj": 3},
        use_rslora=True,
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(tiny_llama(), config)
    model.save_pretrained(tmp_path)
    direct = tiny_llama()
    with torch.no_grad():
        for name, (A, B) in PlainLora.load(tmp_path).layers.items():
            direct.get_submodule(name).weight += B @ A
    torch.testing.assert_close(logits(direct), logits(model), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("id_", "values", "scale"),
    [
        ("lora", {"rank": 4}, 8 / 4),
        ("lora", {"rank": 4, "rslora": True}, 8 / 2),
        ("dora", {"rank": 2}, 8 / 2),
        ("adalora", {"rank": 4, "spare": 12}, 8 / 16),
    ],
)
def test_the_scale_of_a_folder_is_what_its_product_is_multiplied_by(
    tmp_path: Path, id_: str, values: dict[str, object], scale: float
) -> None:
    run = Trained(*make(id_, alpha=8, **values))
    run.method.save(run.model, tmp_path)
    assert saved_scale(tmp_path) == pytest.approx(scale)


def test_equal_adapters_make_equal_files(tmp_path: Path) -> None:
    for id_, method in adapters.methods().items():
        for name in ("first", "second"):
            run = Trained(*make(id_)).step(1, 2)
            run.method.save(run.model, tmp_path / id_ / name)
        files = sorted(each.name for each in (tmp_path / id_ / "first").iterdir())
        assert method.weights_file in files
        for file in files:
            assert (tmp_path / id_ / "first" / file).read_bytes() == (tmp_path / id_ / "second" / file).read_bytes()
        if "adapter_config.json" in files:
            config = json.loads((tmp_path / id_ / "first" / "adapter_config.json").read_text())
            # A set's order differs between processes.
            assert config["target_modules"] == sorted(config["target_modules"])
