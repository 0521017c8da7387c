"""One pane of the comparison: its arm, turns, figures, provenance and prompt. Draws; asks nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from playground.chat.turns import Conversation, Record, split_arm_id
from playground.inference.fp16_weights import FP16
from playground.ui.compare.answer_notes import AnswerNotes, build_notes, draw_notes
from playground.ui.compare.arm_choice import ALWAYS, AT_FIRST, NONE
from playground.ui.compare.sources import Sources, abstains, build_sources, draw_sources, pieces
from playground.ui.shared.format import decimal, duration, escape_html
from playground.ui.shared.i18n import mark, say

PANES = 4
FIGURES = 7  # the place of the figures among a pane's outputs


@dataclass(frozen=True)
class Pane:
    """The components of one pane."""

    column: gr.Column
    arm: gr.Dropdown
    chat: gr.Chatbot
    notes: AnswerNotes
    sources: Sources
    figures: gr.Textbox
    stamp_panel: gr.Accordion
    stamp: gr.JSON
    prompt_panel: gr.Accordion
    prompt: gr.Textbox

    @property
    def outputs(self) -> list[Block]:
        """What `draw_pane` gives updates for."""
        return [
            self.chat,
            *self.notes.outputs,
            *self.sources.outputs,
            self.figures,
            self.stamp_panel,
            self.stamp,
            self.prompt_panel,
            self.prompt,
        ]


def build_pane(number: int) -> Pane:
    """Draw a pane without answers."""
    first = AT_FIRST[number - 1]
    with gr.Column(elem_classes=column_classes(first), min_width=240) as column:
        always = [(mark(f"compare.{kind}"), kind) for kind in (NONE, *ALWAYS)]
        arm = gr.Dropdown(always, value=first, label=mark(f"compare.pane_{number}"))
        chat = gr.Chatbot(
            label=mark("compare.answers"),
            placeholder=mark("compare.empty"),
            height=380,
            render_markdown=False,
            buttons=["copy"],
            show_label=False,
            elem_classes="live",
            layout="bubble",
        )
        notes = build_notes()
        sources = build_sources()
        figures = gr.Textbox(label=mark("compare.figures"), interactive=False, lines=2, max_lines=6)
        with gr.Accordion(mark("compare.stamp"), open=False, visible=False) as stamp_panel:
            stamp = gr.JSON(show_label=False, max_height=260)
        with gr.Accordion(mark("compare.sent"), open=False, visible=False) as prompt_panel:
            prompt = gr.Textbox(
                label=mark("compare.sent_label"), interactive=False, lines=6, max_lines=16, buttons=["copy"]
            )
    return Pane(column, arm, chat, notes, sources, figures, stamp_panel, stamp, prompt_panel, prompt)


def column_classes(arm: str) -> list[str]:
    """CSS classes that give one kind of arm the same colour everywhere."""
    return ["pane", f"arm-{split_arm_id(arm)[0]}"]


def draw_pane(language: str, arm: str, conversation: Conversation) -> tuple[Any, ...]:
    """Updates for `Pane.outputs`: all turns of this arm; the passages, figures, stamp and prompt of the last one."""
    records = conversation.get(arm, [])
    shown = arm != NONE
    latest = records[-1] if records else None
    notes_and_sources = *draw_notes(language, arm, latest), *draw_sources(language, latest)
    if not records:
        hidden = gr.update(visible=False)
        return (
            gr.update(value=[], visible=shown),
            *notes_and_sources,
            hidden,
            hidden,
            gr.update(value=None),
            hidden,
            gr.update(value=""),
        )
    messages = [message for turn in records for message in _messages(language, turn, last=turn is records[-1])]
    stamp = {"proof": records[-1].stamp_id, **records[-1].stamp, "self_test": records[-1].tested}
    prompt = records[-1].sent
    last = (
        gr.update(visible=True, label=_stamp_title(language, records[-1])),
        stamp,
        gr.update(visible=bool(prompt)),
        prompt,
    )
    return gr.update(value=messages, visible=True), *notes_and_sources, _figures_update(language, records[-1]), *last


def draw_answer(language: str, turn: Record, drawn: Sequence[Any]) -> list[Any]:
    """Updates for `Pane.outputs` where only the last answer has grown since the updates `drawn`."""
    asked = max(place for place, each in enumerate(drawn[0]["value"]) if each["role"] == "user")
    messages = [*drawn[0]["value"][:asked], *_messages(language, turn, last=True)]
    updates = [gr.skip()] * len(drawn)
    updates[0], updates[FIGURES] = {**drawn[0], "value": messages}, _figures_update(language, turn)
    return updates


def _figures_update(language: str, turn: Record) -> dict[str, Any]:
    return gr.update(value=_figures_text(language, turn), visible=not abstains(turn))


def _stamp_title(language: str, turn: Record) -> str:
    """The title of the provenance panel: whether the last self-test before this answer passed."""
    if turn.tested is None:
        return say(language, "compare.stamp_untested")
    return say(language, "compare.stamp_passed" if turn.tested["passed"] else "compare.stamp_failed")


def _messages(language: str, turn: Record, last: bool) -> list[dict[str, Any]]:
    """A turn as chat messages: thoughts are folded, and so are passages, except for the last turn, which has a list."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": escape_html(turn.question)}]
    if turn.thoughts:
        state = "done" if turn.answer or turn.done else "pending"
        folded = {"title": say(language, "compare.thoughts"), "status": state}
        messages.append({"role": "assistant", "content": escape_html(turn.thoughts), "metadata": folded})
    messages.append({"role": "assistant", "content": _answer_text(language, turn)})
    if turn.passages and not last:
        key = "compare.nearest" if turn.found is False else "compare.passages"
        title = say(language, key, count=len(turn.passages))
        listed = escape_html("".join(piece.text for piece in pieces(language, turn)))
        messages.append({"role": "assistant", "content": listed, "metadata": {"title": title, "status": "done"}})
    return messages


def _answer_text(language: str, turn: Record) -> str:
    if abstains(turn):
        return say(language, "compare.not_found")
    if turn.ahead:
        return _place_line(language, turn.ahead, turn.wait)
    if turn.thoughts and turn.done and not turn.answer:
        return say(language, "compare.only_thoughts")
    text = escape_html(_with_citations(turn)) or "…"
    return f"{text} {say(language, 'compare.stopped')}" if turn.stopped else text


def _place_line(language: str, ahead: int, wait: float | None) -> str:
    if wait is None:
        return say(language, "compare.waiting", count=ahead)
    return say(language, "compare.waiting_until", count=ahead, time=duration(language, wait))


def _with_citations(turn: Record) -> str:
    """The answer with the numbers of the supporting passages after each sentence."""
    text = turn.answer
    for claim in reversed(turn.claims):
        numbers = sorted({each["passage"] + 1 for each in claim["evidence"]})
        cited = "".join(f" [{number}]" for number in numbers)
        text = text[: claim["end"]] + cited + text[claim["end"] :]
    return text


def _figures_text(language: str, turn: Record) -> str:
    if turn.seconds_to_first_token is None:
        return ""
    line = say(
        language,
        "compare.figures_value",
        first=decimal(language, turn.seconds_to_first_token, 1),
        speed=f"{turn.tokens_per_second:.0f}" if turn.tokens_per_second else "–",
        prompt=turn.prompt_tokens,
        proof=turn.stamp_id,
    )
    prompt_panel = [line]
    if turn.stamp.get("weights") == FP16:
        prompt_panel.append(say(language, "compare.narrow"))
    if turn.examples:
        prompt_panel.append(say(language, "compare.examples", count=len(turn.examples)))
    if turn.same:
        prompt_panel.append(say(language, "compare.same"))
    if turn.dropped_turns:
        prompt_panel.append(say(language, "compare.dropped_turns", count=turn.dropped_turns))
    return "\n".join(prompt_panel)
