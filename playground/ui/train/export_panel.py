"""A run's export: a zip to download, or an upload to the Hub with the visitor's own login."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from playground.export import export, hub
from playground.services.app import Services
from playground.storage.exchange import DOWNLOADS
from playground.ui.shared.handlers import Notice, guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, offers_login, visitor_of
from playground.ui.shared.tab import EXPORTS, UNQUEUED


def build_export(services: Services, chosen: gr.Dropdown) -> None:
    """Draw it under the list of runs; `chosen` holds the run's id."""
    with gr.Accordion(mark("export.title"), open=False):
        notice = notice_box()
        with gr.Row(elem_classes="ask"):
            forms = [(mark(f"export.form.{form}"), form) for form in export.FORMS]
            form = gr.Dropdown(forms, value=forms[0][1], label=mark("export.form"), min_width=240)
            make = gr.Button(mark("export.make"), size="sm", min_width=120)
            file = gr.DownloadButton(
                mark("export.download"), size="sm", variant="primary", visible=False, min_width=120
            )
        _build_push(services, chosen, form)
    make_export = guard(2)(_export_handler(services))
    make.click(make_export, [chosen, form], [notice, file], show_progress_on=notice, api_name="make_export", **EXPORTS)
    for each in (chosen, form):
        each.change(lambda: gr.update(value=None, visible=False), None, file, **UNQUEUED)


def _build_push(services: Services, chosen: gr.Dropdown, form: gr.Dropdown) -> None:
    """Uses the login where the host's Space offers one, else a token that the visitor types.

    Off a Space, Gradio's login would hand out the host's own token (CVE-2026-27167), so it is not drawn there.
    """
    gr.Markdown(mark("export.hub"))
    notice = notice_box()
    with gr.Row(elem_classes="ask"):
        name = gr.Textbox(label=mark("export.hub_name"), max_lines=1, min_width=160)
        private = gr.Checkbox(True, label=mark("export.hub_private"), min_width=120)
        push = gr.Button(mark("export.hub_push"), size="sm", min_width=120)
        if offers_login():
            gr.LoginButton(size="sm", min_width=160)
            push.click(
                _by_login(services),
                [chosen, form, name, private],
                notice,
                show_progress_on=notice,
                api_visibility="private",
                **EXPORTS,
            )
            return
        token = gr.Textbox(label=mark("export.hub_token"), type="password", max_lines=1, min_width=200)
    typed = [chosen, form, name, private, token]
    push.click(
        _by_token(services), typed, [notice, token], show_progress_on=notice, api_visibility="private", **EXPORTS
    )


def _export_handler(services: Services) -> Callable[..., tuple[Any, ...]]:
    def make(request: gr.Request, run: str, form: str) -> tuple[Any, ...]:
        visitor = visitor_of(services.visitors, request)
        with services.exchange.filled_folder(visitor, DOWNLOADS) as folder:
            archive = services.runs.zip_export(visitor, run, form, folder)
        return (gr.update(value=str(archive), visible=True),)

    return make


def _by_login(services: Services) -> Callable[..., Any]:
    send = guard(1)(_push_handler(services))

    def push(request: gr.Request, run: str, form: str, name: str, private: bool, login: gr.OAuthToken | None) -> Any:
        return send(request, run, form, name, private, login.token if login else None)

    return push


def _by_token(services: Services) -> Callable[..., Any]:
    """Clears the typed token from the page with every answer."""
    send = guard(1)(_push_handler(services))

    def push(request: gr.Request, run: str, form: str, name: str, private: bool, token: str) -> tuple[Any, ...]:
        return send(request, run, form, name, private, token), ""

    return push


def _push_handler(services: Services) -> Callable[..., tuple[Any, ...]]:
    def send(request: gr.Request, run: str, form: str, name: str, private: bool, token: str | None) -> tuple[Any, ...]:
        visitor = visitor_of(services.visitors, request)
        if not (token or "").strip():
            hub.push_to_hub(Path(), name, None, private)  # raises that a login is missing, before anything is written
        with _export_folder(services, visitor, run, form) as folder:
            address = hub.push_to_hub(folder, name, token, private)
        return (Notice(say(language_of(request), "export.hub_done", address=address)),)

    return send


@contextmanager
def _export_folder(services: Services, visitor: str, run: str, form: str) -> Iterator[Path]:
    """A folder with the export, deleted afterwards."""
    with services.store.scratch_folder() as folder:
        services.runs.export(visitor, run, form, folder)
        yield folder
