"""`methods`: lists the fine-tuning methods with their papers and the flags that `train` accepts for them."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

import adapters
from adapters.base import Method
from adapters.options import Knob, knobs
from playground.cli.commands.arguments import Line
from playground.services.catalogue import method_record
from playground.settings import Settings
from playground.training.config import TrainSettings


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line per method; as text also the flags that all methods share."""
    for method in adapters.methods().values():
        yield method_record(method), _text(method)
    yield None, "\n".join(["Every method", *map(_flag, knobs(TrainSettings))])


def flag(knob: Knob) -> str:
    """The command-line flag of a knob."""
    return f"--{knob.name.replace('_', '-')}"


def _text(method: Method[Any]) -> str:
    paper = method.paper
    lines = [f"{method.id}: {method.summary}", f"  {method.rule}", f"  Good for: {method.good_for}"]
    lines += [f"  {each}" for each in (method.caveat, method.unavailable()) if each]
    lines.append(f"  {paper.title} ({paper.year}), {paper.url}")
    return "\n".join([*lines, *(_flag(each) for each in knobs(method.Options) if not each.is_fixed)]) + "\n"


def _flag(knob: Knob) -> str:
    limits = ", ".join(knob.choices) or _limits(knob)
    shown = f"{knob.default:g}" if knob.kind in (int, float) else str(knob.default).lower()
    return f"  {flag(knob)} {shown}{f' ({limits})' if limits else ''}: {knob.help}"


def _limits(knob: Knob) -> str:
    low, high = (None if each is None else f"{each:.10g}" for each in (knob.low, knob.high))
    return f"{low} to {high}" if low and high else f"from {low}" if low else ""
