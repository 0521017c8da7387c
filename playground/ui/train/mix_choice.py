"""The choice of what to teach: fills the run's knobs of the mix, and follows them where they are set by hand."""

from typing import Any

import gradio as gr

from playground.services.app import Services
from playground.training.config import MIX_KNOBS, MIXES, mix_of, mix_values
from playground.ui.shared.controls import RUN_KNOBS, Controls
from playground.ui.shared.i18n import mark
from playground.ui.shared.tab import UNQUEUED

FIRST_MIX = "sentences"
NAMES = tuple(name for name in RUN_KNOBS if name in MIX_KNOBS)  # in the order of the form


class MixChoice:
    """The choice and its events. The knobs alone define the run; the choice is a way to set five of them at once."""

    def __init__(self, services: Services) -> None:
        """Draw the choice; call `wire` once the knobs are there."""
        self.services = services
        choices = [(mark(f"train.teach.{mix}"), mix) for mix in MIXES]
        self.choice = gr.Radio(choices, value=FIRST_MIX, label=mark("train.teach"), info=mark("train.teach_info"))
        self.suggested = gr.State(FIRST_MIX)

    def wire(self, controls: Controls) -> None:
        """`controls` has the knobs that the choice sets."""
        self.knobs = [controls.for_run[name] for name in NAMES]
        self.choice.input(_knob_updates, self.choice, self.knobs, **UNQUEUED)
        for knob in self.knobs:
            knob.input(_matching_mix, self.knobs, self.choice, **UNQUEUED)

    @property
    def outputs(self) -> list[Any]:
        """What `refresh` gives updates for."""
        return [self.suggested, self.choice, *self.knobs]

    @property
    def unchanged(self) -> tuple[Any, ...]:
        """Updates for `outputs` that change nothing."""
        return (gr.skip(),) * len(self.outputs)

    def refresh(self, visitor: str, suggested: str) -> tuple[Any, ...]:
        """Choose what fits a text of another sort than before; a visitor's choice stays while the sort is the same."""
        fitting = self.services.training_text.fitting_mix(visitor)
        if fitting == suggested:
            return self.unchanged
        return fitting, fitting, *_knob_updates(fitting)


def _knob_updates(mix: str) -> list[Any]:
    values = mix_values(mix)
    return [gr.update(value=values[name]) for name in NAMES]


def _matching_mix(*values: Any) -> str | None:
    return mix_of(dict(zip(NAMES, values, strict=True)))
