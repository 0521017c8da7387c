"""Compares several methods on the visitor's text: their figures in a table, and plotted against their losses."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
import pandas as pd

import adapters
from playground.services.app import Services
from playground.training.method_comparison import AXES, MethodResult, collect_results, pareto_front
from playground.ui.shared.controls import run_values
from playground.ui.shared.format import count, decimal, duration, method_name
from playground.ui.shared.handlers import Notice, guard
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import NO_PROGRESS, UNQUEUED, UNQUEUED_LATEST, bump
from playground.ui.train.run_panel import RunPanel

COLUMNS = ("method", "state", "loss", *AXES, "front")
UNITS = {
    "seconds": 1.0,
    "peak_bytes": 1e-9,
    "file_bytes": 1e-6,
    "trainable": 1e-6,
}  # to the axis' units


class ComparisonPanel:
    """The components and their events; the panel above follows the runs themselves."""

    def __init__(self, services: Services, panel: RunPanel, notice: gr.Textbox, changed: gr.State) -> None:
        """Draw it, collapsed."""
        self.services = services
        self.panel, self.notice, self.changed = panel, notice, changed
        here = {id_: method for id_, method in adapters.methods().items() if not method.unavailable()}
        core = [id_ for id_, method in here.items() if method.core]
        with gr.Accordion(mark("bakeoff.title"), open=False):
            gr.Markdown(mark("bakeoff.intro"))
            choices = [(method.label, id_) for id_, method in here.items()]
            self.methods = gr.CheckboxGroup(choices, value=core, label=mark("bakeoff.methods"))
            with gr.Row(elem_classes="ask"):
                self.start = gr.Button(mark("bakeoff.start"), variant="primary", scale=1, min_width=160)
                self.estimate = gr.Textbox(label=mark("train.estimate"), interactive=False, max_lines=3, scale=3)
            self.table = gr.Dataframe(datatype="str", interactive=False, wrap=True, show_label=False, visible=False)
            axes = [(mark(f"bakeoff.axis.{axis}"), axis) for axis in AXES]
            self.axis = gr.Radio(axes, value=AXES[0], label=mark("bakeoff.against"), visible=False)
            self.plot = gr.ScatterPlot(
                x="figure", y="loss", color="method", show_label=False, height=320, visible=False
            )
            self.caveat = gr.Markdown(elem_classes="fine-print")

    @property
    def outputs(self) -> list[Any]:
        """What `refresh` gives updates for."""
        return [self.table, self.axis, self.plot, self.caveat]

    def wire(self, preset: gr.Radio, run: Sequence[Any]) -> None:
        """`preset` and the run's controls, in the order of RUN_KNOBS, apply to all methods."""
        form = [self.methods, preset, *run]
        gr.on([self.methods.change, preset.change], guard(1)(self._estimate), form, self.estimate, **UNQUEUED_LATEST)
        after = [self.notice, self.estimate, *self.panel.outputs, self.changed]
        asked = [self.changed, self.panel.kept, *form]
        self.start.click(guard(len(after))(self._start), asked, after, api_name="bake_off", **NO_PROGRESS)
        self.axis.change(
            guard(3, clears=False)(self._change_axis), self.axis, [self.notice, self.plot, self.caveat], **UNQUEUED
        )

    def refresh(self, language: str, visitor: str, axis: str) -> tuple[Any, ...]:
        """Updates for `outputs` with the last comparison."""
        found = collect_results(self.services.experiments.last_bake_off(visitor))
        shown = gr.update(visible=any(each.heldout_after is not None for each in found))
        table = gr.update(value=_table(language, found), visible=bool(found))
        return table, shown, _plot(language, found, axis), _caveat(language, found, axis)

    def _estimate(self, request: gr.Request, methods: list[str], preset: str, *run: Any) -> tuple[Notice]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if not self.services.library.has_text(visitor):
            return (Notice(say(language, "train.needs_text")),)
        planned = self.services.experiments.plan_bake_off(visitor, methods, preset, run_values(run))
        seconds = sum(each for _, each in planned)
        steps = planned[0][0].settings.steps
        time = duration(language, seconds)
        return (Notice(say(language, "bakeoff.outlook", count=len(planned), steps=count(language, steps), time=time)),)

    def _start(
        self, request: gr.Request, changed: int, kept: bool, methods: list[str], preset: str, *run: Any
    ) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        self.services.experiments.start_bake_off(visitor, methods, preset, run_values(run), kept)
        return "", *self.panel.follow(language, visitor), bump(changed)

    def _change_axis(self, request: gr.Request, axis: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        found = collect_results(self.services.experiments.last_bake_off(visitor))
        return _plot(language, found, axis), _caveat(language, found, axis)


def _table(language: str, found: Sequence[MethodResult]) -> dict[str, Any]:
    headers = [say(language, f"bakeoff.column.{each}") for each in COLUMNS]
    best = {axis: pareto_front(found, axis) for axis in AXES}
    return {"headers": headers, "data": [_row(language, each, best) for each in found]}


def _row(language: str, result: MethodResult, best: dict[str, set[str]]) -> list[str]:
    losses = (result.heldout_before, result.heldout_after)
    loss = " → ".join(decimal(language, each, 3) for each in losses if each is not None and None not in losses)
    unbeaten = [say(language, f"bakeoff.axis.{axis}") for axis in AXES if result.run in best[axis]]
    return [
        method_name(result.method),
        say(language, f"state.{result.state}"),
        loss or "–",
        "–" if result.seconds is None else count(language, result.seconds),
        "–" if result.peak_bytes is None else f"{decimal(language, result.peak_bytes / 1e9, 2)} GB",
        "–" if result.file_bytes is None else f"{decimal(language, result.file_bytes / 1e6, 1)} MB",
        "–" if result.trainable is None else count(language, result.trainable),
        ", ".join(unbeaten) or "–",
    ]


def _plot(language: str, found: Sequence[MethodResult], axis: str) -> Any:
    rows = [
        {"figure": vars(each)[axis] * UNITS[axis], "loss": each.heldout_after, "method": method_name(each.method)}
        for each in found
        if each.heldout_after is not None and vars(each)[axis] is not None
    ]
    frame = pd.DataFrame(rows, columns=["figure", "loss", "method"])
    x, y = say(language, f"bakeoff.axis_title.{axis}"), say(language, "train.plot")
    return gr.update(value=frame, visible=bool(rows), x_title=x, y_title=y, color_title=" ")


def _caveat(language: str, found: Sequence[MethodResult], axis: str) -> str:
    """Known caveats of the two figures in the plot."""
    if not any(each.heldout_after is not None for each in found):
        return ""
    return f"{say(language, 'bakeoff.caveat.loss')} {say(language, f'bakeoff.caveat.{axis}')}"
