"""The three pieces of code under a visitor's adapter."""

from pathlib import Path

import gradio as gr

from playground.services.app import Services
from playground.storage.store import new_secret
from playground.ui.train.elsewhere_panel import build_elsewhere
from tests.fakes.page import event_handler, page_request


def test_the_code_names_model_run_and_address_and_no_folder_or_secret_of_this_host(services: Services) -> None:
    secret = new_secret()
    runs = {
        method: services.store.runs.add_imported(
            services.store.visitor(secret), "train", "", method, {}, lambda _: None
        )
        for method in ("lora", "full")
    }
    with gr.Blocks() as page:
        chosen = gr.Dropdown()
        build_elsewhere(services, chosen)
    show = event_handler(page, chosen, "change")
    request = page_request(secret, origin="https://class.example.org")
    _, peft, servers, endpoints = show(request, runs["lora"].id)
    assert "PeftModel" in peft
    assert f'"{Path(services.settings.chat_model).name}"' in peft
    assert "vllm serve FOLDER" in servers
    assert 'Client("https://class.example.org")' in endpoints
    assert f'"{runs["lora"].id}"' in endpoints
    assert not [each for each in (secret, services.settings.chat_model) if each in peft + servers + endpoints]
    assert "PeftModel" not in show(request, runs["full"].id)[1]
    notice, *unchanged = show(page_request(new_secret()), runs["lora"].id)
    assert "not found among yours" in notice["value"]
    assert unchanged == [gr.skip()] * 3
    assert show(request, None)[1:] == ("", "", "")
