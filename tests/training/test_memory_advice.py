"""A run that memory was too short for gets a smaller setting that fits."""

import signal
from dataclasses import replace
from types import SimpleNamespace

import psutil
import pytest
from transformers import LlamaConfig

import adapters
from playground.jobs import supervisor as supervising
from playground.jobs import worker
from playground.jobs.oom import oom_kills
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from playground.training.config import RunConfig, TrainSettings
from playground.training.estimate import memory_needed
from playground.training.memory_advice import describe_shortage, smaller_config
from retrieval.document import Document
from tests.fakes.tiny_model import tiny_llama

SHAPE = LlamaConfig(
    vocab_size=49_152,
    hidden_size=576,
    intermediate_size=1_536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    tie_word_embeddings=True,
)


def config(window: int = 1_024) -> RunConfig:
    return RunConfig("lora", adapters.get("lora").Options(), TrainSettings(window=window))


@pytest.mark.parametrize("share", [0.95, 0.7, 0.55])
def test_the_smaller_setting_is_the_largest_that_fits(share: float) -> None:
    there = round(share * memory_needed(config(), SHAPE))
    found = smaller_config(config(), SHAPE, there)
    assert found
    assert memory_needed(found, SHAPE) <= min(there, 0.9 * memory_needed(config(), SHAPE))
    doubled = replace(found, settings=replace(found.settings, window=2 * found.settings.window))
    assert memory_needed(doubled, SHAPE) > memory_needed(found, SHAPE)
    sentence = describe_shortage(config(), SHAPE, there)
    assert str(found.settings.window) in sentence or str(found.options.top_layers) in sentence


def test_where_nothing_fits_the_sentence_says_so() -> None:
    assert smaller_config(config(), SHAPE, 1_000_000) is None
    assert "No shorter window" in describe_shortage(config(), SHAPE, 1_000_000)


def test_a_worker_that_the_system_ended_leaves_a_sentence_with_a_setting_that_fits(
    tiny_model_folder: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(replace(settings, chat_model=str(tiny_model_folder)))
    visitor = services.store.visitor(new_secret())
    text = [Document("a.txt", "Some words.")]
    asked = config(window=512)
    run = services.jobs.submit(visitor, asked, text)
    needed = memory_needed(asked, tiny_llama().config)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=needed - 1_000_000))
    row = services.store.runs.claim_next()
    assert row
    monkeypatch.setattr(supervising, "oom_kills", lambda: 1 + oom_kills())
    services.supervisor.record_ending(row, -signal.SIGKILL)
    ended = services.store.runs.get(visitor, run)
    assert ended.state == "failed"
    assert ended.error.startswith(worker.NO_MEMORY)
    assert "With a window of" in ended.error or "With top layers only" in ended.error
    assert "which fits" in ended.error
