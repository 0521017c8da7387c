"""The bar above the tabs names the chat model, and says of an architecture without fast passes that it is slower."""

from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from playground.services.app import Services
from playground.settings import Settings
from playground.ui.status_bar import StatusBar
from tests.fakes.architectures import strong
from tests.fakes.tiny_model import tiny_tokenizer


@pytest.mark.parametrize(("kind", "words"), [("gpt2", ["slower"]), ("llama", [])])
def test_a_model_without_fast_passes_is_called_slower_once_it_is_loaded(
    kind: str, words: list[str], settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "chosen"
    strong(kind).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    services = Services(replace(settings, chat_model=str(folder)))
    with gr.Blocks():
        bar = StatusBar(services)
    assert bar.model_line("en") == "chosen"
    assert services.chat.model is not None
    found = bar.model_line("en")
    assert found.startswith("chosen")
    assert [word for word in ("slower",) if word in found] == words
