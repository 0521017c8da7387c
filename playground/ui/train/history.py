"""Two earlier runs side by side: settings, data hash, versions and curves; and a button that repeats one."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
import pandas as pd

from playground.services.app import Services
from playground.storage.run_folder import CONFIG, adapter_folder, read_config, read_events, read_record
from playground.storage.store import RunRow
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, bump
from playground.ui.train.run_panel import RunPanel

SIDES = ("one", "other")
NONE = ("–", "")


class History:
    """The components and their events."""

    def __init__(self, services: Services, panel: RunPanel, notice: gr.Textbox, changed: gr.State) -> None:
        """Draw it, collapsed, and wire it."""
        self.services = services
        self.panel = panel
        with gr.Accordion(mark("history.title"), open=False, visible=False) as self.folded:
            with gr.Row(elem_classes="ask"):
                self.one = gr.Dropdown([NONE], value=NONE[1], label=mark("history.one"), min_width=200)
                self.other = gr.Dropdown([NONE], value=NONE[1], label=mark("history.other"), min_width=200)
                self.again = gr.Button(mark("history.again"), size="sm", min_width=140)
            self.plot = gr.LinePlot(x="step", y="loss", color="run", show_label=False, height=280, visible=False)
            with gr.Row():
                self.facts = [gr.JSON(label=mark(f"history.{side}"), max_height=320) for side in SIDES]
        run_outputs = [notice, *self.run_outputs]
        for dropdown in (self.one, self.other):
            dropdown.change(
                guard(len(run_outputs), clears=False)(self._show), [self.one, self.other], run_outputs, **UNQUEUED
            )
        after = [notice, *panel.outputs, changed]
        self.again.click(guard(len(after))(self._rerun), [changed, panel.kept, self.one], after, **QUEUED)

    @property
    def run_outputs(self) -> list[Any]:
        """The components that follow the two choices."""
        return [self.plot, *self.facts]

    @property
    def outputs(self) -> list[Any]:
        """What `refresh` gives updates for."""
        return [self.folded, self.one, self.other, *self.run_outputs]

    def refresh(self, language: str, visitor: str, one: str, other: str) -> tuple[Any, ...]:
        """Updates for `outputs`: the newest two runs unless others were chosen."""
        runs = list(reversed(self.services.runs.all(visitor)))
        ids = [run.id for run in runs]
        newest = [*ids[:2], "", ""]
        chosen = [id_ if id_ in ids else newest[place] for place, id_ in enumerate((one, other))]
        choices = [NONE, *[(run.name, run.id) for run in runs]]
        dropdowns = [gr.update(choices=choices, value=id_) for id_ in chosen]
        return gr.update(visible=bool(runs)), *dropdowns, *self._run_updates(language, visitor, chosen)

    def _show(self, request: gr.Request, *chosen: str) -> tuple[Any, ...]:
        return self._run_updates(language_of(request), visitor_of(self.services.visitors, request), chosen)

    def _run_updates(self, language: str, visitor: str, chosen: Sequence[str]) -> tuple[Any, ...]:
        runs = [self.services.runs.get(visitor, id_) if id_ else None for id_ in chosen]
        return _curves(language, [run for run in runs if run]), *[_facts(run) if run else None for run in runs]

    def _rerun(self, request: gr.Request, changed: int, kept: bool, one: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if one:
            self.services.experiments.rerun(visitor, one, kept)
        return *self.panel.follow(language, visitor), bump(changed)


def _facts(run: RunRow) -> dict[str, Any]:
    """All that is recorded about a run: settings and, once it has an adapter, data hash, base, versions and figures."""
    return {"name": run.name, "state": run.state, **(read_record(adapter_folder(run.folder)) or _config(run))}


def _config(run: RunRow) -> dict[str, Any]:
    return read_config(run.folder) if (run.folder / CONFIG).exists() else {}


def _curves(language: str, runs: Sequence[RunRow]) -> Any:
    """Held-out loss against steps; a number distinguishes two runs with the same name."""
    names = [run.name for run in runs]
    rows = [
        {"step": event["step"], "loss": event["heldout_loss"], "run": f"{place}: {names[place - 1]}"}
        for place, run in enumerate(runs, start=1)
        for event in read_events(run.folder)
        if event["event"] == "progress" and event.get("heldout_loss") is not None
    ]
    frame = pd.DataFrame(rows, columns=["step", "loss", "run"])
    x, y = say(language, "history.steps"), say(language, "train.plot_heldout")
    return gr.update(value=frame, visible=len(rows) > 1, x_title=x, y_title=y, color_title=" ")
