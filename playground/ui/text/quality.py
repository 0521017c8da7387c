"""Findings in a text that may harm training: one line per kind, with a button that leaves it out of training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from playground.data.quality import KINDS, Finding
from playground.services.app import Services
from playground.ui.shared.format import count
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, UNQUEUED, Tab, bump, seen_box


@dataclass(frozen=True)
class _Line:
    """The components for one kind of finding."""

    row: gr.Row
    sentence_box: gr.Textbox
    button: gr.Button


class QualityView:
    """The report's components and their events. Plain text only, because it quotes the visitor's text.

    Nothing is looked for until a visitor opens the tab: it takes half a second, in which first answers are awaited.
    """

    def __init__(self, services: Services, opening: gr.Tab) -> None:
        """Draw the report, hidden until there is a text; `opening` is what a visitor clicks to see it."""
        self.services = services
        self.seen = seen_box(opening)
        self.changed = gr.State(0)
        with gr.Column(visible=False, elem_classes="quality") as self.panel:
            gr.Markdown(mark("quality.title"))
            self.notice = notice_box()
            self.clean = gr.Markdown(mark("quality.nothing"), visible=False)
            self.lines = {kind: _build_line() for kind in KINDS}
            self.kept = gr.Markdown(mark("quality.kept"), elem_classes="fine-print", visible=False)
        for kind, line in self.lines.items():
            line.button.click(guard(2)(self._toggle(kind)), self.changed, [self.notice, self.changed], **QUEUED)
        shown = [self.notice, *self.outputs]
        self.seen.change(guard(len(shown), clears=False)(self.refresh), self.seen, shown, **UNQUEUED)

    @property
    def tab(self) -> Tab:
        """What the page redraws of it; a tab of its own, because a long text takes a second."""
        return Tab("quality", self.outputs, self.refresh, self.changed, [self.seen])

    @property
    def outputs(self) -> list[Block]:
        """What `refresh` gives updates for."""
        parts = [each for line in self.lines.values() for each in (line.row, line.sentence_box, line.button)]
        return [self.panel, self.clean, self.kept, *parts]

    def refresh(self, request: gr.Request, seen: str) -> tuple[Any, ...]:
        """Updates with the findings in the visitor's current text, once the tab was seen."""
        if not seen:
            return (gr.skip(),) * len(self.outputs)
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        text = self.services.training_text
        findings = (
            {each.kind: each for each in text.findings(visitor)} if self.services.library.has_text(visitor) else {}
        )
        left_out = text.excluded_kinds(visitor)
        lines = [_line_updates(language, kind, findings.get(kind), kind in left_out) for kind in KINDS]
        droppable = any(each.parts for each in findings.values())
        return (
            gr.update(visible=bool(self.services.library.has_text(visitor))),
            gr.update(visible=not findings),
            gr.update(visible=droppable),
            *(each for line in lines for each in line),
        )

    def _toggle(self, kind: str) -> Callable[[gr.Request, int], tuple[Any, ...]]:
        def toggle(request: gr.Request, changed: int) -> tuple[Any, ...]:
            visitor = visitor_of(self.services.visitors, request)
            text = self.services.training_text
            text.exclude_kind(visitor, kind, kind not in text.excluded_kinds(visitor))
            return (bump(changed),)

        return toggle


def _build_line() -> _Line:
    with gr.Row(visible=False, elem_classes="finding") as row:
        sentence_box = gr.Textbox(
            show_label=False, container=False, interactive=False, lines=1, max_lines=8, min_width=180, scale=4
        )
        button = gr.Button(mark("quality.leave_out"), size="sm", min_width=110, scale=0)
    return _Line(row, sentence_box, button)


def _line_updates(language: str, kind: str, finding: Finding | None, left_out: bool) -> tuple[Any, ...]:
    """Updates for a line's row, sentence and button."""
    if finding is None:
        return gr.update(visible=False), "", gr.skip()
    sentence = say(language, f"quality.found.{kind}", count=count(language, finding.count), example=finding.example)
    words = say(language, "quality.left_out", sentence=sentence) if left_out else sentence
    label = mark("quality.take_back") if left_out else mark("quality.leave_out")
    return gr.update(visible=True), words, gr.update(value=label, visible=bool(finding.parts))
