"""Imports an adapter that was trained elsewhere or exported here: takes its files, makes a finished run."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.ui.shared.handlers import Notice, guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import UNQUEUED, bump


def build_import(services: Services, changed: gr.State) -> None:
    """Draw it under the list of runs; a new `changed` makes the page redraw."""
    with gr.Accordion(mark("bring.title"), open=False):
        gr.Markdown(mark("bring.intro"))
        name = gr.Textbox(label=mark("train.name"), placeholder=mark("train.name_hint"), max_lines=1)
        # No file types: Gradio's own refusal would give no reason, and leave the file in its cache.
        files = gr.File(label=mark("bring.files"), file_count="multiple", height=120, elem_id="bring")
        notice = notice_box()

    def bring(request: gr.Request, paths: Sequence[str] | None, name: str, changed: int) -> tuple[Any, ...]:
        visitor = visitor_of(services.visitors, request)
        uploads = [services.exchange.take(visitor, path) for path in paths or ()]
        try:
            run = services.runs.import_adapter(visitor, [(path.name, path) for path in uploads], name)
        finally:
            for path in uploads:
                services.exchange.drop(path)
        kept = services.runs.get(visitor, run).name
        return Notice(say(language_of(request), "bring.done", name=kept)), "", bump(changed)

    # Uses the queue: a change of a gr.State reaches the page only through it.
    files.upload(
        guard(3)(bring),
        [files, name, changed],
        [notice, name, changed],
        api_name="bring_adapter",
        concurrency_limit=1,
        show_progress_on=notice,
    ).then(lambda: None, None, files, **UNQUEUED)
