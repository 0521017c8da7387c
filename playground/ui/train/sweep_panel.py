"""A sweep over learning rate and batch size: the range test's curve, the grid's table, and the winner for the form."""

import math
from collections.abc import Sequence
from typing import Any

import gradio as gr
import pandas as pd

from playground.errors import UserError
from playground.jobs.queue import Snapshot
from playground.services.app import Services
from playground.storage.store import ACTIVE
from playground.training.lr_sweep import RUNGS
from playground.ui.shared.controls import Controls
from playground.ui.shared.format import count, decimal, duration, method_name
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.polling import Poll
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import NO_PROGRESS, QUEUED, UNQUEUED, bump
from playground.ui.shared.translation import translate
from playground.ui.train.run_panel import pause_button, pause_or_resume

TICK_SECONDS = 2.0
COLOURS = {"loss": "#8a8f98", "smoothed": "#d9730d"}


class SweepPanel:
    """The components and their events; a sweep is a run of its own kind, followed here."""

    def __init__(self, services: Services, notice: gr.Textbox, changed: gr.State) -> None:
        """Draw it, collapsed. Errors appear in `notice`; a new `changed` makes the page redraw."""
        self.services = services
        self.notice, self.changed = notice, changed
        with gr.Accordion(mark("sweep.title"), open=False):
            gr.Markdown(mark("sweep.intro"))
            with gr.Row(elem_classes="ask"):
                self.start = gr.Button(mark("sweep.start"), variant="primary", min_width=160)
                self.pause = gr.Button(visible=False, min_width=120)
                self.use = gr.Button(mark("sweep.use"), visible=False, min_width=160)
            self.state = gr.Textbox(label=mark("sweep.progress"), interactive=False, max_lines=3, elem_classes="live")
            self.plot = gr.LinePlot(x="rate", y="loss", color="curve", show_label=False, height=260, visible=False)
            self.table = gr.Dataframe(datatype="str", interactive=False, wrap=True, show_label=False, visible=False)
            gr.Markdown(mark("sweep.caveat"), elem_classes="fine-print")
        self.timer = gr.Timer(TICK_SECONDS, active=False)

    @property
    def outputs(self) -> list[Any]:
        """What `refresh` gives updates for."""
        return [self.start, self.pause, self.use, self.state, self.plot, self.table, self.timer]

    def wire(self, method: gr.Radio, controls: Controls, form: Sequence[Any], kept: gr.Checkbox) -> None:
        """`form` is the method, the preset and all controls; the winner is written into it."""
        self.controls = controls
        shown = [self.notice, *self.outputs]
        after = [*shown, self.changed]
        start_form = [self.changed, kept, *form]
        self.start.click(guard(len(after))(self._start), start_form, after, api_name="sweep", **NO_PROGRESS)
        self.pause.click(guard(len(after))(self._pause_or_resume), [self.changed, self.pause], after, **QUEUED)
        self.poll = Poll("sweep_run", guard(len(shown))(self._tick), shown)
        self.poll.follow(self.timer)
        filled = [self.notice, method, *controls.flat]
        self.use.click(guard(len(filled))(self._use), None, filled, **UNQUEUED)

    def refresh(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `outputs` with the last sweep; also renews its lease."""
        row = self.services.experiments.last_sweep(visitor)
        run = self.services.jobs.snapshot(visitor, row.id) if row else None
        state = run.state if run else ""
        active = state in ACTIVE
        return (
            gr.update(visible=not active),
            pause_button(language, state),
            gr.update(visible=state == "done"),
            _state_line(language, run),
            _plot(language, run),
            _table(language, run),
            gr.update(active=active),
        )

    def _start(
        self, request: gr.Request, changed: int, kept: bool, method: str, preset: str, *values: Any
    ) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        options, run_values = self.controls.read(method, values)
        self.services.experiments.start_sweep(visitor, method, preset, options, run_values, kept)
        return *self.refresh(language, visitor), bump(changed)

    def _pause_or_resume(self, request: gr.Request, changed: int, seen: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if run := self.services.experiments.last_sweep(visitor):
            pause_or_resume(self.services.jobs, run, resuming=seen == say(language, "train.resume"))
        return *self.refresh(language, visitor), bump(changed)

    def _tick(self, request: gr.Request) -> tuple[Any, ...]:
        return self.refresh(language_of(request), visitor_of(self.services.visitors, request))

    def _use(self, request: gr.Request) -> tuple[Any, ...]:
        """Write the winning setting, and the method it was found for, into the form."""
        run = self.services.experiments.last_sweep(visitor_of(self.services.visitors, request))
        if run is None:
            return (gr.skip(), *[gr.skip()] * len(self.controls.flat))
        if not {"learning_rate", "batch_tokens"} <= set(run.figures):
            raise UserError("The sweep has found no setting yet. Wait until it is done, then use it.")
        won = {name: run.figures[name] for name in ("learning_rate", "batch_tokens")}
        return run.method, *self.controls.set_values(run.method, won)


def _state_line(language: str, run: Snapshot | None) -> str:
    if run is None:
        return say(language, "sweep.none")
    name = method_name(run.method)
    if run.state == "failed":
        return say(language, "train.state.failed", error=translate(language, run.error))
    if run.state == "done":
        rate, tokens = f"{run.figures['learning_rate']:.1e}", count(language, run.figures["batch_tokens"])
        return say(
            language, "sweep.done", name=name, rate=rate, tokens=tokens, loss=decimal(language, run.figures["loss"], 3)
        )
    steps = [event for event in run.events if event["event"] == "progress"]
    if run.state in ("queued", "stopped", "stopping") or not steps:
        return f"{name}: {say(language, f'state.{run.state}')}. {translate(language, run.error)}".rstrip(" .") + "."
    last = steps[-1]
    stage = say(language, "sweep.range_test" if "rate" in last else "sweep.grid")
    percent, left = round(100 * last["step"] / last["steps"]), duration(language, last["seconds_left"])
    return say(language, "sweep.running", name=name, stage=stage, percent=percent, left=left)


def _plot(language: str, run: Snapshot | None) -> Any:
    """Loss against log₁₀ of the learning rate, as measured and smoothed."""
    points = [event for event in run.events if event["event"] == "progress" and "rate" in event] if run else []
    names = {curve: say(language, f"sweep.curve_{curve}") for curve in COLOURS}
    rows = [
        {"rate": math.log10(point["rate"]), "loss": point[curve], "curve": names[curve]}
        for point in points
        for curve in COLOURS
    ]
    return gr.update(
        value=pd.DataFrame(rows, columns=["rate", "loss", "curve"]),
        visible=len(points) > 1,
        x_title=say(language, "sweep.axis_rate"),
        y_title=say(language, "train.plot"),
        color_title=" ",
        color_map={names[curve]: colour for curve, colour in COLOURS.items()},
    )


def _table(language: str, run: Snapshot | None) -> Any:
    """One row per setting of the grid, with its loss at each rung that it reached."""
    judged = [event for event in run.events if event["event"] == "judged"] if run else []
    losses = {(event["arm"], event["rung"]): event["loss"] for event in judged}
    settings = {event["arm"]: (event["learning_rate"], event["batch_tokens"]) for event in judged}
    rungs = [say(language, "sweep.column.rung", part=f"1/{rung}" if rung > 1 else "1") for rung in RUNGS]
    headers = [say(language, "sweep.column.rate"), say(language, "sweep.column.tokens"), *rungs]
    data = [
        [f"{rate:.1e}", count(language, tokens), *[_loss(language, losses.get((arm, rung))) for rung in RUNGS]]
        for arm, (rate, tokens) in sorted(settings.items())
    ]
    return gr.update(value={"headers": headers, "data": data}, visible=bool(data))


def _loss(language: str, loss: float | None) -> str:
    return "–" if loss is None else decimal(language, loss, 3)
