"""The followed run: its line and plot, one button to pause and resume, one to cancel, and whether it goes on unseen."""

from typing import Any

import gradio as gr

from playground.jobs.queue import CANCEL_SECONDS, Snapshot
from playground.services.app import Services
from playground.storage.store import ACTIVE, RunRow
from playground.ui.shared.handlers import guard
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import CHANGING, QUIET, bump
from playground.ui.train.run_view import build_plot, plot_update, state_line


class RunPanel:
    """The parts and what happens to them. Runs that were queued together are paused, resumed and cancelled together."""

    def __init__(self, services: Services) -> None:
        """Draw the buttons beside the form's Start; `draw_run` and `wire` follow."""
        self.services = services
        self.start = gr.Button(mark("train.start"), variant="primary")
        self.pause = gr.Button(visible=False)
        self.cancel = gr.Button(mark("train.cancel"), variant="stop", visible=False)

    def draw_run(self) -> None:
        """Draw the run itself, below the form."""
        self.state = gr.Textbox(
            label=mark("train.progress"), interactive=False, lines=2, max_lines=4, elem_classes="live"
        )
        self.plot = build_plot()
        self.kept = gr.Checkbox(label=mark("train.keep"), info=mark("train.keep_info"), container=False)

    @property
    def outputs(self) -> list[Any]:
        """What `follow` gives updates for."""
        return [self.state, self.plot, self.start, self.pause, self.cancel]

    def wire(self, notice: gr.Textbox, changed: gr.State) -> None:
        """Its faults are told in `notice`; `changed` tells the page."""
        after = [notice, *self.outputs, changed]
        acts: list[tuple[gr.Button, Any]] = [(self.pause, self._pause_or_resume), (self.cancel, self._cancel)]
        for button, act in acts:
            button.click(guard(len(after))(act), [changed, self.pause], after, **CHANGING)
        self.kept.input(guard(1)(self._keep), self.kept, notice, **QUIET)

    def follow(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `outputs`: the visitor's active run, else the newest; looking renews its lease."""
        followed = self._followed(visitor)
        if followed is None:
            return (say(language, "train.no_run"), gr.update(visible=False), *_buttons(language, None))
        run = self.services.jobs.snapshot(visitor, followed.id)
        line = f"{self._called(language, visitor, run)}: {state_line(language, run)}"
        return (line, plot_update(language, run.events), *_buttons(language, run))

    def keeps(self, visitor: str) -> Any:
        """The update of the box: as the active run has it, else as it was."""
        active = self.services.jobs.active_run(visitor)
        return gr.update(value=active.kept) if active else gr.skip()

    def _called(self, language: str, visitor: str, run: Snapshot) -> str:
        """The run's name and, of several, which it is."""
        together = self.services.jobs.bundled_runs(visitor, run.id)
        if len(together) == 1:
            return run.name
        place = 1 + [each.id for each in together].index(run.id)
        return say(language, "train.of_several", place=place, count=len(together), name=run.name)

    def _followed(self, visitor: str) -> RunRow | None:
        runs = self.services.runs.all(visitor)
        return self.services.jobs.active_run(visitor) or max(runs, key=lambda run: run.queued, default=None)

    def _pause_or_resume(self, request: gr.Request, changed: int, seen: str) -> tuple[Any, ...]:
        """As the button said when it was pressed, so that a second press does not undo the first."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        resuming = seen == say(language, "train.resume")
        for run in self._together(visitor):
            if resuming and run.state in ("stopped", "failed"):
                self.services.jobs.resume(visitor, run.id)
            elif not resuming and run.state in ("queued", "running"):
                self.services.jobs.stop(visitor, run.id)
        return *self.follow(language, visitor), bump(changed)

    def _cancel(self, request: gr.Request, changed: int, _seen: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        for run in self._together(visitor):
            self.services.jobs.stop(visitor, run.id, CANCEL_SECONDS)
        return *self.follow(language, visitor), bump(changed)

    def _together(self, visitor: str) -> list[RunRow]:
        followed = self._followed(visitor)
        return self.services.jobs.bundled_runs(visitor, followed.id) if followed else []

    def _keep(self, request: gr.Request, kept: bool) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        if active := self.services.jobs.active_run(visitor):
            self.services.jobs.keep(visitor, active.id, kept)
        return ()


def pause_button(language: str, state: str) -> Any:
    """The one button that pauses what is active and resumes what has stopped; out of sight where neither can be."""
    word = "train.resume" if state in ("stopped", "failed") else "train.pause"
    shown = state in (*ACTIVE, "stopped", "failed")
    return gr.update(value=say(language, word), visible=shown, interactive=state != "stopping")


def _buttons(language: str, run: RunRow | None) -> tuple[Any, ...]:
    """Start, pause or resume, cancel: only what can be pressed is in sight."""
    state = run.state if run else ""
    active = state in ACTIVE
    return gr.update(visible=not active), pause_button(language, state), gr.update(visible=active)
