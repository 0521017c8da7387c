"""Every form of an export: read again without us, in a clean process, it says the same; its card says what it is."""

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
import yaml
from peft import PeftModel
from tokenizers import normalizers, pre_tokenizers
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

import adapters
from adapters.lora_weights import PlainLora
from playground.cli.commands import arguments
from playground.errors import UserError
from playground.export import export, snippets
from playground.export.gguf import write_gguf
from playground.export.model_card import render_card
from playground.inference.hooks import apply_adapters
from playground.models.gguf_model import CUTS
from playground.models.registry import ModelSource
from playground.models.weights import weights_digest
from playground.settings import Settings
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer
from tests.fakes.trained import Trained, make

Train = Callable[..., Path]
NOT_PLAIN = ("dora", "full")
CLEAN = """if True:
    import json, sys, torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer
    assert not any(name.startswith(("playground", "adapters")) for name in sys.modules)
    base, ids, found = sys.argv[1], torch.arange(3, 43, 2)[None], {}
    read = lambda *a, **k: AutoModelForCausalLM.from_pretrained(*a, dtype=torch.float32, **k)
    for form, model in {
        "native": lambda: PeftModel.from_pretrained(read(base), "native"),
        "plain": lambda: PeftModel.from_pretrained(read(base), "plain"),
        "merged": lambda: read("merged"),
        "gguf": lambda: read("gguf", gguf_file="model.gguf"),
    }.items():
        found[form] = model().eval()(input_ids=ids).logits.detach()
    found["template"] = AutoTokenizer.from_pretrained("gguf").chat_template
    torch.save(found, "found.pt")
"""


WITHOUT_US = """
import sys
ours = {each.split(".")[0] for each in sys.modules} & {"playground", "adapters", "retrieval"}
assert not ours, ours
assert said.shape[1] > asked["input_ids"].shape[1]
"""


@pytest.fixture
def train(tmp_path: Path, tiny_model_folder: Path) -> Train:
    """Trains a method for some steps on the tiny model; the adapter's folder with its record."""

    def run(method: str, **values: object) -> Path:
        trained = Trained(*make(method, **values)).step(1, 4)
        folder = tmp_path / f"run-{method}" / "adapter"
        folder.mkdir(parents=True)
        trained.method.save(trained.model, folder)
        record = {
            "method": method,
            "options": {"rank": 8},
            "base": {"name": "tiny", "hash": weights_digest(tiny_model_folder)[:16]},
            "data_hash": "d" * 16,
            "products": "bfloat16",
            "figures": {"heldout_before": 2.5, "heldout_after": 2.0, "step": 4, "reason": "done"},
        }
        (folder / "run.json").write_text(json.dumps(record))
        torch.save(_logits(trained.model), tmp_path / f"{method}.pt")
        return folder

    return run


def written(form: str, adapter: Path, settings: Settings, name: str = "") -> Path:
    out = adapter.parent / form
    out.mkdir()
    export.write_export(form, adapter, out, settings, name)
    return out


def test_the_command_line_knows_the_same_forms() -> None:
    assert arguments.FORMS == export.FORMS


def test_a_clean_process_reads_every_form_and_gets_the_same_logits(
    train: Train, settings: Settings, tmp_path: Path, tiny_model_folder: Path
) -> None:
    adapter = train("lora")
    for form in export.FORMS:
        written(form, adapter, settings)
    command = [sys.executable, "-c", CLEAN, str(tiny_model_folder)]
    ran = subprocess.run(command, cwd=adapter.parent, env={"HF_HUB_OFFLINE": "1"}, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    found: dict[str, Any] = torch.load(adapter.parent / "found.pt", weights_only=True)
    trained = torch.load(tmp_path / "lora.pt", weights_only=True)
    assert (trained - _logits(tiny_llama())).abs().max() > 1e-3
    for form in export.FORMS:
        torch.testing.assert_close(found[form], trained, atol=1e-5, rtol=1e-5)
    assert found["template"] == tiny_tokenizer().chat_template


@pytest.mark.parametrize("method", ["lora", "vera", "full"])
def test_the_code_for_peft_answers_in_a_process_without_us(
    train: Train, settings: Settings, tiny_model_folder: Path, method: str
) -> None:
    folder = written("native", train(method), settings)
    code = snippets.with_peft(adapters.get(method), str(tiny_model_folder), "native").replace("FOLDER", str(folder))
    ran = subprocess.run(
        [sys.executable, "-c", code + WITHOUT_US],
        cwd=folder,
        env={"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_commands_for_servers_name_the_file_that_gguf_itself_opens(train: Train, settings: Settings) -> None:
    folder = written("gguf", train("lora"), settings)
    (model,) = re.findall(r"--model FOLDER/(\S+)", snippets.with_servers("Merged", "GGUF"))
    opened = gguf.GGUFReader(folder / model)
    assert opened.tensors
    assert str(opened.fields["general.architecture"].contents()) == "llama"


@pytest.mark.parametrize("method", adapters.methods())
def test_the_gguf_of_every_method_says_what_was_trained(
    train: Train, settings: Settings, tmp_path: Path, method: str
) -> None:
    out = written("gguf", train(method), settings)
    loaded = AutoModelForCausalLM.from_pretrained(out, gguf_file=export.GGUF, dtype=torch.float32)
    trained = torch.load(tmp_path / f"{method}.pt", weights_only=True)
    # QLoRA is trained over four bits and served over the whole weights.
    near = 0.3 if method == "qlora" else 1e-4
    torch.testing.assert_close(_logits(loaded), trained, atol=near, rtol=near)


@pytest.mark.parametrize("form", export.WHOLE)
def test_an_adapter_of_a_head_that_is_tied_leaves_the_embeddings_as_they_are(
    settings: Settings, tmp_path: Path, tiny_model_folder: Path, form: str
) -> None:
    base = tiny_llama()
    assert base.config.tie_word_embeddings
    random = torch.Generator().manual_seed(1)
    shapes = {"lm_head": (259, 32), "model.layers.0.self_attn.q_proj": (32, 32)}
    layers = {
        name: (torch.randn(4, inputs, generator=random), torch.randn(outputs, 4, generator=random) / 9)
        for name, (outputs, inputs) in shapes.items()
    }
    plain = PlainLora(layers)
    plain.save(tmp_path / "adapter", "tiny")
    with apply_adapters(base, [plain]):
        served = _logits(base)
    out = written(form, tmp_path / "adapter", settings)
    file = {"gguf_file": export.GGUF} if form == "gguf" else {}
    loaded = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, **file)
    torch.testing.assert_close(_logits(loaded), served, atol=1e-4, rtol=1e-4)


def cutting(*rules: pre_tokenizers.PreTokenizer) -> PreTrainedTokenizerFast:
    """The tiny tokenizer, cutting a text by these rules before it joins bytes."""
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*rules])
    return tokenizer


@pytest.mark.parametrize("name", ["gpt-2", "smollm", "qwen2", "llama-bpe"])
def test_gguf_names_the_rule_by_which_the_tokenizer_cuts_a_text(tmp_path: Path, name: str) -> None:
    tokenizer = cutting(*CUTS[name])
    tokenizer.backend_tokenizer.normalizer = normalizers.NFC() if name == "qwen2" else None
    write_gguf(tiny_llama(), tokenizer, tmp_path / "x.gguf", "x")
    assert gguf.GGUFReader(tmp_path / "x.gguf").fields["tokenizer.ggml.pre"].contents() == name


@pytest.mark.parametrize(
    "rules",
    [
        [pre_tokenizers.Punctuation(), *CUTS["smollm"]],
        [pre_tokenizers.ByteLevel(add_prefix_space=True)],
        [pre_tokenizers.Metaspace()],
    ],
)
def test_gguf_is_refused_where_it_has_no_name_for_the_tokenizers_rule(
    tmp_path: Path, rules: list[pre_tokenizers.PreTokenizer]
) -> None:
    with pytest.raises(UserError, match="has no name here for how this tokenizer cuts a text"):
        write_gguf(tiny_llama(), cutting(*rules), tmp_path / "x.gguf", "x")


def test_gguf_is_refused_in_a_sentence_where_it_cannot_be(tmp_path: Path) -> None:
    model = tiny_llama()
    model.config.model_type = "odd"
    with pytest.raises(UserError, match="plain Llama models only, and this is 'odd'"):
        write_gguf(model, tiny_tokenizer(), tmp_path / "x.gguf", "x")


def test_a_card_names_base_text_method_settings_figures_and_licence(train: Train, settings: Settings) -> None:
    adapter = train("dora")
    for form, library in (("native", "peft"), ("merged", "transformers"), ("gguf", "gguf")):
        text = (written(form, adapter, settings) / "README.md").read_text()
        front = yaml.safe_load(text.split("---\n")[1])
        assert (front["base_model"], front["library_name"]) == ("tiny", library)
        assert front["license"] == "other"
        assert {"dora", "gradio-playground"} <= set(front["tags"])
        told = ("d" * 16, "2402.09353", "weights | bfloat16 |", "| Option rank | 8 |", "| Training steps | 4 |", "2.5")
        for word in (*told, "## Licence"):
            assert word in text, word
    assert "apache-2.0" in render_card("native", {}, "HuggingFaceTB/SmolLM2-135M-Instruct", "x")


def test_a_name_cannot_put_markup_or_front_matter_into_a_card(train: Train, settings: Settings) -> None:
    evil = "x\n---\nlicense: mit\n---\n<script>alert(1)</script> [a](javascript:b) | `"
    text = (written("native", train("lora"), settings, evil) / "README.md").read_text()
    assert "<script" not in text
    assert "](javascript" not in text
    assert text.count("\n---\n") == 1


def test_a_zip_holds_the_files_in_one_folder(train: Train, settings: Settings, tmp_path: Path) -> None:
    export.zip_folder(written("native", train("vera"), settings), tmp_path / "my.zip")
    names = zipfile.ZipFile(tmp_path / "my.zip").namelist()
    assert {f"my/{name}" for name in ("adapter_config.json", "adapter_model.safetensors", "run.json", "README.md")} == {
        *names
    }


def test_an_unknown_form_and_another_base_are_refused(train: Train, settings: Settings, tmp_path: Path) -> None:
    adapter = train("lora")
    with pytest.raises(UserError, match="no form 'odd'"):
        export.write_export("odd", adapter, tmp_path, settings)
    record = json.loads((adapter / "run.json").read_text())
    (adapter / "run.json").write_text(json.dumps({**record, "base": {"name": "other", "hash": "0" * 16}}))
    with pytest.raises(UserError, match="trained on other"):
        export.write_export("merged", adapter, tmp_path, settings)


@pytest.mark.slow
def test_the_real_model_goes_through_gguf_and_plain_peft_unchanged(tmp_path: Path, real_source: ModelSource) -> None:
    settings, source = Settings.from_environment(), real_source
    base = AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32)
    method, options = make("lora", rank=4)
    model = method.attach(base, options, seed=7, steps=4)
    with torch.no_grad():
        for name, each in model.named_parameters():
            if "lora_B" in name:
                each.normal_(0, 0.01)
    trained = _logits(model)
    (tmp_path / "run").mkdir()
    method.save(model, tmp_path / "run")
    for form in ("plain", "gguf"):
        written(form, tmp_path / "run", settings)
    plain = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32), tmp_path / "plain"
    )
    torch.testing.assert_close(_logits(plain.eval()), trained, atol=1e-3, rtol=1e-4)
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "gguf", gguf_file=export.GGUF, dtype=torch.float32)
    torch.testing.assert_close(_logits(whole.eval()), trained, atol=1e-3, rtol=1e-4)


@torch.no_grad()
def _logits(model: Any) -> Tensor:
    """What a model says of the same tokens every time."""
    return model.eval()(input_ids=torch.arange(3, 43, 2)[None]).logits
