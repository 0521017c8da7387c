"""`ask` with every arm, and `export` in every form."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

import adapters
from playground.device import Device
from playground.inference.hooks import apply_adapters
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from tests.fakes.command_line import RunCommand, train


def test_ask_answers_with_every_arm_that_can_be(run: RunCommand) -> None:
    train(run)
    assert run("index", "town.md", "--out", "index").code == 0
    given = ["--adapter", "run", "--index", "index", "--max-new-tokens", "6", "--json"]
    ran = run("ask", "Who keeps the keys of the ships?", *given)
    assert ran.code == 0, ran.err
    assert [each["arm"] for each in ran.lines] == ["base", "rag", "tuned", "both"]
    base, rag, tuned, both = ran.lines
    assert rag["prompt_tokens"] == both["prompt_tokens"] > base["prompt_tokens"] == tuned["prompt_tokens"]
    assert any("harbour master" in each["text"] for each in rag["passages"])
    assert (base["found"], rag["found"], base["passages"]) == (None, True, [])
    assert (base["stamp"]["adapter_hash"], tuned["stamp"]["method"]) == (None, "lora")
    assert len({each["stamp"]["id"] for each in ran.lines}) == 4
    assert base["seconds_to_first_token"] > 0
    shown = run("ask", "Who keeps the keys of the ships?", *given[:-1]).out
    assert "rag (prompt of " in shown
    assert "town.md, Ships, characters " in shown
    some = run("ask", "Who?", "--adapter", "run/adapter", "--arms", "tuned,base", "--max-new-tokens", "2", "--json")
    assert [each["arm"] for each in some.lines] == ["tuned", "base"]


def test_few_shot_and_a_second_adapter_answer_when_they_are_named(run: RunCommand, tmp_path: Path) -> None:
    train(run)
    train(run, "--seed", "1", out="second")
    rows = ["question,answer", "Who keeps the keys?,The harbour master.", "When do ships leave?,At dawn."]
    (tmp_path / "pairs.csv").write_text("\n".join(rows))
    assert run("index", "pairs.csv", "--out", "index").code == 0
    words = ["ask", "When do ships come?", "--index", "index", "--max-new-tokens", "3"]
    base, few = run(*words, "--arms", "base,few_shot", "--json").lines
    assert "The harbour master." in few["prompt"]
    assert "The harbour master." not in base["prompt"]
    assert few["stamp"]["examples"][0].startswith("pairs.csv:")
    assert [each["arm"] for each in run(*words, "--json").lines] == ["base", "rag"]
    tuned, other = run("ask", "Who?", "--adapter", "run", "--other", "second", "--arms", "tuned,other", "--json").lines
    assert tuned["stamp"]["adapter_hash"] != other["stamp"]["adapter_hash"]
    assert "It was sent:\n<|im_start|>system" in run(*words, "--show-prompt").out


def test_ask_abstains_where_the_index_has_no_answer(run: RunCommand) -> None:
    assert run("index", "town.md", "--out", "index").code == 0
    words = ["ask", "Which pizza topping is the best?", "--index", "index", "--max-new-tokens", "3", "--json"]
    base, rag = run(*words).lines
    assert (rag["answer"], rag["found"], rag["prompt_tokens"]) == ("", False, 0)
    assert base["prompt_tokens"] > 0
    assert len(rag["passages"]) > 0
    _, anyway = run(*words, "--ask-anyway").lines
    assert (anyway["found"], anyway["prompt_tokens"] > 0) == (False, True)
    assert "Not in this text" in run(*words[:-1]).out


@torch.no_grad()
def logits(model: Any) -> Tensor:
    """What a model says of the same tokens every time, (1, 20, vocabulary)."""
    return model(input_ids=torch.arange(3, 43, 2)[None]).logits


NOT_PLAIN = ("dora", "full")


@pytest.mark.parametrize("method", adapters.methods())
def test_every_export_loads_without_us_and_says_the_same(run: RunCommand, tiny_model_folder: Path, method: str) -> None:
    train(run, "--learning-rate", "0.02", method=method)
    chat = load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 1.0))
    before = logits(chat.model)
    adapter = load_adapter(Path("run/adapter"), chat)
    with apply_adapters(chat.model, [adapter.lora]):
        served = logits(adapter.model or chat.model)
    assert not torch.allclose(served, before, atol=1e-3)
    forms = ("native", "merged") if method in NOT_PLAIN else ("native", "plain", "merged")
    for form in forms:
        (line,) = run("export", "run", "--form", form, "--out", form, "--json").lines
        assert (line["form"], line["out"], line["bytes"] > 0) == (form, form, True)
    names = {each.name for each in Path("native").iterdir()}
    assert {adapters.get(method).weights_file, "run.json"} < names
    assert {Path(each).suffix for each in names} == {".json", ".safetensors", ".md"}
    base = AutoModelForCausalLM.from_pretrained
    for form in forms[:-1]:
        whole = form == "native" and method == "full"
        loaded = base(form) if whole else PeftModel.from_pretrained(base(tiny_model_folder), form)
        torch.testing.assert_close(logits(loaded.eval()), served, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits(base("merged")), served, atol=1e-4, rtol=1e-4)
    assert AutoTokenizer.from_pretrained("merged").chat_template == chat.tokenizer.chat_template
    assert {each.suffix for each in Path("merged").iterdir()} <= {".json", ".safetensors", ".jinja", ".md"}
    refused = run("export", "run", "--form", "plain", "--out", "plain")
    assert refused.code == 2
    assert ("no plain LoRA equals" in refused.err) == (method in NOT_PLAIN)
