"""The Exam tab: the verdict on top; below it draw up questions, edit them, and ask every arm."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from adapters.options import build
from playground.evaluation.arms import ARMS
from playground.evaluation.config import ExamSettings
from playground.jobs.queue import Snapshot
from playground.services.app import Services
from playground.services.exams import KIND, ExamDraft
from playground.ui.exam.exam_view import question_table, state_line
from playground.ui.exam.verdict_panel import VerdictPanel
from playground.ui.shared.format import model_name, run_names
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import NO_PROGRESS, QUEUED, UNQUEUED, Tab, bump, kept_choice

FILES = (".jsonl", ".csv", ".tsv")
NO_RUN = ""
SAME_MODEL = ""


class ExamTab:
    """The tab's components and their events."""

    def __init__(self, services: Services, opening: gr.Tab) -> None:
        """Draw the tab and wire it; `opening` is what a visitor clicks to see it."""
        self.services = services
        self.changed = gr.State(0)
        self.usual = gr.State(None)  # the adapter that is to be examined as long as no other was chosen
        gr.Markdown(mark("exam.intro"))
        self.verdict = VerdictPanel(services)
        gr.Markdown(mark("exam.your_own"))
        self._build_form()
        self._build_questions()
        self._build_exam()
        self._wire()
        opening.select(guard(2, clears=False)(self.offer_runs), self.run, [self.notice, self.run], **UNQUEUED)

    @property
    def tab(self) -> Tab:
        """What the page redraws of it."""
        asked = [self.run, self.usual, self.chosen, self.verdict.history, self.verdict.usual]
        return Tab("exams", [*self.draft_outputs, *self.exam_outputs], self.refresh, self.changed, asked)

    @property
    def draft_outputs(self) -> list[Any]:
        """The components that show the draft."""
        return [self.run, self.usual, self.table, self.edit, self.chosen, self.begin, self.untuned, self.without]

    @property
    def exam_outputs(self) -> list[Any]:
        """The components that show the started exams, and the verdict of the chosen one."""
        return [*self.state_outputs, *self.verdict.outputs]

    @property
    def state_outputs(self) -> list[Any]:
        """The components that follow the queued or running exam."""
        return [self.state, self.stop, self.resume]

    def _build_form(self) -> None:
        with gr.Row():
            none = [(mark("exam.no_run"), NO_RUN)]
            self.run = gr.Dropdown(
                none, value=NO_RUN, label=mark("exam.run"), info=mark("exam.run_hint"), min_width=220
            )
            self.limit = gr.Slider(10, 200, value=ExamSettings().limit, step=5, label=mark("exam.limit"), min_width=220)
            self.seed = gr.Number(0, label=mark("exam.seed"), precision=0, minimum=0, min_width=100)
        self.own = gr.File(label=mark("exam.own"), file_types=list(FILES), height=150)
        self.notice = notice_box()
        self.draw = gr.Button(mark("exam.draw"), variant="primary")

    def _build_questions(self) -> None:
        self.table = gr.Dataframe(
            datatype="str",
            interactive=False,
            visible=False,
            wrap=True,
            show_label=False,
            column_widths=["50px", "140px", "560px", "300px", "160px"],
        )
        with gr.Accordion(mark("exam.edit"), open=False, visible=False) as self.edit:
            with gr.Row(elem_classes="ask"):
                self.chosen = gr.Dropdown([], label=mark("exam.choose"), min_width=220)
                self.delete = gr.Button(mark("exam.delete"), size="sm", min_width=100)
            self.question = gr.Textbox(label=mark("exam.question"), lines=2, max_lines=6)
            self.answers = gr.Textbox(label=mark("exam.answers"), lines=2, max_lines=6)
            self.save = gr.Button(mark("exam.save"), size="sm", min_width=100)

    def _build_exam(self) -> None:
        with gr.Column(visible=False) as self.begin:
            arms = [(mark(f"exam.arm.{arm}"), arm) for arm in ARMS]
            self.arms = gr.CheckboxGroup(arms, value=list(ARMS), label=mark("exam.arms"))
            same = [(mark("exam.same_model"), SAME_MODEL)]
            self.untuned = gr.Dropdown(same, value=SAME_MODEL, label=mark("exam.untuned"), visible=False)
            self.without = gr.Markdown(mark("exam.without"), visible=False, elem_classes="fine-print")
            self.drill = gr.Checkbox(False, label=mark("exam.drill"))
            self.orders = gr.Slider(0, 30, value=ExamSettings().orders, step=1, label=mark("exam.orders"))
            with gr.Row(elem_classes="ask"):
                self.name = gr.Textbox(label=mark("exam.name"), max_lines=1, min_width=160)
                self.start = gr.Button(mark("exam.start"), variant="primary", min_width=160)
        self.state = gr.Textbox(
            label=mark("exam.progress"), interactive=False, lines=1, max_lines=3, elem_classes="live"
        )
        with gr.Row():
            self.stop = gr.Button(mark("exam.stop"), variant="stop", visible=False)
            self.resume = gr.Button(mark("exam.resume"), visible=False)

    def _wire(self) -> None:
        outputs = [self.notice, self.changed]
        self._wire_questions(outputs)
        start_form = [self.changed, self.arms, self.name, self.drill, self.orders, self.untuned]
        after_start = [self.notice, self.name, self.changed]
        self.start.click(guard(3)(self._start), start_form, after_start, api_name="take_exam", **NO_PROGRESS)
        for button, act in ((self.stop, self._stop), (self.resume, self._resume)):
            button.click(guard(2)(act), self.changed, outputs, **QUEUED)
        self.verdict.wire(self.changed)

    def _wire_questions(self, outputs: list[Any]) -> None:
        form = [self.changed, self.run, self.limit, self.seed, self.own]
        self.draw.click(guard(2)(self._draw_up), form, outputs, show_progress_on=self.notice, api_name="draw_exam")
        words = [self.question, self.answers]
        self.chosen.change(guard(3, clears=False)(self._show_question), self.chosen, [self.notice, *words], **UNQUEUED)
        self.save.click(guard(2)(self._save), [self.changed, self.chosen, *words], outputs, **QUEUED)
        self.delete.click(guard(2)(self._delete), [self.changed, self.chosen], outputs, **QUEUED)

    def refresh(
        self,
        request: gr.Request,
        run: str | None,
        usual: str | None,
        question: str | None,
        exam: str | None,
        usual_exam: str | None,
    ) -> tuple[Any, ...]:
        """Updates for the draft, the active exam and a verdict; the other arguments are what was chosen of each."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        verdict = self.verdict.refresh(language, visitor, exam, usual_exam)
        of_exams = *self.state_updates(language, visitor), *verdict
        return *self.draft_updates(language, visitor, run, usual, question), *of_exams

    def draft_updates(
        self,
        language: str,
        visitor: str,
        run: str | None = None,
        before: str | None = None,
        question: str | None = None,
    ) -> tuple[Any, ...]:
        """Updates for `draft_outputs`; `run`, `before` and `question` are what `run`, `usual` and `chosen` show now."""
        draft, runs = self.services.exams.draft(visitor), self._run_choices(language, visitor)
        known = [id_ for _, id_ in runs]
        usual = draft.run if draft.own_questions and draft.run in known else known[-1]
        numbered = [
            (f"{number}. {each.question[:80]}", each.id) for number, each in enumerate(draft.own_questions, start=1)
        ]
        ids = [id_ for _, id_ in numbered]
        has_questions = bool(draft.own_questions)
        return (
            gr.update(choices=runs, value=kept_choice(run, known, usual, before)),
            usual,
            question_table(language, draft),
            gr.update(visible=has_questions),
            gr.update(choices=numbered, value=question if question in ids else next(iter(ids), None)),
            gr.update(visible=has_questions),
            self._untuned_update(language, visitor),
            gr.update(visible=has_questions and not draft.run),
        )

    def _untuned_update(self, language: str, visitor: str) -> dict[str, Any]:
        """The models that the arms without an adapter can answer with; hidden where there is no choice."""
        names = self.services.exams.untuned_bases(visitor)
        same = (say(language, "exam.same_model"), SAME_MODEL)
        return gr.update(choices=[same, *((model_name(each), each) for each in names)], visible=len(names) > 1)

    def _run_choices(self, language: str, visitor: str) -> list[tuple[str, str]]:
        """(name, id) of what an exam can examine: nothing, or a run with an adapter; the newest last."""
        names = run_names(language, self.services.runs.with_adapter(visitor), self.services.chats.default)
        return [(say(language, "exam.no_run"), NO_RUN), *((name, id_) for id_, name in names.items())]

    def offer_runs(self, request: gr.Request, shown: str | None) -> tuple[Any, ...]:
        """Offer the adapters as the tab opens: one may have become ready since the page last polled its run."""
        runs = self._run_choices(language_of(request), visitor_of(self.services.visitors, request))
        value = shown if shown in [id_ for _, id_ in runs[1:]] else runs[-1][1]
        return (gr.update(choices=runs, value=value),)

    def state_updates(self, language: str, visitor: str) -> tuple[Any, ...]:
        """Updates for `state_outputs`; looking renews the lease."""
        taken = self.services.exams.all(visitor)
        newest = self.services.jobs.active_run(visitor, KIND) or (taken[-1] if taken else None)
        run: Snapshot | None = self.services.jobs.snapshot(visitor, newest.id) if newest else None
        state = run.state if run else ""
        return (
            state_line(language, run),
            gr.update(visible=state in ("queued", "running")),
            gr.update(visible=state in ("stopped", "failed")),
        )

    def _draw_up(
        self, request: gr.Request, changed: int, run: str | None, limit: float, seed: float | None, own: str | None
    ) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        settings = build(ExamSettings, {"limit": limit, "seed": seed or 0})
        file = self.services.exchange.take(visitor, own) if own else None
        self.services.exams.create_draft(visitor, run or NO_RUN, settings, file)
        return (bump(changed),)

    def _show_question(self, request: gr.Request, id_: str | None) -> tuple[Any, ...]:
        draft: ExamDraft = self.services.exams.draft(visitor_of(self.services.visitors, request))
        chosen = next((each for each in draft.own_questions if each.id == id_), None)
        return (chosen.question, "\n".join(chosen.answers)) if chosen else ("", "")

    def _save(self, request: gr.Request, changed: int, id_: str | None, question: str, answers: str) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.services.exams.edit(visitor, id_ or "", question, answers.split("\n"))
        return (bump(changed),)

    def _delete(self, request: gr.Request, changed: int, id_: str | None) -> tuple[Any, ...]:
        self.services.exams.delete(visitor_of(self.services.visitors, request), [id_ or ""])
        return (bump(changed),)

    def _start(
        self,
        request: gr.Request,
        changed: int,
        arms: list[str],
        name: str,
        drill: bool,
        orders: float | None,
        untuned: str | None,
    ) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        name = name or say(language, "exam.numbered", count=len(self.services.exams.all(visitor)) + 1)
        other = untuned or SAME_MODEL
        self.services.exams.start(visitor, arms, name, language, drill, orders or 0, untuned_base=other)
        return "", bump(changed)

    def _stop(self, request: gr.Request, changed: int) -> tuple[Any, ...]:
        return self._apply_to_newest(request, changed, self.services.jobs.stop)

    def _resume(self, request: gr.Request, changed: int) -> tuple[Any, ...]:
        return self._apply_to_newest(request, changed, self.services.jobs.resume)

    def _apply_to_newest(self, request: gr.Request, changed: int, act: Callable[[str, str], None]) -> tuple[Any, ...]:
        """Apply `act` to the active exam, else to the newest one."""
        visitor = visitor_of(self.services.visitors, request)
        taken = self.services.exams.all(visitor)
        newest = self.services.jobs.active_run(visitor, KIND) or (taken[-1] if taken else None)
        if newest:
            act(visitor, newest.id)
        return (bump(changed),)
