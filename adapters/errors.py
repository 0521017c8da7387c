"""The errors of this package: one for a person to read, and one for a library that is not the expected one."""

from collections.abc import Sequence
from importlib.metadata import version


class MethodError(ValueError):
    """A bad option or adapter file, in one sentence: what happened, the value got, what to do."""


class IncompatibleLibraryError(RuntimeError):
    """An installed library lacks something private or version-bound that a `compat` module uses."""

    def __init__(self, library: str, written_for: str, missing: Sequence[str], module: str) -> None:
        super().__init__(
            f"{module} was written for {library} {written_for}, and {library} {version(library)} is installed. It "
            f"lacks: {'; '.join(missing)}. Install {library}=={written_for}, or adapt {module}."
        )
