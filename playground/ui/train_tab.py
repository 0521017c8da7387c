"""The Fine-tune tab: choose a method and a preset, see the cost, start, follow, stop, resume."""

from collections.abc import Callable
from typing import Any

import gradio as gr

import adapters
from playground.runs import PRESETS, Estimate, RunConfig
from playground.services import Services
from playground.store import RunRow
from playground.ui.adapters_list import AdaptersList, build_adapters_list, list_updates
from playground.ui.choice import MethodChoice
from playground.ui.controls import Controls, build_controls
from playground.ui.guard import guarded, notice_box
from playground.ui.preview import Preview
from playground.ui.run_view import build_plot, plot_update, state_line
from playground.ui.show import count, duration
from playground.ui.tab import CHANGING, QUIET, Tab, bump
from playground.ui.visitor import language_of, visitor_of
from playground.ui.words import mark, say

FIRST_METHOD, FIRST_PRESET = "lora", "quick"


class TrainTab:
    """The tab's parts and what happens to them; every handler asks the store who is asking."""

    def __init__(self, services: Services, page: gr.Blocks) -> None:
        """Draw the tab and wire it."""
        self.services = services
        self.changed = gr.State(0)
        gr.Markdown(mark("train.intro"))
        self._build_form()
        self._build_run()
        self.list: AdaptersList = build_adapters_list(services, self.notice, self.changed)
        self._wire()
        self.choice.wire(page, self.controls, self.form, self.notice)

    @property
    def tab(self) -> Tab:
        """What the page redraws: the estimate, the followed run and the list."""
        outputs = [self.estimate, *self.run_outputs, *self.list_outputs, self.lease]
        return Tab("runs", outputs, self.refresh, self.changed, self.form)

    def _build_form(self) -> None:
        self.choice = MethodChoice(self.services, FIRST_METHOD)
        with gr.Row(equal_height=True):
            presets = [(mark(f"train.preset.{id_}"), id_) for id_ in PRESETS]
            self.preset = gr.Radio(presets, value=FIRST_PRESET, label=mark("train.preset"))
            self.name = gr.Textbox(label=mark("train.name"), placeholder=mark("train.name_hint"), max_lines=1)
        with gr.Accordion(mark("train.advanced"), open=False):
            self.controls: Controls = build_controls(FIRST_METHOD)
        self.estimate = gr.Textbox(label=mark("train.estimate"), interactive=False, lines=1, max_lines=4)
        self.notice = notice_box()
        self.preview = Preview(self.services, self.controls.run)
        with gr.Row():
            self.start = gr.Button(mark("train.start"), variant="primary")
            self.stop = gr.Button(mark("train.stop"), variant="stop", visible=False)
            self.resume = gr.Button(mark("train.resume"), visible=False)

    def _build_run(self) -> None:
        self.state = gr.Textbox(
            label=mark("train.progress"), interactive=False, lines=2, max_lines=4, elem_classes="live"
        )
        self.plot = build_plot()
        self.lease = gr.Markdown(elem_classes="fine-print")

    @property
    def form(self) -> list[Any]:
        """All that a run is made from."""
        return [self.choice.method, self.preset, *self.controls.flat]

    @property
    def run_outputs(self) -> list[Any]:
        """What follows the newest run."""
        return [self.state, self.plot, self.start, self.stop, self.resume]

    @property
    def list_outputs(self) -> list[Any]:
        """What follows the list of runs."""
        return [self.list.empty, self.list.table, self.list.manage, self.list.chosen]

    def _wire(self) -> None:
        for control in self.form:
            control.change(guarded(2)(self._estimate), self.form, [self.notice, self.estimate], **QUIET)
        started = [self.notice, self.name, *self.run_outputs, self.changed]
        self.start.click(
            guarded(8)(self._start),
            [self.changed, self.name, *self.form],
            started,
            show_progress="hidden",
            api_name="train",
        )
        self.stop.click(
            guarded(7)(self._stop), self.changed, [self.notice, *self.run_outputs, self.changed], **CHANGING
        )
        self.resume.click(
            guarded(7)(self._resume), self.changed, [self.notice, *self.run_outputs, self.changed], **QUIET
        )

    def refresh(self, request: gr.Request, *form: Any) -> tuple[Any, ...]:
        """Everything of this tab that depends on what is stored."""
        language, visitor = language_of(request), visitor_of(self.services.store, request)
        _, estimate = guarded(2)(self._estimate)(request, *form)
        return (
            estimate,
            *self.follow(language, visitor),
            *self._listed(language, visitor),
            self._house_rules(language),
        )

    def follow(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `run_outputs`: the visitor's active run, else the newest; looking renews its lease."""
        runs = self.services.store.runs(visitor)
        active = self.services.jobs.active(visitor)
        followed = active or (max(runs, key=lambda run: run.queued) if runs else None)
        if followed is None:
            return (say(language, "train.no_run"), gr.update(visible=False), *_buttons(None))
        run = self.services.jobs.snapshot(visitor, followed.id)
        line = f"{run.name}: {state_line(language, run)}"
        return (line, plot_update(language, run.events), *_buttons(run))

    def _house_rules(self, language: str) -> str:
        """When a run ends by itself, and the host's limits."""
        limits = self.services.settings
        lease = say(language, "train.lease", minutes=round(limits.lease_seconds / 60))
        most = say(
            language,
            "train.limits",
            steps=count(limits.max_steps),
            rank=limits.max_rank,
            seconds=duration(language, limits.max_seconds),
            runs=limits.visitor_runs,
            queued=limits.queued_runs,
        )
        return f"{lease} {most}"

    def _listed(self, language: str, visitor: str) -> tuple[Any, ...]:
        return list_updates(language, self.services.store.runs(visitor), None)

    def _estimate(self, request: gr.Request, method: str, preset: str, *values: Any) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.store, request)
        if not self.services.store.documents(visitor):
            return (say(language, "train.needs_text"),)
        options, run_values = self.controls.read(method, values)
        return (self._estimate_line(language, visitor, method, preset, options, run_values),)

    def _estimate_line(
        self, language: str, visitor: str, method: str, preset: str, options: dict[str, Any], run_values: dict[str, Any]
    ) -> str:
        config, cost = self.services.plan(visitor, method, preset, options, run_values)
        return estimate_sentence(language, config, cost, self.services.chat.model.num_parameters())

    def _start(
        self, request: gr.Request, changed: int, name: str, method: str, preset: str, *values: Any
    ) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.store, request)
        options, run_values = self.controls.read(method, values)
        config, _ = self.services.plan(visitor, method, preset, options, run_values)
        self.services.start_run(visitor, config, name or adapters.get(method).label)
        return "", *self.follow(language, visitor), bump(changed)

    def _stop(self, request: gr.Request, changed: int) -> tuple[Any, ...]:
        return self._act(request, changed, self._stop_run)

    def _resume(self, request: gr.Request, changed: int) -> tuple[Any, ...]:
        return self._act(request, changed, self._resume_run)

    def _act(self, request: gr.Request, changed: int, action: Callable[[str], None]) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.store, request)
        action(visitor)
        return *self.follow(language, visitor), bump(changed)

    def _stop_run(self, visitor: str) -> None:
        if run := self.services.jobs.active(visitor):
            self.services.jobs.stop(visitor, run.id)

    def _resume_run(self, visitor: str) -> None:
        newest = max(self.services.store.runs(visitor), key=lambda run: run.queued)
        self.services.jobs.resume(visitor, newest.id)


def estimate_sentence(language: str, config: RunConfig, cost: Estimate, parameters: int) -> str:
    """What the run will take, in one line."""
    return say(
        language,
        "train.estimate_value",
        trainable=count(cost.trainable),
        share=f"{100 * cost.trainable / parameters:.2f}",
        steps=count(config.settings.steps),
        time=duration(language, cost.seconds),
        memory=f"{cost.memory_bytes / 1e9:.1f}",
    )


def _buttons(run: RunRow | None) -> tuple[Any, ...]:
    """Start, stop, resume: only what can be pressed is in sight."""
    state = run.state if run else ""
    active = state in ("queued", "running", "stopping")
    return (
        gr.update(visible=not active),
        gr.update(visible=state in ("queued", "running")),
        gr.update(visible=state in ("stopped", "failed")),
    )
