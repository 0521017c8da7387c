"""The Text tab: takes files, pasted text or an example; shows what was read from them, and their search index."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from playground.data.examples import examples
from playground.services.app import Services
from playground.services.library import Added, ReadTable, Unmapped
from playground.services.summary import Summary
from playground.ui.shared.format import count
from playground.ui.shared.frames import Frames
from playground.ui.shared.handlers import Notice, guard, guarded_stream, notice_box
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import UNQUEUED, Tab, bump
from playground.ui.shared.translation import translate
from playground.ui.text.column_mapping import MappingForm
from playground.ui.text.encoding_choice import EncodingForm
from playground.ui.text.index_panel import IndexPanel
from playground.ui.text.indexing import incomplete_warning, index_line, index_progress
from playground.ui.text.limits import limits_words
from playground.ui.text.quality import QualityView
from playground.ui.text.read_notes import dropped_lines
from playground.ui.text.was_read import Place, WasRead
from playground.ui.text.written_questions import WrittenView
from retrieval.readers.dispatch import SUFFIXES

COLUMNS = ("name", "characters", "tokens", "pages", "passages", "pairs", "language")
COLUMN_WIDTHS = ("158px", "105px", "80px", "70px", "95px", "115px", "95px")
EMBEDDING = "embedding"


class TextTab:
    """The tab's components and their events."""

    def __init__(self, services: Services, opening: gr.Tab) -> None:
        """Draw the tab and wire it; `opening` is what a visitor clicks to see it."""
        self.services = services
        self.changed = gr.State(0)
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                self._build_inputs()
            with gr.Column(scale=3, min_width=300):
                self._build_documents(opening)
        self._wire()

    @property
    def tab(self) -> Tab:
        """What the page redraws of it."""
        outputs = [*self.document_outputs, self.limits, *self.forms, *self.index.outputs]
        asked = [self.was_read.place, self.mapping.shown, self.encoding.shown]
        return Tab("text", outputs, self.refresh, self.changed, asked)

    @property
    def forms(self) -> list[Any]:
        """The components that ask for a choice of columns or of an encoding."""
        return [*self.mapping.outputs, *self.encoding.outputs]

    @property
    def document_outputs(self) -> list[Any]:
        """The components that show the visitor's text."""
        return [self.empty, self.table, self.details, self.next, self.chosen, *self.document_details]

    @property
    def document_details(self) -> list[Any]:
        """The components that show one document."""
        return [self.dropped, *self.was_read.outputs]

    def _build_inputs(self) -> None:
        gr.Markdown(mark("text.intro"))
        self.files = gr.File(
            label=mark("text.upload"), file_count="multiple", file_types=list(SUFFIXES), height=150, elem_id="upload"
        )
        self.pasted = gr.Textbox(label=mark("text.paste"), placeholder=mark("text.paste_hint"), lines=4, max_lines=8)
        self.add = gr.Button(mark("text.paste_add"))
        gr.Markdown(mark("text.examples"))
        with gr.Row():
            self.examples = {name: gr.Button(mark(f"example.{name}"), size="sm", min_width=120) for name in examples()}
        self.limits = gr.Markdown(elem_classes="fine-print")

    def _build_documents(self, opening: gr.Tab) -> None:
        self.notice = notice_box()
        self.encoding = EncodingForm(self.services)
        self.mapping = MappingForm(self.services)
        gr.Markdown(mark("text.read"))
        self.empty = gr.Markdown(mark("text.empty"))
        self.table = gr.Dataframe(
            datatype="str",
            interactive=False,
            visible=False,
            wrap=True,
            show_label=False,
            column_widths=[*COLUMN_WIDTHS],
        )
        self.index = IndexPanel(self.services)
        with gr.Column(visible=False) as self.details:
            with gr.Row(elem_classes="ask"):
                self.chosen = gr.Dropdown([], label=mark("text.choose"), scale=3, min_width=180)
                self.remove = gr.Button(mark("text.remove"), size="sm", scale=1, min_width=120)
            self.dropped = gr.Textbox(label=mark("text.dropped"), interactive=False, lines=1, max_lines=8)
            self.was_read = WasRead(self.services)
        self.quality = QualityView(self.services, opening)
        self.written = WrittenView(self.services)
        self.next = gr.Button(mark("text.next"), variant="primary", visible=False)

    def _wire(self) -> None:
        shown = [self.notice, *self.forms, *self.document_outputs, *self.index.progress_outputs, self.changed]
        shared: dict[str, Any] = {"concurrency_id": EMBEDDING, "concurrency_limit": 1, "show_progress": "minimal"}
        shared["show_progress_on"] = self.index.state
        frames = Frames(shown, known=[self.notice])

        def stream(handler: Callable[..., Iterator[tuple[Any, ...]]]) -> Callable[..., Iterator[Any]]:
            return frames.stream(guarded_stream(len(shown))(handler))

        self.files.upload(
            stream(self.add_files), [self.files, self.changed], frames.outputs, api_name="add_files", **shared
        ).then(lambda: None, None, self.files, **UNQUEUED)
        self.add.click(
            stream(self._add_text), [self.pasted, self.changed], frames.outputs, api_name="paste_text", **shared
        ).then(self._clear_if_added, [self.notice, self.pasted], self.pasted, **UNQUEUED)
        for name, button in self.examples.items():
            button.click(
                stream(self._example_adder(name)), self.changed, frames.outputs, api_name=f"add_{name}", **shared
            )
        mapped = [self.changed, *self.mapping.inputs]
        self.mapping.apply.click(stream(self._add_mapped), mapped, frames.outputs, api_visibility="private", **shared)
        self.mapping.cancel.click(self._skip_table, None, self.mapping.outputs, **UNQUEUED)
        chosen = [self.encoding.choice, self.changed]
        self.encoding.apply.click(stream(self._add_decoded), chosen, frames.outputs, api_visibility="private", **shared)
        self.encoding.cancel.click(self._skip_file, None, self.encoding.outputs, **UNQUEUED)
        self.remove.click(
            stream(self._remove), [self.chosen, self.changed], frames.outputs, api_visibility="private", **shared
        )
        self.index.wire(self.notice, self.refresh, list(self.tab.inputs), list(self.tab.outputs))
        details = [self.notice, *self.document_details]
        self.chosen.input(guard(len(details))(self._show_document), self.chosen, details, **UNQUEUED)
        looked_at = [self.notice, *self.was_read.outputs]
        for event, inputs, handler in self.was_read.moves():
            event(guard(len(looked_at))(handler), inputs, looked_at, **UNQUEUED)
        for number, line in enumerate(self.was_read.lines):
            taken = [self.was_read.place, self.changed]
            line.button.click(
                stream(self._part_toggler(number)), taken, frames.outputs, api_visibility="private", **shared
            )

    def refresh(
        self, request: gr.Request, place: Place | None = None, table: str = "", file: str = ""
    ) -> tuple[Any, ...]:
        """Updates with the stored text, at the place in sight if it is still there, and the host's limits.

        `table` and `file` are what the two forms show.
        """
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        words = limits_words(self.services, language)
        forms = *self.mapping.redraw(language, visitor, table), *self.encoding.redraw(visitor, file)
        return *self._document_updates(language, visitor, place), words, *forms, *self.index.updates(language, visitor)

    def add_files(self, request: gr.Request, files: Sequence[str] | None, changed: int) -> Iterator[tuple[Any, ...]]:
        """Updates while uploads are added: those that a choice must be made for are kept for it, all others deleted."""
        visitor = visitor_of(self.services.visitors, request)
        paths = [self.services.exchange.take(visitor, file) for file in files or ()]
        added = self._hold_waiting(self.services.library.add(visitor, [(path, path.name) for path in paths]))
        for path in paths:
            self.services.exchange.drop(path)
        yield from self.stream_added(request, added, changed)

    def _hold_waiting(self, added: Added) -> Added:
        """The same with the files that wait for a choice where they are kept for it."""
        hold = self.services.exchange.hold
        return replace(
            added,
            unmapped=tuple(replace(each, path=hold(each.path)) for each in added.unmapped),
            tables=tuple(replace(each, path=hold(each.path)) for each in added.tables),
            undecided=tuple(replace(each, path=hold(each.path)) for each in added.undecided),
        )

    def _add_text(self, request: gr.Request, text: str, changed: int) -> Iterator[tuple[Any, ...]]:
        name = say(language_of(request), "text.paste_name")
        visitor = visitor_of(self.services.visitors, request)
        yield from self.stream_added(request, self.services.library.add_text(visitor, text, name), changed)

    def _example_adder(self, name: str) -> Callable[[gr.Request, int], Iterator[tuple[Any, ...]]]:
        def add(request: gr.Request, changed: int) -> Iterator[tuple[Any, ...]]:
            visitor = visitor_of(self.services.visitors, request)
            yield from self.stream_added(request, self.services.library.add_example(visitor, name), changed)

        return add

    def _add_mapped(
        self, request: gr.Request, changed: int, *chosen: Sequence[str] | None
    ) -> Iterator[tuple[Any, ...]]:
        visitor = visitor_of(self.services.visitors, request)
        table, mapping = self.mapping.take_table(language_of(request), visitor, *chosen)
        document = table.document if isinstance(table, ReadTable) else ""
        path = self.services.exchange.take(visitor, table.path)
        added = self.services.library.add(visitor, [(path, table.name)], mapping, document)
        if not added.documents:
            # A refused choice leaves what was read before, and the columns may be chosen anew.
            reasons = (*added.refusals, *(str(each.reason) for each in added.unmapped))
            yield from self.stream_added(request, Added(refusals=reasons), changed, [table])
        else:
            yield from self.stream_added(request, added, changed)

    def _add_decoded(self, request: gr.Request, chosen: str | None, changed: int) -> Iterator[tuple[Any, ...]]:
        visitor = visitor_of(self.services.visitors, request)
        file, encoding = self.encoding.take_file(language_of(request), visitor, chosen)
        path = self.services.exchange.take(visitor, file.path)
        added = self.services.library.add(visitor, [(path, file.name)], encoding=encoding)
        if not added.tables and not added.unmapped:
            self.services.exchange.drop(file.path)
        yield from self.stream_added(request, added, changed)

    def _skip_file(self, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.encoding.skip_file(visitor)
        return self.encoding.open(visitor)

    def _skip_table(self, request: gr.Request) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.mapping.skip_table(visitor)
        return self.mapping.open(language_of(request), visitor, ())

    def _remove(self, request: gr.Request, document: str, changed: int) -> Iterator[tuple[Any, ...]]:
        self.services.library.remove(visitor_of(self.services.visitors, request), document)
        yield from self.stream_added(request, Added(), changed)

    def _part_toggler(self, line: int) -> Callable[[gr.Request, Place | None, int], Iterator[tuple[Any, ...]]]:
        """A handler that takes the part of this line back, or leaves it out again."""

        def toggle(request: gr.Request, place: Place | None, changed: int) -> Iterator[tuple[Any, ...]]:
            if place:
                place = self.was_read.toggle(visitor_of(self.services.visitors, request), place, line)
            yield from self.stream_added(request, Added(), changed, place=place)

        return toggle

    def stream_added(
        self,
        request: gr.Request,
        added: Added,
        changed: int,
        tables: Sequence[ReadTable | Unmapped] = (),
        place: Place | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Updates with the progress of the index, then with the text as it is now; refusals appear in the notice.

        `tables` wait for their columns beside those that were added; `place` is what is in sight, if not the newest.
        """
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        form = self.mapping.open(language, visitor, [*tables, *added.unmapped, *added.tables])
        form += self.encoding.open(visitor, added.undecided)
        refusals = [translate(language, each) for each in added.refusals]
        notice = Notice("\n".join(refusals))
        for number, line in enumerate(index_progress(self.services, language, visitor)):
            # The summary of a text takes a moment, so the cancel button comes first.
            read = (
                self._document_updates(language, visitor, place)
                if number == 1
                else [gr.skip()] * len(self.document_outputs)
            )
            yield notice, *form, *read, *self.index.progress_updates(visitor, line), gr.skip()
        line = index_line(self.services, language, visitor)
        warning = incomplete_warning(language, self.services.indexes.ready(visitor))
        notice = Notice("\n".join(filter(None, [*refusals, warning])))
        read = self._document_updates(language, visitor, place)
        yield notice, *form, *read, line, gr.update(visible=False), bump(changed)

    def _document_updates(self, language: str, visitor: str, place: Place | None) -> tuple[Any, ...]:
        """Updates for `document_outputs`; shows this place, or the newest document."""
        summaries = self.services.library.summary(visitor)
        tokens = self.services.training_text.token_counts(visitor)
        index = self.services.indexes.ready(visitor)
        passages = Counter(passage.source for passage in index.passages) if index else Counter()
        headers = [say(language, f"text.column.{each}") for each in COLUMNS]
        rows = [
            [
                each.name,
                count(language, each.chars),
                count(language, tokens[each.id]),
                count(language, each.pages) if each.pages else "–",
                count(language, passages[each.name]) if each.name in passages else "–",
                count(language, each.pairs) if each.pairs else "–",
                each.language,
            ]
            for each in summaries
        ]
        newest = Place(summaries[-1].id) if summaries else None
        at = place if place and any(each.id == place.document for each in summaries) else newest
        choices = [(each.name, each.id) for each in summaries]
        return (
            gr.update(visible=not rows),
            gr.update(value={"headers": headers, "data": rows}, visible=bool(rows)),
            gr.update(visible=bool(rows)),
            gr.update(visible=bool(rows)),
            gr.update(choices=choices, value=at.document if at else None),
            *self._detail_updates(language, visitor, summaries, at),
        )

    def _detail_updates(
        self, language: str, visitor: str, summaries: Sequence[Summary], place: Place | None
    ) -> tuple[Any, ...]:
        """Updates for `document_details`."""
        shown = [each for each in summaries if place and each.id == place.document]
        dropped = dropped_lines(language, shown[0]) if shown else ""
        return dropped, *self.was_read.updates(language, visitor, place)

    def _show_document(self, request: gr.Request, document: str) -> tuple[Any, ...]:
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        return self._detail_updates(language, visitor, self.services.library.summary(visitor), Place(document))

    def _clear_if_added(self, notice: str, pasted: str) -> str:
        """Empty the box only if its text was added."""
        return pasted if notice else ""
