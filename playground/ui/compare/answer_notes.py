"""Two notes under a pane's answers: what is wrong with the last one's form, and what was searched for. Draws only."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from playground.chat.turns import TUNING, Record, split_arm_id
from playground.ui.shared.i18n import mark, say


@dataclass(frozen=True)
class AnswerNotes:
    """The components of the notes: a warning in fixed words, and the search as plain text."""

    warning: gr.Markdown
    searched: gr.Textbox

    @property
    def outputs(self) -> list[Block]:
        """What `draw_notes` gives updates for."""
        return [self.warning, self.searched]


def build_notes() -> AnswerNotes:
    """Draw them, hidden."""
    warning = gr.Markdown(elem_classes="answer-warning", visible=False)
    searched = gr.Textbox(
        label=mark("compare.searched"), info=mark("compare.searched_help"), interactive=False, lines=1, max_lines=4,
        visible=False, elem_classes="searched",
    )  # fmt: skip
    return AnswerNotes(warning, searched)


def draw_notes(language: str, arm: str, turn: Record | None) -> tuple[Any, ...]:
    """Updates for `AnswerNotes.outputs`, on the last turn of this arm."""
    return _draw_warning(language, arm, turn), _draw_searched(turn)


def _draw_warning(language: str, arm: str, turn: Record | None) -> dict[str, Any]:
    if turn is None or not turn.warning:
        return gr.update(value="", visible=False)
    kind, _ = split_arm_id(arm)
    whose = "tuned" if kind in TUNING else "base"
    return gr.update(value=say(language, f"compare.warning.{turn.warning}_{whose}"), visible=True)


def _draw_searched(turn: Record | None) -> dict[str, Any]:
    if turn is None or not turn.left_out:
        return gr.update(value="", visible=False)
    return gr.update(value=f"{turn.question} + {' '.join(turn.left_out)}", visible=True)
