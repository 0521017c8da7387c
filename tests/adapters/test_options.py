"""Knobs: values from a form, the command line or JSON become checked options, or one sentence with every fault."""

import math
from dataclasses import dataclass

import pytest

import adapters
from adapters.errors import MethodError
from adapters.options import build, knob, knobs, override_knob


@dataclass(frozen=True)
class Sample:
    """One knob of each kind."""

    size: int = knob(4, label="Size", help="How many.", low=1, high=9)
    rate: float = knob(0.5, label="Rate", help="How fast.", low=0, high=1)
    open_end: int = knob(0, label="Open end", help="No upper limit.", low=0)
    loud: bool = knob(False, label="Loud", help="Say more.")
    kind: str = knob("a", label="Kind", help="Which.", choices=("a", "b"))
    name: str = knob("", label="Name", help="Any text.")
    still: float = knob(0.0, label="Still", help="It cannot move.", low=0, high=0)
    hidden: int = 3


@dataclass(frozen=True)
class Child(Sample):
    """One knob changed."""

    rate: float = override_knob(Sample, "rate", default=0.25, help="How slowly.")


def test_values_from_a_form_a_command_line_and_json_come_out_alike() -> None:
    form = build(Sample, {"size": 5.0, "rate": 1, "loud": True, "kind": "b", "name": "x"})
    line = build(Sample, {"size": "5", "rate": "1", "loud": "yes", "kind": "b", "name": "x"})
    assert form == line == Sample(size=5, rate=1.0, loud=True, kind="b", name="x")
    assert type(form.size) is int
    assert type(form.rate) is float


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"size": 0}, "Size must be between 1 and 9, got 0"),
        ({"size": 2.5}, "Size must be a whole number, got 2.5"),
        ({"size": True}, "Size must be a whole number, got True"),
        ({"size": None}, "Size must be a whole number, got None"),
        ({"size": 10**400}, "Size must be a whole number, got 1000"),
        ({"rate": math.nan}, "Rate must be a number, got nan"),
        ({"rate": "inf"}, "Rate must be a number, got 'inf'"),
        ({"rate": "fast"}, "Rate must be a number, got 'fast'"),
        ({"open_end": -1}, "Open end must be at least 0, got -1"),
        ({"loud": "perhaps"}, "Loud must be true or false, got 'perhaps'"),
        ({"kind": "c"}, "Kind must be one of a, b, got 'c'"),
        ({"name": 7}, "Name must be text, got 7"),
        ({"still": 0.1}, "Still must be 0 (It cannot move), got 0.1"),
        ({"hidden": 1}, "'hidden' is not one of size, rate"),
    ],
)
def test_a_bad_value_is_refused_with_the_value_and_the_limit(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(MethodError) as caught:
        build(Sample, values)
    assert sentence in str(caught.value)


def test_all_faults_come_at_once() -> None:
    with pytest.raises(MethodError) as caught:
        build(Sample, {"size": 0, "rate": "x", "colour": 1})
    assert all(word in str(caught.value) for word in ("Size", "Rate", "'colour'"))


def test_a_changed_knob_keeps_its_place_and_what_was_not_changed() -> None:
    rate = knobs(Child)[1]
    assert (rate.name, rate.default, rate.help) == ("rate", 0.25, "How slowly.")
    assert (rate.label, rate.low, rate.high) == ("Rate", 0, 1)
    assert [each.is_fixed for each in knobs(Child)] == [False] * 6 + [True]


@pytest.mark.parametrize("id_", adapters.methods())
def test_the_defaults_of_every_method_pass_their_own_check(id_: str) -> None:
    options = adapters.get(id_).Options
    assert build(options, {each.name: each.default for each in knobs(options)}) == options()
