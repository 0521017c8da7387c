"""Questions about the text that the model writes: start, follow, read and delete them."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.ui.shared.format import count
from playground.ui.shared.handlers import guard, guarded_stream, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, Tab, bump

COLUMNS = ("question", "answer")
WRITING = "writing"  # one visitor at a time, because writing shares the model with all questions


class WrittenView:
    """The view's components and their events. Plain text only, because it shows what a model wrote."""

    def __init__(self, services: Services) -> None:
        """Draw the view, collapsed."""
        self.services = services
        self.changed = gr.State(0)
        with gr.Accordion(mark("written.title"), open=False, visible=False) as self.panel:
            gr.Markdown(mark("written.about"), elem_classes="fine-print")
            self.notice = notice_box()
            with gr.Row(elem_classes="ask"):
                self.write = gr.Button(mark("written.write"), size="sm", min_width=120)
                self.stop = gr.Button(mark("written.stop"), size="sm", variant="stop", min_width=120, visible=False)
            self.state = gr.Textbox(show_label=False, interactive=False, lines=1, elem_classes="live")
            self.table = gr.Dataframe(datatype="str", interactive=False, wrap=True, show_label=False, visible=False)
            with gr.Row(elem_classes="ask", visible=False) as self.choice:
                self.chosen = gr.Dropdown([], label=mark("written.choose"), scale=3, min_width=180)
                self.remove = gr.Button(mark("written.remove"), size="sm", scale=1, min_width=120)
        self._wire()

    @property
    def tab(self) -> Tab:
        """What the page redraws of it."""
        return Tab("written", [self.panel, *self.outputs], self.refresh, self.changed, [self.chosen])

    @property
    def outputs(self) -> list[Any]:
        """The components that show the pairs."""
        return [self.write, self.stop, self.state, self.table, self.choice, self.chosen]

    def _wire(self) -> None:
        self.write.click(lambda: _buttons(True), None, [self.write, self.stop], **UNQUEUED)
        shown = [self.notice, *self.outputs, self.changed]
        self.write.click(
            guarded_stream(len(shown))(self._write),
            self.changed,
            shown,
            concurrency_id=WRITING,
            concurrency_limit=1,
            trigger_mode="once",
            **QUEUED,
        ).then(self.refresh, None, [self.panel, *self.outputs], **UNQUEUED)
        self.stop.click(self._stop, None, None, **UNQUEUED)
        changed = [self.notice, self.changed]
        self.remove.click(guard(2)(self._remove), [self.chosen, self.changed], changed, **QUEUED)

    def refresh(self, request: gr.Request, chosen: str | None = None) -> tuple[Any, ...]:
        """Updates with the stored pairs; a question that is `chosen` stays so."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        shown = gr.update(visible=bool(self.services.library.has_text(visitor)))
        return shown, *self._pair_updates(language, visitor, chosen)

    def _write(self, request: gr.Request, changed: int) -> Iterator[tuple[Any, ...]]:
        """Updates with the progress, then with the pairs."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        for each in self.services.question_writer.write(visitor):
            line = say(
                language,
                "written.working",
                done=count(language, each.done),
                total=count(language, each.total),
                kept=count(language, each.kept),
            )
            yield *_buttons(True), line, *[gr.skip()] * (len(self.outputs) - 2)
        yield *self._pair_updates(language, visitor), bump(changed)

    def _stop(self, request: gr.Request) -> None:
        self.services.question_writer.stop(visitor_of(self.services.visitors, request))

    def _remove(self, request: gr.Request, question: str | None, changed: int) -> tuple[Any, ...]:
        self.services.question_writer.remove(visitor_of(self.services.visitors, request), question or "")
        return (bump(changed),)

    def _pair_updates(self, language: str, visitor: str, chosen: str | None = None) -> tuple[Any, ...]:
        """Updates for `outputs`."""
        pairs = self.services.question_writer.pairs(visitor)
        headers = [say(language, f"written.{each}") for each in COLUMNS]
        data = [[each.question, each.answer] for each in pairs]
        questions = [each.question for each in pairs]
        return (
            *_buttons(self.services.question_writer.working(visitor)),
            say(language, "written.kept" if pairs else "written.none", count=count(language, len(pairs))),
            gr.update(value={"headers": headers, "data": data}, visible=bool(pairs)),
            gr.update(visible=bool(pairs)),
            gr.update(choices=questions, value=chosen if chosen in questions else next(iter(questions), None)),
        )


def _buttons(working: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write and Stop: only the one that can be pressed is visible."""
    return gr.update(visible=not working), gr.update(visible=working)
