"""The rows of a table of methods: every method that can run here, at its defaults, and its rivals."""

from dataclasses import asdict, dataclass
from typing import Any

import adapters
from adapters.base import Options
from adapters.options import build


@dataclass(frozen=True)
class Entry:
    """A method at some options, under a name."""

    name: str
    method: str
    values: dict[str, Any]

    @property
    def options(self) -> Options:
        """The method's options."""
        return build(adapters.get(self.method).Options, self.values)

    @property
    def folder(self) -> str:
        """The name as a folder's."""
        return folder_name(self.name)


def folder_name(name: str) -> str:
    """A row's name as a folder's."""
    return name.replace("/", "-").replace(" ", "_")


def entries() -> list[Entry]:
    """The oldest paper first, each rival after its method; prints which methods are left out and why."""
    found = []
    for id_, method in adapters.methods().items():
        if method.unavailable():
            print(f"{method.label} is left out: {method.unavailable()}")
            continue
        found.append(Entry(method.label, id_, asdict(method.Options())))
        if rival := method.rival(method.Options()):
            values = asdict(build(adapters.get(rival.method).Options, rival.options))
            found.append(Entry(rival.reason, rival.method, values))
    return found
