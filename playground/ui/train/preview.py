"""What the model will see: training examples of each kind with the trained tokens marked, and their counts.

Gradio's HighlightedText puts its pieces on the page as text, so nothing in them becomes markup.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.blocks import Block

from adapters.options import build
from playground.data.preview import ExampleText, KindPreview
from playground.services.app import Services
from playground.training.config import BY_PRESET, TrainSettings
from playground.ui.shared.controls import RUN_KNOBS
from playground.ui.shared.format import count
from playground.ui.shared.handlers import guard, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUEUED, Tab

LEARNT = "learnt"
COLOURS = {LEARNT: "#e69f00"}
COLUMNS = ("kind", "examples", "tokens", "learnt")
LAZY: dict[str, Any] = {"show_progress": "minimal", "trigger_mode": "always_last", "api_visibility": "private"}


class Preview:
    """The preview's components and their events; nothing is computed while it is collapsed."""

    def __init__(self, services: Services, run: Sequence[Any]) -> None:
        """Draw the preview, collapsed, and wire it to the run's controls, in the order of RUN_KNOBS."""
        self.services = services
        self.run = run
        self.changed = gr.State(0)
        self.is_open = gr.State(False)
        self.place = gr.State(0)
        with gr.Accordion(mark("preview.title"), open=False) as self.panel:
            self.notice = notice_box()
            self.counts = gr.Dataframe(
                datatype="str",
                interactive=False,
                wrap=True,
                show_label=False,
                column_widths=["37%", "18%", "22%", "23%"],
            )
            with gr.Row(elem_classes="ask"):
                self.kind = gr.Radio([], label=mark("preview.kind"), scale=3, min_width=200)
                self.another = gr.Button(mark("preview.another"), size="sm", scale=1, min_width=120)
            self.text = gr.HighlightedText(
                label=mark("preview.text"),
                color_map=COLOURS,
                show_inline_category=False,
                interactive=False,
                elem_classes=["cited", "page-text"],
            )
            gr.Markdown(mark("preview.legend"), elem_classes="fine-print")
        self._wire()

    @property
    def tab(self) -> Tab:
        """What the page redraws of it; a tab of its own, because a long text takes seconds."""
        return Tab("preview", [self.notice, *self.outputs], guard(5)(self._draw), self.changed, self.inputs)

    @property
    def inputs(self) -> list[Any]:
        """What every handler reads."""
        return [self.is_open, self.kind, *self.run]

    @property
    def outputs(self) -> list[Block]:
        """What every handler gives updates for."""
        return [self.counts, self.kind, self.place, self.text]

    def _wire(self) -> None:
        shown, asked = [self.notice, *self.outputs], self.inputs
        lazy = {**LAZY, "show_progress_on": self.counts}
        self.panel.expand(lambda: True, None, self.is_open, **QUEUED)
        self.panel.collapse(lambda: False, None, self.is_open, **QUEUED)
        changes = [each.change for each in (self.is_open, *self.run)]
        gr.on(changes, guard(5)(self._draw), asked, shown, **lazy)
        self.kind.input(guard(5)(self._show_first), asked, shown, **lazy)
        self.another.click(guard(5)(self._show_next), [self.place, *asked], shown, **lazy)

    def _draw(self, request: gr.Request, opened: bool, kind: str | None, *run: Any) -> tuple[Any, ...]:
        if not opened:
            return (gr.skip(),) * len(self.outputs)
        language, rows = language_of(request), self._kind_previews(request, *run)
        chosen = next((row for row in rows if row.kind == kind), rows[0] if rows else None)
        headers = [say(language, f"preview.column.{each}") for each in COLUMNS]
        kinds = [(say(language, f"preview.of.{row.kind}"), row.kind) for row in rows]
        return (
            {"headers": headers, "data": [*(_figures(language, row) for row in rows), _total(language, rows)]},
            gr.update(choices=kinds, value=chosen.kind if chosen else None),
            0,
            _pieces(chosen.shown[0]) if chosen else [],
        )

    def _show_first(self, request: gr.Request, opened: bool, kind: str | None, *run: Any) -> tuple[Any, ...]:
        return self._show_example(request, kind, 0, run)

    def _show_next(self, request: gr.Request, place: int, opened: bool, kind: str | None, *run: Any) -> tuple[Any, ...]:
        return self._show_example(request, kind, place + 1, run)

    def _show_example(self, request: gr.Request, kind: str | None, place: int, run: tuple[Any, ...]) -> tuple[Any, ...]:
        """One of the stored examples of a kind; the first one follows the last one."""
        found = [row for row in self._kind_previews(request, *run) if row.kind == kind]
        if not found:
            return (gr.skip(),) * len(self.outputs)
        place %= len(found[0].shown)
        return gr.skip(), gr.skip(), place, _pieces(found[0].shown[place])

    def _kind_previews(self, request: gr.Request, *run: Any) -> list[KindPreview]:
        asked = dict(zip(RUN_KNOBS, run, strict=True))
        given = {name: value for name, value in asked.items() if value is not None and name not in BY_PRESET}
        visitor = visitor_of(self.services.visitors, request)
        return self.services.training_text.preview(visitor, build(TrainSettings, given))


def _figures(language: str, row: KindPreview) -> list[str]:
    return [
        say(language, f"preview.of.{row.kind}"),
        count(language, row.examples),
        count(language, row.tokens),
        count(language, row.loss_tokens),
    ]


def _total(language: str, rows: list[KindPreview]) -> list[str]:
    sums = (sum(row.examples for row in rows), sum(row.tokens for row in rows), sum(row.loss_tokens for row in rows))
    return [say(language, "preview.total"), *(count(language, each) for each in sums)]


def _pieces(shown: ExampleText) -> list[tuple[str, str | None]]:
    return [(text, LEARNT if learnt else None) for text, learnt in shown.pieces]
