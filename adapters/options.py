"""Knobs: dataclass fields with label, help and limits, so that form, command line, docs and checks agree."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, TypeVar

from adapters.errors import MethodError

T = TypeVar("T")


@dataclass(frozen=True)
class Knob:
    """One option as a form or a help page shows it. Limits are inclusive; `choices` are for text only."""

    name: str
    kind: type
    default: Any
    label: str
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]

    @property
    def is_fixed(self) -> bool:
        """Whether only one value is allowed; a form leaves such a knob out, and its help says why."""
        return self.low is not None and self.low == self.high


def knob(
    default: Any,
    *,
    label: str,
    help: str,  # noqa: A002 - the field's own word
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """A dataclass field that is also a knob; its kind is the type of the default."""
    return field(default=default, metadata={"label": label, "help": help, "low": low, "high": high, "choices": choices})


def override_knob(cls: type, name: str, **changes: Any) -> Any:
    """The knob `name` of a parent class with another default, help or limits; the rest is as in the parent."""
    parent = next(each for each in fields(cls) if each.name == name)
    return knob(**{"default": parent.default, **parent.metadata, **changes})


def knobs(cls: type) -> list[Knob]:
    """Every knob of an options class, in the order of its fields; fields made without `knob` are left out."""
    return [_knob(each) for each in fields(cls) if "help" in each.metadata]


def build(cls: type[T], values: Mapping[str, object]) -> T:
    """An options object from form, command line or JSON values.

    Raises:
        MethodError: the message lists every unknown name, wrong type, non-finite value and value out of range.
    """
    known = {each.name: each for each in knobs(cls)}
    faults = [f"{name!r} is not one of {', '.join(known)}" for name in values if name not in known]
    checked = {}
    for name, value in values.items():
        if name in known:
            try:
                checked[name] = _coerce(known[name], value)
            except ValueError as error:
                faults.append(str(error))
    if faults:
        raise MethodError(f"These options cannot be used: {'; '.join(faults)}. Correct them and try again.")
    return cls(**checked)


def _knob(each: Field) -> Knob:
    if each.default is MISSING:
        raise TypeError(f"The knob {each.name} has no default")
    return Knob(name=each.name, kind=type(each.default), default=each.default, **each.metadata)


def _coerce(knob_: Knob, value: object) -> object:
    """The value in the knob's kind and within its limits. Raises a ValueError with the reason as part of a sentence."""
    if knob_.kind is bool:
        return _as_bool(knob_, value)
    if knob_.kind is str:
        return _as_choice(knob_, value)
    return _as_number(knob_, value)


def _as_bool(knob_: Knob, value: object) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    word = str(value).strip().lower()
    if word not in words:
        raise ValueError(f"{knob_.label} must be true or false, got {value!r}")
    return words[word]


def _as_choice(knob_: Knob, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{knob_.label} must be text, got {value!r}")
    if knob_.choices and value not in knob_.choices:
        raise ValueError(f"{knob_.label} must be one of {', '.join(knob_.choices)}, got {value!r}")
    return value


def _as_number(knob_: Knob, value: object) -> int | float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and _is_plain(value) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or (knob_.kind is int and number != int(number)):
        wanted = "a whole number" if knob_.kind is int else "a number"
        raise ValueError(f"{knob_.label} must be {wanted}, got {value!r}")
    low = -math.inf if knob_.low is None else knob_.low
    high = math.inf if knob_.high is None else knob_.high
    if not low <= number <= high:
        raise ValueError(f"{knob_.label} must be {_limits(knob_)}, got {value!r}")
    return int(number) if knob_.kind is int else number


def _is_plain(value: int | float | str) -> bool:
    """Whether a value is a number, or a text that is one in plain digits; `float` reads those of every script."""
    if isinstance(value, str):
        return value.isascii() and "_" not in value
    return not isinstance(value, bool)


def _limits(knob_: Knob) -> str:
    if knob_.is_fixed:
        return f"{knob_.low:g} ({knob_.help.rstrip('.')})"
    if knob_.low is None or knob_.high is None:
        return f"at most {knob_.high:g}" if knob_.low is None else f"at least {knob_.low:g}"
    return f"between {knob_.low:g} and {knob_.high:g}"
