"""The playground as a library: `Text`, `train`, `Arms`, `ask`, `examine`; nothing is loaded before one is used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playground.surface.arms import Arms, ask
    from playground.surface.exam import examine
    from playground.surface.text import Text
    from playground.surface.training import train

__all__ = ["Arms", "Text", "ask", "examine", "train"]
_PLACES = {"Text": "text", "train": "training", "Arms": "arms", "ask": "arms", "examine": "exam"}


def __getattr__(name: str) -> Any:
    """See PEP 562."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return vars(import_module(f"{__name__}.surface.{_PLACES[name]}"))[name]


def __dir__() -> list[str]:
    return [*globals(), *__all__]
