"""The Fine-tune tab: choose a method and a preset, see the cost, start, follow; several methods or settings at once."""

import secrets
from typing import Any

import gradio as gr

import adapters
from playground.data.short_answers import SHORT_WORDS
from playground.errors import UserError
from playground.services.app import Services
from playground.training.config import PRESETS, RunConfig
from playground.training.estimate import Estimate
from playground.ui.shared.controls import Controls, build_controls
from playground.ui.shared.format import count, decimal, duration, run_names
from playground.ui.shared.handlers import Notice, guard, notice_box, notice_update
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.kept import loss_warning
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import NO_PROGRESS, UNQUEUED, UNQUEUED_LATEST, Tab, bump, seen_box
from playground.ui.train.adapters_list import AdaptersList, build_adapters_list, list_updates
from playground.ui.train.comparison_panel import ComparisonPanel
from playground.ui.train.history import History
from playground.ui.train.layers_panel import LayersView
from playground.ui.train.method_choice import MethodChoice
from playground.ui.train.mix_choice import MixChoice
from playground.ui.train.preview import Preview
from playground.ui.train.reading_view import mix_picture, part_report, part_sentence
from playground.ui.train.run_panel import RunPanel
from playground.ui.train.sweep_panel import SweepPanel

FIRST_METHOD, FIRST_PRESET = "lora", "quick"


class TrainTab:
    """The tab's components and their events; every handler looks up the visitor."""

    def __init__(self, services: Services, opening: gr.Tab) -> None:
        """Draw the tab and wire it; `opening` is what a visitor clicks to see it."""
        self.services = services
        self.seen = seen_box(opening)
        self.changed = gr.State(0)
        gr.Markdown(mark("train.intro"))
        self._build_form()
        self.lease = gr.Markdown(elem_classes="fine-print")
        self.bakeoff = ComparisonPanel(services, self.panel, self.notice, self.changed)
        self.sweep = SweepPanel(services, self.notice, self.changed)
        self.list: AdaptersList = build_adapters_list(services, self.notice, self.changed)
        self.history = History(services, self.panel, self.notice, self.changed)
        self._wire()
        self.choice.wire(self.seen, self.controls, self.form, self.notice)

    @property
    def tab(self) -> Tab:
        """What the page redraws of it: the estimate, the followed run, the list, and results of several runs."""
        parts: list[ComparisonPanel | History | SweepPanel] = [self.bakeoff, self.history, self.sweep]
        outputs = [
            *self.mix.outputs,
            self.estimate,
            self.redrawn,
            *self.panel.outputs,
            self.panel.kept,
            *self.list_outputs,
            self.lease,
        ]
        outputs += [output for part in parts for output in part.outputs]
        asked = [self.estimate, self.mix.suggested, self.bakeoff.axis, self.history.one, self.history.other, self.seen]
        asked += [self.list.chosen, self.list.usual]
        return Tab("runs", outputs, self.refresh, self.changed, asked)

    def _build_form(self) -> None:
        """What to teach, how, how long; beside the last, or below it on a phone, the run that is followed."""
        self.mix = MixChoice(self.services)
        self.reading = gr.HTML(visible=False, elem_classes=["told", "reading"])
        self.choice = MethodChoice(self.services, FIRST_METHOD)
        with gr.Row(equal_height=False):
            with gr.Column(min_width=400):
                self._build_start()
            with gr.Column(min_width=400):
                self.panel.build_run()

    def _build_start(self) -> None:
        presets = [(mark(f"train.preset.{id_}"), id_) for id_ in PRESETS]
        self.preset = gr.Radio(presets, value=FIRST_PRESET, label=mark("train.preset"))
        with gr.Accordion(mark("train.advanced"), open=False):
            self.controls: Controls = build_controls(FIRST_METHOD, self._build_layers)
        self.mix.wire(self.controls)
        self.preview = Preview(self.services, self.controls.run)
        self.redrawn = gr.Textbox(visible="hidden")  # its change redraws what depends on the form
        self.estimate = gr.Textbox("", label=mark("train.estimate"), interactive=False, lines=1, max_lines=4)
        self.warning = notice_box()
        self.notice = notice_box()
        self.name = gr.Textbox(label=mark("train.name"), placeholder=mark("train.name_hint"), max_lines=1)
        self.panel = RunPanel(self.services)

    def _build_layers(self) -> None:
        self.layers = LayersView()

    @property
    def form(self) -> list[Any]:
        """All inputs that define a run."""
        return [self.choice.method, self.preset, *self.controls.flat]

    @property
    def list_outputs(self) -> list[Any]:
        """The components that show the list of runs."""
        return [self.list.empty, self.list.table, self.list.manage, self.list.chosen, self.list.usual]

    def _wire(self) -> None:
        changed = [control.change for control in self.form]
        gr.on(changed, lambda: notice_update(""), None, self.notice, **UNQUEUED)
        told = [self.estimate, self.warning, self.reading]
        estimate = guard(len(told), clears=False)(self._estimate)
        gr.on([*changed, self.redrawn.change], estimate, [self.seen, *self.form], told, **UNQUEUED_LATEST)
        self.seen.change(self._suggest_mix, self.mix.suggested, [*self.mix.outputs, self.redrawn], **UNQUEUED)
        started = [self.notice, self.name, *self.panel.outputs, self.changed]
        self.panel.start.click(
            guard(len(started))(self._start),
            [self.changed, self.name, self.panel.kept, *self.form],
            started,
            api_name="start_run",
            **NO_PROGRESS,
        )
        self.layers.wire(self.controls, self.form, self.redrawn)
        self.panel.wire(self.notice, self.changed)
        self.bakeoff.wire(self.preset, self.controls.run)
        self.sweep.wire(self.choice.method, self.controls, self.form, self.panel.kept)

    def refresh(
        self,
        request: gr.Request,
        estimate: str,
        suggested: str,
        axis: str,
        one: str,
        other: str,
        seen: str,
        run: str | None,
        usual: str | None,
    ) -> tuple[Any, ...]:
        """Updates with all that depends on the store; what also depends on the form follows `redrawn`.

        The knobs of the mix stay until the tab is seen, as each one that changes is followed by events.
        """
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        return (
            *(self.mix.refresh(visitor, suggested) if seen else self.mix.unchanged),
            self._pending_estimate(language, visitor, estimate),
            secrets.token_hex(4),
            *self.panel.follow(language, visitor),
            self.panel.keep_update(visitor),
            *self._list_updates(language, visitor, run, usual),
            self._limits_text(language),
            *self.bakeoff.refresh(language, visitor, axis),
            *self.history.refresh(language, visitor, one, other),
            *self.sweep.refresh(language, visitor),
        )

    def _suggest_mix(self, request: gr.Request, suggested: str) -> tuple[Any, ...]:
        """The mix that fits the text, and a first estimate."""
        try:
            suggestion = self.mix.refresh(visitor_of(self.services.visitors, request), suggested)
        except UserError:  # no visit yet: the bar says why
            suggestion = self.mix.unchanged
        return *suggestion, secrets.token_hex(4)

    def _pending_estimate(self, language: str, visitor: str, shown: str) -> Any:
        """In place of "there is no text", once there is one: a new estimate takes some seconds."""
        outdated = shown == say(language, "train.needs_text") and self.services.library.has_text(visitor)
        return say(language, "train.estimating") if outdated else gr.skip()

    def _limits_text(self, language: str) -> str:
        """Whether a restart loses runs, when a run stops by itself, and the host's limits."""
        limits = self.services.settings
        lease = say(language, "train.lease", minutes=round(limits.lease_seconds / 60))
        most = say(
            language,
            "train.limits",
            steps=count(language, limits.max_steps),
            rank=limits.max_rank,
            seconds=duration(language, limits.max_seconds),
            runs=limits.visitor_runs,
            queued=limits.queued_runs,
        )
        return " ".join(filter(None, (loss_warning(limits.data, language), lease, most)))

    def _list_updates(self, language: str, visitor: str, chosen: str | None, usual: str | None) -> tuple[Any, ...]:
        runs = self.services.runs.listed(visitor)
        return list_updates(language, runs, run_names(language, runs, self.services.chats.default), chosen, usual)

    def _estimate(self, request: gr.Request, seen: str, method: str, preset: str, *values: Any) -> tuple[Any, ...]:
        """What the run would take, or why there is no estimate; a warning about the text; what of it would be read.

        Nothing before the tab was seen: a new text takes seconds, in which its first answers are awaited.
        """
        if not seen:
            return gr.skip(), gr.skip()
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if not self.services.library.has_text(visitor):
            return Notice(say(language, "train.needs_text")), notice_update(""), gr.update(visible=False)
        options, run_values = self.controls.read(method, values)
        config, cost = self.services.runs.plan(visitor, method, preset, options, run_values)
        sentence = estimate_sentence(language, config, cost, self.services.chats.of(visitor).model.num_parameters())
        short = self.services.training_text.short_answer_files(visitor)
        warning = say(language, "train.short_answers", files=", ".join(short), count=SHORT_WORDS) if short else ""
        shown = self._reading(language, visitor, config, cost)
        return Notice(sentence), notice_update(warning), gr.update(value=shown, visible=bool(shown))

    def _reading(self, language: str, visitor: str, config: RunConfig, cost: Estimate) -> str:
        """What a planned run would read, as HTML."""
        settings = config.settings
        outline = self.services.training_text.workload(visitor, settings).outline
        reading = outline.reading(settings.steps, settings.batch_tokens, settings.seed)
        shown = mix_picture(language, reading)
        if reading.chapters:
            key = "part.chosen" if outline.is_part else "part.in_time"
            time = duration(language, cost.seconds)
            shown += part_report(language, part_sentence(language, key, reading, time=time), reading)
        return shown

    def _start(
        self, request: gr.Request, changed: int, name: str, kept: bool, method: str, preset: str, *values: Any
    ) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        options, run_values = self.controls.read(method, values)
        config, cost = self.services.runs.plan_now(visitor, method, preset, options, run_values)
        self.services.runs.start(visitor, config, name or adapters.get(method).label, cost.seconds, kept)
        return "", *self.panel.follow(language, visitor), bump(changed)


def estimate_sentence(language: str, config: RunConfig, cost: Estimate, parameters: int) -> str:
    """What the run would take, in one line."""
    return say(
        language,
        "train.estimate_value",
        trainable=count(language, cost.trainable),
        share=decimal(language, 100 * cost.trainable / parameters, 2),
        steps=count(language, config.settings.steps),
        time=duration(language, cost.seconds),
        memory=decimal(language, cost.memory_bytes / 1e9, 1),
    )
