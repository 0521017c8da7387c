"""The followed run: its state and plot, a button to pause and resume, one to cancel, and whether to keep it running."""

from typing import Any

import gradio as gr

from playground.data.reading import Reading
from playground.jobs.queue import CANCEL_SECONDS, JobQueue, Snapshot
from playground.services.app import Services
from playground.storage.run_folder import read_reading
from playground.storage.store import ACTIVE, RunRow
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, bump
from playground.ui.train.reading_view import part_report, part_sentence
from playground.ui.train.run_view import plot_update, state_line


class RunPanel:
    """The components and their events. Runs that were queued together are paused, resumed and cancelled together."""

    def __init__(self, services: Services) -> None:
        """Draw the buttons that end the form; call `build_run` and `wire` next."""
        self.services = services
        with gr.Row():
            self.start = gr.Button(mark("train.start"), variant="primary")
            self.pause = gr.Button(visible=False)
            self.cancel = gr.Button(mark("train.cancel"), variant="stop", visible=False)
        self.kept = gr.Checkbox(label=mark("train.keep"), info=mark("train.keep_info"), container=False)

    def build_run(self) -> None:
        """Draw the run itself, beside the form."""
        self.state = gr.Textbox(
            label=mark("train.progress"), interactive=False, lines=2, max_lines=4, elem_classes="live"
        )
        self.plot = gr.HTML(visible=False, elem_classes="told")
        self.reading = gr.HTML(visible=False, elem_classes=["told", "reading"])

    @property
    def outputs(self) -> list[Any]:
        """What `follow` gives updates for."""
        return [self.state, self.plot, self.reading, self.start, self.pause, self.cancel]

    def wire(self, notice: gr.Textbox, changed: gr.State) -> None:
        """Errors appear in `notice`; a new `changed` makes the page redraw."""
        after = [notice, *self.outputs, changed]
        self.pause.click(guard(len(after))(self._pause_or_resume), [changed, self.pause], after, **QUEUED)
        self.cancel.click(guard(len(after))(self._cancel), changed, after, **QUEUED)
        self.kept.input(guard(1)(self._keep), self.kept, notice, **UNQUEUED)

    def follow(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `outputs` with the visitor's active run, else the newest; also renews its lease."""
        followed = self._followed_run(visitor)
        if followed is None:
            hidden = gr.update(visible=False)
            return (say(language, "train.no_run"), hidden, hidden, *_buttons(language, None))
        run = self.services.jobs.snapshot(visitor, followed.id)
        line = f"{self._run_title(language, visitor, run)}: {state_line(language, run)}"
        shown = plot_update(language, run.events, is_over=run.state not in ACTIVE)
        return (line, shown, _reading_update(language, run), *_buttons(language, run))

    def keep_update(self, visitor: str) -> Any:
        """The update of the keep box: the active run's value, else unchanged."""
        active = self.services.jobs.active_run(visitor)
        return gr.update(value=active.kept) if active else gr.skip()

    def _run_title(self, language: str, visitor: str, run: Snapshot) -> str:
        """The run's name, and its number if it is one of several."""
        together = self.services.jobs.bundled_runs(visitor, run.id)
        if len(together) == 1:
            return run.name
        place = 1 + [each.id for each in together].index(run.id)
        return say(language, "train.of_several", place=place, count=len(together), name=run.name)

    def _followed_run(self, visitor: str) -> RunRow | None:
        return self.services.jobs.active_run(visitor) or self.services.runs.latest(visitor)

    def _pause_or_resume(self, request: gr.Request, changed: int, seen: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if run := self._followed_run(visitor):
            pause_or_resume(self.services.jobs, run, resuming=seen == say(language, "train.resume"))
        return *self.follow(language, visitor), bump(changed)

    def _cancel(self, request: gr.Request, changed: int) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        if run := self._followed_run(visitor):
            self.services.jobs.stop_bundle(visitor, run.id, CANCEL_SECONDS)
        return *self.follow(language, visitor), bump(changed)

    def _keep(self, request: gr.Request, kept: bool) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        if active := self.services.jobs.active_run(visitor):
            self.services.jobs.keep(visitor, active.id, kept)
        return ()


def _reading_update(language: str, run: RunRow) -> Any:
    """Which part of the text the run reads; hidden where it reads all, or where that was not recorded."""
    reading = Reading.from_dict(read_reading(run.folder))
    shown = part_report(language, part_sentence(language, "part.run", reading), reading) if reading.chapters else ""
    return gr.update(value=shown, visible=bool(shown))


def pause_or_resume(jobs: JobQueue, run: RunRow, resuming: bool) -> None:
    """Do what the button said when it was pressed, so that a second press does not undo the first."""
    (jobs.resume_bundle if resuming else jobs.stop_bundle)(run.visitor, run.id)


def pause_button(language: str, state: str) -> Any:
    """The button that pauses an active run and resumes a stopped one; hidden where neither is possible."""
    word = "train.resume" if state in ("stopped", "failed") else "train.pause"
    shown = state in (*ACTIVE, "stopped", "failed")
    return gr.update(value=say(language, word), visible=shown, interactive=state != "stopping")


def _buttons(language: str, run: RunRow | None) -> tuple[Any, ...]:
    """Start, pause or resume, cancel: only buttons that can be pressed are visible."""
    state = run.state if run else ""
    active = state in ACTIVE
    return gr.update(visible=not active), pause_button(language, state), gr.update(visible=active)
