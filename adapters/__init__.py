"""Fine-tuning methods, found by file name: every module here that defines `METHOD` is one. The import is light."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from adapters.errors import MethodError

if TYPE_CHECKING:
    from adapters.base import Method


@cache
def methods() -> dict[str, Method[Any]]:
    """Every method by its id (= its file's name), the oldest paper first, the baseline last."""
    modules = {info.name: import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)}
    found = {name: module.METHOD for name, module in modules.items() if "METHOD" in vars(module)}
    return dict(sorted(found.items(), key=lambda pair: (pair[1].baseline, pair[1].paper.arxiv)))


def get(id_: str) -> Method[Any]:
    """The method of this id.

    Raises:
        MethodError: no such method; the message lists all methods.
    """
    if id_ not in methods():
        raise MethodError(f"There is no method called {id_!r}; choose one of {', '.join(methods())}.")
    return methods()[id_]
