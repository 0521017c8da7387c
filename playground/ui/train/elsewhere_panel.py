"""How the chosen adapter is used elsewhere: three pieces of code, each with the export that it takes."""

from typing import Any

import gradio as gr

import adapters
from playground.export import snippets
from playground.services.app import Services
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import UNQUEUED


def build_elsewhere(services: Services, chosen: gr.Dropdown) -> None:
    """Draw it under the list of runs; `chosen` holds the run's id."""
    with gr.Accordion(mark("elsewhere.title"), open=False) as panel:
        notice = notice_box()
        gr.Markdown(mark("elsewhere.note"))
        peft = gr.Code(label=mark("elsewhere.peft"), language="python", interactive=False, wrap_lines=True)
        servers = gr.Code(label=mark("elsewhere.servers"), language="shell", interactive=False, wrap_lines=True)
        endpoints = gr.Code(label=mark("elsewhere.endpoints"), language="python", interactive=False, wrap_lines=True)
    show = _show(services)
    for event in (panel.expand, chosen.change):
        event(show, chosen, [notice, peft, servers, endpoints], **UNQUEUED)


def _show(services: Services) -> Any:
    @guard(4)
    def show(request: gr.Request, chosen: str | None) -> tuple[Any, ...]:
        if not chosen:
            return ("",) * 3
        language = language_of(request)
        run = services.runs.get(visitor_of(services.visitors, request), chosen)
        form = {each: say(language, f"export.form.{each}") for each in ("native", "merged", "gguf")}
        settings = services.settings
        address = request.headers.get("origin") or f"http://{settings.host}:{settings.port}"
        return (
            snippets.with_peft(adapters.get(run.method), services.chats.source(run.base).name, form["native"]),
            snippets.with_servers(form["merged"], form["gguf"]),
            snippets.with_endpoints(address, run.id, say(language, "elsewhere.visit")),
        )

    return show
