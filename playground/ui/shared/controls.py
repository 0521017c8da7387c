"""Controls for the knobs of all methods and of the run, made from their Options; knows no method by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

import adapters
from adapters.options import Knob, knobs
from playground.training.config import BY_PRESET, MIX_KNOBS, TrainSettings
from playground.ui.shared.i18n import knob_key, mark

SHOWN = {"steps", "batch_tokens", "window", *MIX_KNOBS, "text_tokens", "patience", "seed"}
RUN_KNOBS = tuple(knob.name for knob in knobs(TrainSettings) if knob.name in SHOWN)  # in the order of the form


@dataclass(frozen=True)
class Controls:
    """The form's controls: those of each method, then those of the run; `flat` is the order of a handler's inputs."""

    groups: Mapping[str, gr.Group]
    methods: Mapping[str, list[Component]]
    run: list[Component]

    @property
    def flat(self) -> list[Component]:
        """Every control, in the order that `read` expects their values."""
        return [each for controls in self.methods.values() for each in controls] + self.run

    @property
    def for_run(self) -> dict[str, Any]:
        """The controls of the run by the name of their knob."""
        return dict(zip(RUN_KNOBS, self.run, strict=True))

    def for_knob(self, knob: str) -> list[Any]:
        """The controls, one per method that has the knob, which set this option."""
        names = {id_: [each.name for each in knobs(adapters.get(id_).Options)] for id_ in self.methods}
        return [
            control
            for id_, controls in self.methods.items()
            for name, control in zip(names[id_], controls, strict=True)
            if name == knob
        ]

    def read(self, method: str, values: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        """(the chosen method's options, the run's settings) from the values of `flat`."""
        place = 0
        chosen: dict[str, Any] = {}
        for id_, controls in self.methods.items():
            if id_ == method:
                names = [knob.name for knob in knobs(adapters.get(id_).Options)]
                chosen = dict(zip(names, values[place : place + len(controls)], strict=True))
            place += len(controls)
        return chosen, run_values(values[place:])

    def fill(self, method: str, options: Mapping[str, object]) -> list[Any]:
        """Updates for `flat` that set all options of one method, unnamed ones to their defaults, and leave the rest."""
        updates: list[Any] = []
        for id_ in self.methods:
            for knob in knobs(adapters.get(id_).Options):
                value = options.get(knob.name, knob.default)
                updates.append(gr.update(value=value) if id_ == method else gr.skip())
        return updates + [gr.skip()] * len(self.run)

    def set_values(self, method: str, values: Mapping[str, object]) -> list[Any]:
        """Updates for `flat` that set these options of one method and settings of the run, and leave the rest."""
        names = [(id_, knob.name) for id_ in self.methods for knob in knobs(adapters.get(id_).Options)]
        own = [name if id_ == method else "" for id_, name in names]
        return [gr.update(value=values[name]) if name in values else gr.skip() for name in (*own, *RUN_KNOBS)]


def run_values(values: Sequence[Any]) -> dict[str, Any]:
    """The values of the run's controls by name."""
    return dict(zip(RUN_KNOBS, values, strict=True))


def build_controls(chosen: str, between: Callable[[], object] = tuple) -> Controls:
    """One group of controls per method, only the chosen one visible, then the run's; `between` draws more."""
    groups, methods = {}, {}
    for id_, method in adapters.methods().items():
        with gr.Group(visible=id_ == chosen) as group, gr.Row(elem_classes="knobs"):
            methods[id_] = [knob_control(id_, knob, knob.default) for knob in knobs(method.Options)]
        groups[id_] = group
    between()
    gr.Markdown(mark("train.settings"))
    with gr.Group(), gr.Row(elem_classes="knobs"):
        run = [
            knob_control("run", knob, 0 if knob.name in BY_PRESET else knob.default)
            for knob in knobs(TrainSettings)
            if knob.name in RUN_KNOBS
        ]
    return Controls(groups, methods, run)


def knob_control(owner: str, knob: Knob, value: Any) -> Component:
    """The control for one knob. The server checks its limits, so that a refusal appears beside the form."""
    words = {"label": mark(knob_key(owner, knob, "label")), "info": mark(knob_key(owner, knob, "help"))}
    if knob.kind is bool:
        return gr.Checkbox(value=value, **words, min_width=160)
    if knob.choices:
        return gr.Dropdown(list(knob.choices), value=value, **words, min_width=160)
    precision = 0 if knob.kind is int else None
    return gr.Number(value=value, precision=precision, interactive=not knob.is_fixed, **words, min_width=160)
