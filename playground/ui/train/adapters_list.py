"""The visitor's runs as a table, with renaming and a deletion that must be confirmed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.storage.run_folder import adapter_folder, adapter_weights
from playground.storage.store import RunRow
from playground.ui.shared.format import count, decimal, method_name, size
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, bump, kept_choice
from playground.ui.train.elsewhere_panel import build_elsewhere
from playground.ui.train.export_panel import build_export
from playground.ui.train.import_panel import build_import

COLUMNS = ("name", "method", "state", "steps", "loss", "seconds", "parameters", "size", "place")

COLUMN_WIDTHS = (
    "150px",
    "110px",
    "90px",
    "90px",
    "130px",
    "90px",
    "115px",
    "90px",
    "200px",
)


@dataclass(frozen=True)
class AdaptersList:
    """The components that the tab redraws; `usual` is the newest run, which is chosen as long as no other was."""

    empty: gr.Markdown
    table: gr.Dataframe
    manage: gr.Column
    chosen: gr.Dropdown
    usual: gr.State


def build_adapters_list(services: Services, notice: gr.Textbox, changed: gr.State) -> AdaptersList:
    """Draw the list and wire its buttons."""
    gr.Markdown(mark("train.adapters"))
    empty = gr.Markdown(mark("train.adapters_none"))
    table = gr.Dataframe(
        datatype="str",
        interactive=False,
        visible=False,
        wrap=True,
        show_label=False,
        column_widths=[*COLUMN_WIDTHS],
    )
    with gr.Column(visible=False) as manage:
        with gr.Row(elem_classes="ask"):
            chosen = gr.Dropdown([], label=mark("train.choose"), min_width=200)
            name = gr.Textbox(label=mark("train.rename"), max_lines=1, min_width=160)
            rename = gr.Button(mark("train.rename_apply"), size="sm", min_width=100)
            delete = gr.Button(mark("train.delete"), size="sm", min_width=100)
            sure = gr.Button(mark("train.delete_sure"), size="sm", variant="stop", visible=False, min_width=100)
            keep = gr.Button(mark("train.delete_keep"), size="sm", visible=False, min_width=100)
        build_export(services, chosen)
        build_elsewhere(services, chosen)
    build_import(services, changed)
    asking = [delete, sure, keep]
    delete.click(lambda: _ask(True), None, asking, **UNQUEUED)
    keep.click(lambda: _ask(False), None, asking, **UNQUEUED)
    rename.click(_rename(services), [chosen, name, changed], [notice, name, changed], **QUEUED)
    sure.click(_delete(services), [chosen, changed], [notice, changed, *asking], **QUEUED)
    return AdaptersList(empty, table, manage, chosen, gr.State(None))


def list_updates(
    language: str, runs: Sequence[RunRow], names: Mapping[str, str], chosen: str | None, before: str | None
) -> tuple[Any, ...]:
    """Updates for empty, table, manage, chosen and usual; `names` are the runs' by their ids.

    `chosen` and `before` are what the last two show now.
    """
    ids = [run.id for run in runs]
    choices = [(names[run.id], run.id) for run in runs]
    usual = ids[-1] if ids else None
    return (
        gr.update(visible=not runs),
        gr.update(value=_table(language, runs, names), visible=bool(runs)),
        gr.update(visible=bool(runs)),
        gr.update(choices=choices, value=kept_choice(chosen, ids, usual, before)),
        usual,
    )


def _table(language: str, runs: Sequence[RunRow], names: Mapping[str, str]) -> dict[str, Any]:
    headers = [say(language, f"train.column.{each}") for each in COLUMNS]
    return {"headers": headers, "data": [_row(language, run, names[run.id]) for run in runs]}


def _row(language: str, run: RunRow, name: str) -> list[str]:
    figures = run.figures
    file = adapter_weights(adapter_folder(run.folder))
    tested = figures.get("heldout_after") is not None
    losses = [decimal(language, figures[f"heldout_{when}"], 3) for when in ("before", "after") if tested]
    return [
        name,
        method_name(run.method),
        say(language, f"state.{run.state}"),
        f"{figures['step']} / {figures['steps']}" if "steps" in figures else "–",
        " → ".join(losses) or "–",
        count(language, figures["seconds"]) if "seconds" in figures else "–",
        count(language, figures["trainable"]) if "trainable" in figures else "–",
        size(language, file.stat().st_size) if file else "–",
        _place(file) if file else "–",
    ]


def _place(file: Path) -> str:
    """The last parts of the adapter's folder, without the path of the host's data folder."""
    return "/".join(file.parts[-4:-1])


def _ask(asking: bool) -> tuple[dict[str, Any], ...]:
    return gr.update(visible=not asking), gr.update(visible=asking), gr.update(visible=asking)


def _rename(services: Services) -> Any:
    @guard(3)
    def rename(request: gr.Request, run: str, name: str, changed: int) -> tuple[Any, ...]:
        services.runs.rename(visitor_of(services.visitors, request), run, name)
        return "", bump(changed)

    return rename


def _delete(services: Services) -> Any:
    @guard(5)
    def delete(request: gr.Request, run: str, changed: int) -> tuple[Any, ...]:
        services.runs.delete(visitor_of(services.visitors, request), run)
        return bump(changed), *_ask(False)

    return delete
