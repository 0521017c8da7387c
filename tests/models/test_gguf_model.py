"""A GGUF file as chat model: the same numbers and tokens as the model that it was written of, made once."""

import json
import os
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from playground.errors import UserError
from playground.export.gguf import write_gguf
from playground.models import gguf_model, registry
from playground.models.chat_choice import check_list
from playground.models.chat_model import load_chat
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer
from tests.fakes.waiting import wait_until
from tests.models.test_models import CPU

TEXT = "Xin chào, it's 12345 o'clock:\n\n  two  BLANKS’ and I'LL go…"


def joining_tokenizer() -> PreTrainedTokenizerFast:
    """The tiny tokenizer with one pair of blanks joined, as a file without any joins is none of llama.cpp's."""
    backend = json.loads(tiny_tokenizer().backend_tokenizer.to_str())
    vocabulary = backend["model"]["vocab"]
    last = max(vocabulary, key=vocabulary.__getitem__)
    vocabulary["ĠĠ"] = vocabulary.pop(last)
    backend["model"]["merges"] = [["Ġ", "Ġ"]]
    tiny = tiny_tokenizer()
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(backend)), **tiny.special_tokens_map)
    made.chat_template = tiny.chat_template
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A Llama of three layers in a GGUF file."""
    path = tmp_path / "bring" / "three-layers.gguf"
    path.parent.mkdir()
    write_gguf(tiny_llama(seed=3, layers=3), joining_tokenizer(), path, "three")
    return path


@pytest.fixture
def settings(settings: Settings, file: Path) -> Settings:
    """A host that lists the file."""
    return replace(settings, chat_models=str(file))


def rule_of(tmp_path: Path, name: str) -> Path:
    """A file whose tokenizer names this rule for cutting a text."""
    path = tmp_path / f"{name}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    vocabulary = joining_tokenizer().get_vocab()
    writer.add_token_list(sorted(vocabulary, key=vocabulary.__getitem__))
    writer.add_token_merges(["Ġ Ġ"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_listed_file_is_chosen_on_the_page_and_answers_as_the_model_it_was_written_of(
    services: Services, file: Path, settings: Settings
) -> None:
    visitor, changes = services.store.visitor(new_secret()), services.chat_changes
    assert services.chats.offered_names() == [services.chats.default, "three-layers"]
    assert services.chats.offer("three-layers").here
    changes.choose(visitor, "three-layers")
    assert wait_until(lambda: changes.change(visitor) is None)
    chat = services.chats.of(visitor)
    assert chat.name == "three-layers"
    ids = torch.arange(3, 43, 2)[None]
    torch.testing.assert_close(chat.model(input_ids=ids).logits, tiny_llama(seed=3, layers=3)(input_ids=ids).logits)
    assert chat.tokenizer(TEXT).input_ids == joining_tokenizer()(TEXT).input_ids
    assert chat.tokenizer.chat_template == tiny_tokenizer().chat_template
    assert chat.tokenizer.eos_token == "<|im_end|>"
    assert services.self_tests.report(None, "three-layers").passed


def test_the_hosts_own_model_may_be_a_file_that_the_installation_makes_ready(settings: Settings, file: Path) -> None:
    host = replace(settings, chat_model=str(file), chat_models="")
    with pytest.raises(UserError, match=r"is not on this machine as safetensors\. Run `make install` once"):
        registry.chat_source(host)
    said: list[str] = []
    registry.install_models(host, said.append)
    source = registry.chat_source(host)
    assert (source.name, source.origin) == ("three-layers", "gguf")
    assert "  is made into float32 safetensors, once (about a minute per 500 million weights)" in said
    loaded = load_chat(source, CPU)
    assert loaded.model.config.num_hidden_layers == 3
    assert AutoModelForCausalLM.from_pretrained(source.folder).dtype == torch.float32


def test_a_file_that_changed_is_made_anew(file: Path, tmp_path: Path) -> None:
    first = gguf_model.unpack_gguf(file, tmp_path / "models")
    assert gguf_model.find_unpacked(file, tmp_path / "models") == first
    write_gguf(tiny_llama(seed=4, layers=2), joining_tokenizer(), file, "two")
    os.utime(file, ns=(1, 1))
    assert gguf_model.find_unpacked(file, tmp_path / "models") is None
    again = gguf_model.unpack_gguf(file, tmp_path / "models")
    assert AutoModelForCausalLM.from_pretrained(again).config.num_hidden_layers == 2


@pytest.mark.parametrize(
    ("rule", "pieces"),
    [
        ("gpt-2", ["I", "'", "LL", "Ġpay", "Ġ12345", "."]),
        ("smollm", ["I", "'", "LL", "Ġpay", "Ġ", "1", "2", "3", "4", "5", "."]),
        ("qwen2", ["I", "'LL", "Ġpay", "Ġ", "1", "2", "3", "4", "5", "."]),
        ("llama-bpe", ["I", "'LL", "Ġpay", "Ġ", "123", "45", "."]),
    ],
)
def test_a_text_is_cut_by_the_rule_that_the_file_names(tmp_path: Path, rule: str, pieces: list[str]) -> None:
    tokenizer = gguf_model._tokenizer(rule_of(tmp_path, rule))
    found = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("I'LL pay 12345.")
    assert [piece for piece, _ in found] == pieces
    composed = tokenizer.backend_tokenizer.normalizer.normalize_str("e\u0301") if rule == "qwen2" else "\u00e9"
    assert composed == "\u00e9"


def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, file: Path) -> None:
    with pytest.raises(UserError, match=r"cuts texts by the rule 'poro-chat'; known are gpt-2, .*\. Name another file"):
        gguf_model.convert_gguf(rule_of(tmp_path, "poro-chat"), tmp_path / "made")
    part = file.rename(file.with_name("big-00001-of-00003.gguf"))
    with pytest.raises(UserError, match=r"big-00001-of-00003\.gguf is one part of a model\. Join the parts"):
        gguf_model.unpack_gguf(part, tmp_path / "models")
    noise = tmp_path / "noise.gguf"
    noise.write_bytes(b"this is no model" * 20)
    with pytest.raises(UserError, match=r"noise\.gguf cannot be read as a chat model: .*\. Name another file"):
        gguf_model.unpack_gguf(noise, tmp_path / "models")
    assert not (tmp_path / "models").exists(), "nothing is left"


def test_a_file_without_room_or_that_is_not_there_is_said(
    tmp_path: Path, file: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_model, "MARGIN", 1e9)
    with pytest.raises(UserError, match=r"MB free and three-layers\.gguf needs"):
        gguf_model.unpack_gguf(file, tmp_path / "models")
    asked: list[int] = []
    monkeypatch.setattr(gguf_model, "MARGIN", 1.0)
    monkeypatch.setattr(gguf_model, "check_room", lambda models, needed, what: asked.append(needed) or models.mkdir())
    folder = gguf_model.unpack_gguf(file, tmp_path / "roomy")
    weights = AutoModelForCausalLM.from_pretrained(folder)
    assert asked == [sum(each.nbytes for each in weights.parameters())]
    with pytest.raises(UserError, match=r"PLAYGROUND_CHAT_MODELS names .*gone\.gguf, which is no file\. Correct it"):
        check_list(replace(settings, chat_models=str(tmp_path / "gone.gguf")))


def test_a_tokenizer_read_again_is_the_same(file: Path, tmp_path: Path) -> None:
    folder = gguf_model.unpack_gguf(file, tmp_path / "models")
    assert AutoTokenizer.from_pretrained(folder)(TEXT).input_ids == joining_tokenizer()(TEXT).input_ids
