"""What every endpoint passes through: its values are checked against its types, and a refusal becomes one sentence."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import gradio as gr

from adapters.options import knobs
from playground.errors import UserError
from playground.ui.shared.handlers import error_sentence

Handler = Callable[..., Any]
SHOWN_CHARS = 60


@dataclass(frozen=True)
class Kind:
    """A type of a parameter: its name in a sentence, and whether a value from JSON is of it."""

    name: str
    fits: Callable[[Any], bool]


def endpoint(handler: Handler) -> Handler:
    """The handler as Gradio calls it; one that yields stays one that yields."""
    kinds = _kinds_of(handler)
    checked = _checked_stream(handler, kinds) if inspect.isgeneratorfunction(handler) else _checked(handler, kinds)
    signature = inspect.signature(handler)
    if inspect.isgeneratorfunction(handler):  # Gradio's listing takes what one value is from here
        signature = signature.replace(return_annotation=get_args(signature.return_annotation)[0])
    checked.__signature__ = signature  # type: ignore[attr-defined]
    return checked


def check_values(kinds: Mapping[str, Kind], values: Mapping[str, Any]) -> None:
    """Refuse a value that is not of its parameter's type; JSON takes a truth value for a number, Python too.

    Raises:
        UserError: with the first such parameter and its value.
    """
    for name, kind in kinds.items():
        if name in values and not kind.fits(values[name]):
            raise UserError(f"{name} must be {kind.name}, got {_short(values[name])}. Correct it and call again.")


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse a number outside its limits.

    Raises:
        UserError: with the number and the limits.
    """
    if not low <= value <= high:
        raise UserError(f"{name} must be from {low} to {high}, got {_short(value)}. Correct it and call again.")


def check_knobs(cls: type, values: Mapping[str, int]) -> None:
    """Refuse a number outside the limits of the setting of that name.

    Raises:
        UserError: with the number and the limits.
    """
    for each in knobs(cls):
        if each.name in values:
            check_range(each.name, values[each.name], int(each.low or 0), int(each.high or 0))


def check_choice(name: str, value: str, choices: Mapping[str, Any] | tuple[str, ...]) -> None:
    """Refuse a name that is not one of the choices.

    Raises:
        UserError: with the name and the choices.
    """
    if value not in choices:
        raise UserError(f"{name} must be one of {', '.join(choices)}, got {_short(value)}. Correct it and call again.")


def _checked(handler: Handler, kinds: Mapping[str, Kind]) -> Handler:
    @functools.wraps(handler)
    def call(*values: Any) -> Any:
        with _Refusals():
            check_values(kinds, dict(zip(kinds, values, strict=False)))
            return handler(*values)

    return call


def _checked_stream(handler: Handler, kinds: Mapping[str, Kind]) -> Handler:
    @functools.wraps(handler)
    def call(*values: Any) -> Iterator[Any]:
        with _Refusals():
            check_values(kinds, dict(zip(kinds, values, strict=False)))
            yield from handler(*values)

    return call


class Refusal(gr.Error):
    """Gradio's error, whose text is the sentence alone; Gradio's own puts it into quotation marks for assistants."""

    def __str__(self) -> str:
        return self.message


class _Refusals:
    """Turns every fault inside it into a refusal of one sentence, and logs those that are ours."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, fault: BaseException | None, __: object) -> None:
        if isinstance(fault, Exception):
            raise Refusal(error_sentence(fault, "en"), print_exception=False) from fault


def _kinds_of(handler: Handler) -> dict[str, Kind]:
    hints = get_type_hints(handler)
    return {name: KINDS[hints[name]] for name in inspect.signature(handler).parameters}


def _is_text(value: Any) -> bool:
    """A lone half of a character can neither be stored nor shown."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and _is_text(value.get("path"))


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"


KINDS: Mapping[Any, Kind] = {
    str: Kind("a text", _is_text),
    int: Kind("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    bool: Kind("true or false", lambda value: isinstance(value, bool)),
    list[str] | None: Kind("a list of texts", lambda value: value is None or _is_texts(value)),
    gr.FileData: Kind("an uploaded file", _is_file),
}
