"""The slim bar above all tabs: the state of the visit, the language, and starting over."""

from typing import Any

import gradio as gr

from playground.errors import UserError
from playground.jobs.queue import Snapshot
from playground.services.app import Services
from playground.services.experiments import SWEEP
from playground.storage.store import ACTIVE
from playground.ui.shared.client_scripts import SWITCH_LANGUAGE
from playground.ui.shared.format import count, duration, model_name
from playground.ui.shared.handlers import Notice, guard, notice_box, notice_update
from playground.ui.shared.i18n import languages, mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, Tab, bump
from playground.ui.shared.translation import translate
from playground.ui.train.run_panel import pause_button, pause_or_resume
from playground.ui.train.run_view import percent, seconds_left


class StatusBar:
    """The bar's components and their events."""

    def __init__(self, services: Services) -> None:
        """Draw the bar and wire it."""
        self.services = services
        self.changed = gr.State(0)
        with gr.Row(elem_classes="bar", equal_height=True):
            self.text = self._build_field("text", scale=3)
            self.model = self._build_field("model", scale=2)
            self.adapters = self._build_field("adapters", scale=1)
            self.job = self._build_field("job", scale=3)
            self.pause = gr.Button(visible=False, size="sm", scale=1, min_width=90)
            choices = [(label, id_) for id_, label in languages().items()]
            self.language = gr.Dropdown(choices, value="en", label=mark("language.label"), scale=1, min_width=150)
            self.over = gr.Button(mark("bar.start_over"), size="sm", scale=1, min_width=90)
            self.sure = gr.Button(mark("bar.start_over_ask"), size="sm", variant="stop", visible=False, min_width=90)
            self.keep = gr.Button(mark("bar.keep"), size="sm", visible=False, min_width=90)
        self.notice = notice_box()
        self._wire()

    @property
    def tab(self) -> Tab:
        """What the page redraws of it."""
        return Tab(
            "visit",
            [self.notice, self.text, self.model, self.adapters, *self.job_outputs, self.language],
            self.refresh,
            self.changed,
        )

    @property
    def job_outputs(self) -> list[Any]:
        """The components that tell of the visitor's run, and pause it."""
        return [self.job, self.pause]

    def _build_field(self, name: str, scale: int) -> gr.Textbox:
        return gr.Textbox(label=mark(f"bar.{name}"), interactive=False, max_lines=2, scale=scale, min_width=140)

    def _wire(self) -> None:
        confirming = [self.over, self.sure, self.keep]
        self.over.click(lambda: _confirm_updates(True), None, confirming, **UNQUEUED)
        self.keep.click(lambda: _confirm_updates(False), None, confirming, **UNQUEUED)
        self.sure.click(
            guard(2 + len(confirming))(self._start_over),
            self.changed,
            [self.notice, self.changed, *confirming],
            **QUEUED,
        )
        pause = guard(2)(self._pause_or_resume)
        self.pause.click(pause, [self.changed, self.pause], [self.notice, self.changed], **QUEUED)
        self.language.input(None, self.language, None, js=SWITCH_LANGUAGE)

    def refresh(self, request: gr.Request) -> tuple[Any, ...]:
        """Updates with the state of the visit, or with the reason why there is none."""
        try:
            return gr.skip(), *self._bar_updates(request)
        except UserError as error:
            return notice_update(translate(language_of(request), str(error))), *[gr.skip()] * 6

    def _bar_updates(self, request: gr.Request) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        adapters = self.services.runs.with_adapter(visitor)
        ready = (
            say(language, "bar.adapters_value", count=len(adapters)) if adapters else say(language, "bar.no_adapters")
        )
        text, model = self._text_summary(language, visitor), self.model_line(language, visitor)
        return text, model, ready, *self.job_updates(language, visitor), language

    def model_line(self, language: str, visitor: str) -> str:
        """The chosen chat model's name, and whether its architecture makes it slower."""
        name = self.services.chats.name(visitor)
        slow, short = self.services.chats.lacks_fast_passes(name), model_name(name)
        return say(language, "bar.slow_model", name=short) if slow else short

    def job_updates(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `job_outputs`: the run of whatever kind that is at work, waits or is paused; renews its lease."""
        newest = self.services.jobs.newest_run(visitor)
        if newest is None or newest.state not in (*ACTIVE, "stopped"):
            return say(language, "bar.no_job"), gr.update(visible=False)
        run = self.services.jobs.snapshot(visitor, newest.id)
        return _job_line(language, run), pause_button(language, run.state)

    def _text_summary(self, language: str, visitor: str) -> str:
        rows = self.services.library.rows(visitor)
        if not rows:
            return say(language, "bar.no_text")
        tokens = count(language, sum(self.services.training_text.token_counts(visitor).values()))
        if len(rows) == 1:
            return say(language, "bar.text_value", name=rows[0].name, tokens=tokens)
        return say(language, "bar.text_values", count=len(rows), tokens=tokens)

    def _pause_or_resume(self, request: gr.Request, changed: int, seen: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if run := self.services.jobs.newest_run(visitor):
            pause_or_resume(self.services.jobs, run, resuming=seen == say(language, "train.resume"))
        return (bump(changed),)

    def _start_over(self, request: gr.Request, changed: int) -> tuple[Any, ...]:
        self.services.visitors.forget(visitor_of(self.services.visitors, request))
        return Notice(say(language_of(request), "bar.started_over")), bump(changed), *_confirm_updates(False)


def _job_line(language: str, run: Snapshot) -> str:
    """The state of an active or paused run, in a few words."""
    name = say(language, "bar.sweep", name=run.name) if run.kind == SWEEP else run.name
    if run.state == "queued":
        return say(language, "bar.job_queued", name=name, place=run.position + 1)
    left, done = seconds_left(run.events), percent(run.events)
    if run.state == "stopped":
        return say(language, "bar.job_paused", name=name, percent=done)
    if left is None:
        return say(language, "bar.job_going" if done else "bar.job_starting", name=name, percent=done)
    return say(language, "bar.job_running", name=name, percent=done, left=duration(language, left))


def _confirm_updates(confirming: bool) -> tuple[dict[str, Any], ...]:
    return gr.update(visible=not confirming), gr.update(visible=confirming), gr.update(visible=confirming)
