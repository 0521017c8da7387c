"""The verdict of one exam: a sentence and a picture, then why, then figures, and the report to keep."""

import shutil
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.storage.exchange import DOWNLOADS
from playground.storage.store import RunRow
from playground.ui.exam.exam_view import (
    build_plots,
    build_tables,
    choice_picture,
    headline_text,
    plot_updates,
    table_updates,
    why_text,
)
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, bump, kept_choice


class VerdictPanel:
    """The components and their events. An exam that the host prepared is shown like the visitor's own."""

    def __init__(self, services: Services) -> None:
        """Draw the panel, hidden."""
        self.services = services
        self.usual = gr.State(None)  # the exam that is shown as long as no other was chosen
        with gr.Column(visible=False) as self.panel:
            with gr.Row(elem_classes="ask"):
                self.history = gr.Dropdown([], label=mark("exam.history"), min_width=220)
                self.forget = gr.Button(mark("exam.forget"), size="sm", visible=False, min_width=160)
            self.notice = notice_box()
            self.prepared = gr.Markdown(mark("exam.prepared_note"), visible=False, elem_classes="fine-print")
            self.headline = gr.Markdown(elem_classes="headline")
            self.picture = gr.HTML(visible=False, elem_classes="told")
            with gr.Accordion(mark("exam.why"), open=False, visible=False) as self.why_panel:
                self.why = gr.Markdown()
            with gr.Accordion(mark("exam.figures"), open=False, visible=False) as self.figures_panel:
                self.plots = build_plots()
                self.tables = build_tables()
            self.keep = gr.Button(mark("exam.keep"), size="sm", visible=False)
            self.file = gr.File(label=mark("exam.files"), interactive=False, visible=False, file_count="multiple")

    @property
    def outputs(self) -> list[Any]:
        """What `refresh` gives updates for."""
        return [self.panel, self.history, self.usual, *self._of_one]

    @property
    def _of_one(self) -> list[Any]:
        """The components that show one exam."""
        told = [self.forget, self.prepared, self.headline, self.picture, self.why_panel, self.why, self.figures_panel]
        return [*told, *self.plots, *self.tables, self.keep, self.file]

    def wire(self, changed: gr.State) -> None:
        """A new `changed` makes the page redraw."""
        shown = [self.notice, *self._of_one]
        self.history.input(guard(len(shown))(self._show), self.history, shown, **UNQUEUED)
        self.forget.click(guard(2)(self._forget), [changed, self.history], [self.notice, changed], **QUEUED)
        self.keep.click(guard(2)(self._prepare_report), self.history, [self.notice, self.file], **UNQUEUED)

    def refresh(
        self, language: str, visitor: str, chosen: str | None = None, before: str | None = None
    ) -> tuple[Any, ...]:
        """Updates for `outputs`: the exam that was chosen, else the last one that has a verdict, else the last one.

        `chosen` and `before` are what `history` and `usual` show now.
        """
        taken = {each.id: each for each in reversed(self.services.exams.listed(visitor))}
        choices = [(_exam_label(language, each), id_) for id_, each in taken.items()]
        usual = next((id_ for id_, each in taken.items() if each.state == "done"), next(iter(taken), None))
        shown = kept_choice(chosen, taken, usual, before)
        history = gr.update(choices=choices, value=shown)
        return gr.update(visible=bool(taken)), history, usual, *self._updates(language, visitor, taken.get(shown or ""))

    def _updates(self, language: str, visitor: str, exam: RunRow | None) -> tuple[Any, ...]:
        """Updates for one exam."""
        outcome = self.services.exams.outcome(visitor, exam.id) if exam else None
        is_over = gr.update(visible=outcome is not None)
        return (
            gr.update(visible=exam is not None and not exam.prepared),
            gr.update(visible=exam is not None and exam.prepared),
            headline_text(language, outcome),
            choice_picture(language, outcome),
            is_over,
            why_text(language, outcome),
            is_over,
            *plot_updates(language, outcome),
            *table_updates(language, outcome),
            is_over,
            gr.update(value=None, visible=False),
        )

    def _show(self, request: gr.Request, exam: str | None) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        return self._updates(language, visitor, self.services.runs.get(visitor, exam) if exam else None)

    def _forget(self, request: gr.Request, changed: int, exam: str | None) -> tuple[Any, ...]:
        if exam:
            self.services.runs.delete(visitor_of(self.services.visitors, request), exam)
        return (bump(changed),)

    def _prepare_report(self, request: gr.Request, exam: str | None) -> tuple[Any, ...]:
        """Copies of the report's files in a download folder."""
        visitor = visitor_of(self.services.visitors, request)
        files = self.services.exams.files(visitor, exam) if exam else []
        with self.services.exchange.filled_folder(visitor, DOWNLOADS) as folder:
            copies = [str(shutil.copy(each, folder)) for each in files]
        return (gr.update(value=copies, visible=bool(copies)),)


def _exam_label(language: str, exam: RunRow) -> str:
    name = say(language, "exam.prepared") if exam.prepared else exam.name
    return f"{name} ({say(language, f'exam.is.{exam.state}')})"
