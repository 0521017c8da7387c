"""The Compare tab: one question, two to four panes, all streaming, the same decoding for each."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr

from adapters.options import build, knobs
from playground.chat.answer import Decoding
from playground.chat.turns import Conversation
from playground.errors import UserError
from playground.services.app import Services
from playground.storage.exchange import DOWNLOADS
from playground.ui.compare.answer_stream import stream_updates
from playground.ui.compare.arm_choice import NONE, arm_choices, arms_of_two, bases_in_play, chosen_arms
from playground.ui.compare.difference_panel import DifferencePanel
from playground.ui.compare.pane import PANES, build_pane, column_classes, draw_pane
from playground.ui.compare.reader import Reader, ReaderState, close_updates
from playground.ui.compare.self_test_panel import build_self_test
from playground.ui.compare.suggestions import build_suggestions, suggestion_updates
from playground.ui.compare.voting import Voting
from playground.ui.shared.client_scripts import FOCUS_CITATION, FOCUS_READER, NOW, SHOW_ASK, SHOW_STOP
from playground.ui.shared.controls import knob_control
from playground.ui.shared.frames import Frames
from playground.ui.shared.handlers import guard, guarded_stream, notice_box, refuse_if_full
from playground.ui.shared.i18n import mark, say
from playground.ui.shared.session import language_of, visitor_of
from playground.ui.shared.tab import QUESTIONS, UNQUEUED, Tab

TESTS: dict[str, Any] = {"concurrency_id": "self_test", "concurrency_limit": 1}


class CompareTab:
    """The tab's components and their events."""

    def __init__(self, services: Services) -> None:
        """Draw the tab and wire it."""
        self.services = services
        self.changed = gr.State(0)
        gr.Markdown(mark("compare.intro"))
        gr.Markdown(mark("compare.mind"), elem_classes="fine-print")
        self._build_question()
        with gr.Row(elem_classes="panes", equal_height=False):
            self.panes = [build_pane(number) for number in range(1, PANES + 1)]
        with gr.Row(elem_classes="suggestions"):
            self.train_own = gr.Button(mark("compare.train_own"), size="sm", min_width=200)
            self.bring_text = gr.Button(mark("compare.bring_text"), size="sm", min_width=200)
        self.arms = [pane.arm for pane in self.panes]
        self.pane_outputs = [component for pane in self.panes for component in pane.outputs]
        self.reader_notice = notice_box()
        self.reader = Reader(services)
        self._build_decoding()
        build_self_test(services, TESTS)
        self.voting = Voting(services, self.decoding, QUESTIONS)
        self._wire()
        self._wire_reader()

    @property
    def tab(self) -> Tab:
        """What the page redraws: the panes with their turns, the suggestions, and the reader if its text is gone."""
        columns = [pane.column for pane in self.panes]
        outputs = [*self.arms, *columns, *self.pane_outputs, *self.suggestions, *self.reader.outputs]
        outputs += [*self.voting.outputs, self.two]
        return Tab("panes", outputs, self.refresh, self.changed, [self.reader.place, *self.arms, *self.voting.inputs])

    def _build_question(self) -> None:
        with gr.Row(equal_height=False, elem_classes="ask"):
            self.question = gr.Textbox(
                label=mark("compare.question"), placeholder=mark("compare.question_hint"), lines=1, max_lines=4, scale=6
            )
            self.ask = gr.Button(mark("compare.ask"), variant="primary", min_width=90)
            self.stop = gr.Button(mark("compare.stop"), variant="stop", min_width=90, visible=False)
        self.suggestions = build_suggestions()
        self.notice = notice_box()
        with gr.Row(elem_classes="again"):
            self.retry = gr.Button(mark("compare.retry"), size="sm", min_width=110, scale=0)
            self.clear = gr.Button(mark("compare.clear"), size="sm", min_width=110, scale=0)
            self.save = gr.Button(mark("compare.save"), size="sm", min_width=110, scale=0)
            self.two = gr.Button(mark("compare.two_adapters"), size="sm", min_width=150, scale=0, visible=False)
            switch = gr.Checkbox(label=mark("compare.differ"), value=False, min_width=180, container=False)
            self.anyway = gr.Checkbox(label=mark("compare.ask_anyway"), value=False, min_width=240, container=False)
        self.saved = gr.File(label=mark("compare.saved"), interactive=False, visible=False, file_count="multiple")
        self.differences = DifferencePanel(self.services, switch)

    def _build_decoding(self) -> None:
        with gr.Accordion(mark("compare.decoding"), open=False), gr.Row(elem_classes="knobs"):
            self.decoding = [knob_control("decoding", knob, knob.default) for knob in knobs(Decoding)]

    def _wire(self) -> None:
        outputs = [self.notice, *self.pane_outputs]
        frames = Frames(outputs)
        inputs = [*self.arms, self.anyway, *self.decoding]
        shared = {**QUESTIONS, "show_progress": "minimal", "show_progress_on": self.notice}
        wanted, offered = [self.ask.click, self.question.submit], [each.click for each in self.suggestions]
        safe = guarded_stream(len(outputs))
        answers, again = (frames.stream(safe(each)) for each in (self._ask, self._retry))
        anyway = [pane.sources.anyway for pane in self.panes]
        gr.on(
            [*wanted, *offered, self.retry.click, *(each.click for each in anyway)],
            None,
            None,
            [self.ask, self.stop],
            js=SHOW_STOP,
            **UNQUEUED,
        )
        events = [
            gr.on(wanted, answers, [self.question, *inputs], frames.outputs, api_name="ask_panes", **shared),
            self.retry.click(again, inputs, frames.outputs, api_visibility="private", **shared),
        ]
        for button in self.suggestions:
            events.append(button.click(answers, [button, *inputs], frames.outputs, api_visibility="private", **shared))
        for number, button in enumerate(anyway):
            answer = frames.stream(safe(self._anyway_handler(number)))
            events.append(button.click(answer, inputs, frames.outputs, api_visibility="private", **shared))
        for event in events:
            event.then(None, None, [self.ask, self.stop, self.differences.answered], js=SHOW_ASK, **UNQUEUED)
        self.stop.click(guard(1)(self._stop), None, [self.notice], **UNQUEUED)
        cleared = self.clear.click(guard(len(outputs))(self._clear), self.arms, outputs, **UNQUEUED)
        shown = [self.notice, *self.arms, *(pane.column for pane in self.panes), *self.pane_outputs]
        arranged = self.two.click(guard(len(shown))(self._show_two_adapters), None, shown, **UNQUEUED)
        self.differences.wire(self.arms, self.notice)
        for event in (cleared, arranged):
            event.then(None, None, self.differences.answered, js=NOW, **UNQUEUED)
        self.save.click(guard(2)(self._save), None, [self.notice, self.saved], **UNQUEUED)
        for pane in self.panes:
            shown = [self.notice, pane.column, *pane.outputs]
            pane.arm.input(guard(len(shown))(self._show_arm), pane.arm, shown, **UNQUEUED)

    def _wire_reader(self) -> None:
        outputs = [self.reader_notice, *self.reader.outputs]
        safe = guard(len(outputs))
        for pane in self.panes:
            opening = pane.sources.passages.select(safe(self.reader.open_passage), pane.arm, outputs, **UNQUEUED)
            opening.then(None, js=FOCUS_READER, **UNQUEUED)
        for button, move in self.reader.step_buttons():
            button.click(safe(move), self.reader.place, outputs, **UNQUEUED)
        self.reader.close.click(close_updates, None, self.reader.outputs, **UNQUEUED).then(
            None, js=FOCUS_CITATION, **UNQUEUED
        )

    def refresh(self, request: gr.Request, place: ReaderState | None, *before: str) -> tuple[Any, ...]:
        """Updates with the current choices, every turn, and the newest adapter in empty panes.

        `before` is what is chosen: the panes' arms, the two of the vote, and whose votes are counted.
        """
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        # Before the adapters: a card may give text and adapters now, and a question shown beside fewer arms asks fewer.
        suggestions = suggestion_updates(self.services, visitor)
        runs = self.services.runs.with_adapter(visitor)
        bases = bases_in_play(self.services, visitor, runs)
        choices, arms = arm_choices(language, runs, bases), chosen_arms(before[:PANES], runs, bases)
        stored = self.services.conversations.shown(visitor)
        self.services.answers.prepare(visitor, arms)
        dropdowns = [gr.update(choices=choices, value=arm) for arm in arms]
        panes, reader = self._draw(language, arms, stored), self.reader.redraw(visitor, place)
        voting, two = self.voting.refresh(language, visitor, before[PANES:]), gr.update(visible=len(runs) > 1)
        return *dropdowns, *_column_updates(arms), *panes, *suggestions, *reader, *voting, two

    def _draw(self, language: str, arms: Sequence[str], stored: Conversation) -> list[Any]:
        return [update for arm in arms for update in draw_pane(language, arm, stored)]

    def _show_two_adapters(self, request: gr.Request) -> tuple[Any, ...]:
        """Updates with the two newest adapters side by side, without retrieval and with it."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        arms = arms_of_two(self.services.runs.with_adapter(visitor))
        if len(arms) < PANES:
            raise UserError("Side by side takes two adapters, and there are fewer. Train or import another one first.")
        self.services.answers.prepare(visitor, arms)
        return *arms, *_column_updates(arms), *self._draw(language, arms, self.services.conversations.shown(visitor))

    def _ask(self, request: gr.Request, question: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        arms, anyway, decoding = self._read_form(values)
        yield from self._answer(request, question, arms, [arm for arm in arms if arm != NONE], decoding, anyway)

    def _retry(self, request: gr.Request, *values: Any) -> Iterator[tuple[Any, ...]]:
        arms, anyway, decoding = self._read_form(values)
        yield from self._answer(request, None, arms, [arm for arm in arms if arm != NONE], decoding, anyway)

    def _anyway_handler(self, number: int) -> Callable[..., Iterator[tuple[Any, ...]]]:
        """A handler that makes one abstaining pane answer its last question from the nearest passages."""

        def ask(request: gr.Request, *values: Any) -> Iterator[tuple[Any, ...]]:
            arms, _, decoding = self._read_form(values)
            yield from self._answer(request, None, arms, [arms[number]], decoding, True)

        return ask

    def _answer(
        self,
        request: gr.Request,
        question: str | None,
        arms: Sequence[str],
        wanted: Sequence[str],
        decoding: Decoding,
        anyway: bool,
    ) -> Iterator[tuple[Any, ...]]:
        """Updates of the panes, which show `arms`, while those `wanted` answer; no question is their last one again."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        refuse_if_full(self.services, language)
        conversations = self.services.conversations
        asked = conversations.last_question(visitor, wanted) if question is None else question
        frames = conversations.ask(visitor, asked, wanted, decoding, anyway, again=question is None)
        yield from stream_updates(language, arms, frames, lambda: conversations.shown(visitor))

    def _read_form(self, values: Sequence[Any]) -> tuple[list[str], bool, Decoding]:
        names = [knob.name for knob in knobs(Decoding)]
        decoding = build(Decoding, dict(zip(names, values[PANES + 1 :], strict=True)))
        return list(values[:PANES]), bool(values[PANES]), decoding

    def _stop(self, request: gr.Request) -> tuple[Any, ...]:
        self.services.answers.stop(visitor_of(self.services.visitors, request))
        return ()

    def _clear(self, request: gr.Request, *arms: str) -> tuple[Any, ...]:
        visitor = visitor_of(self.services.visitors, request)
        self.services.conversations.clear(visitor)
        return tuple(self._draw(language_of(request), arms, {}))

    def _save(self, request: gr.Request) -> tuple[Any, ...]:
        """Files of the whole conversation in a download folder."""
        language, visitor = language_of(request), visitor_of(self.services.visitors, request)
        runs = self.services.runs.with_adapter(visitor)
        choices = arm_choices(language, runs, bases_in_play(self.services, visitor, runs))
        words = {part: say(language, f"compare.saved_{part}") for part in ("title", "stamps", "passages", "thoughts")}
        names = {id_: name for name, id_ in choices}
        with self.services.exchange.filled_folder(visitor, DOWNLOADS) as folder:
            files = self.services.conversations.write_files(visitor, folder, names, words, language)
        return (gr.update(value=[str(each) for each in files], visible=True),)

    def _show_arm(self, request: gr.Request, arm: str | None) -> tuple[Any, ...]:
        visitor, arm = visitor_of(self.services.visitors, request), arm or NONE
        self.services.answers.prepare(visitor, [arm])
        stored = self.services.conversations.shown(visitor)
        return gr.update(elem_classes=column_classes(arm)), *draw_pane(language_of(request), arm, stored)


def _column_updates(arms: Sequence[str]) -> list[Any]:
    return [gr.update(elem_classes=column_classes(arm)) for arm in arms]
