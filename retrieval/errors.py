"""The errors of this package: those for the user to read, and one that is a fault of the installation."""

from collections.abc import Sequence


class RetrievalError(ValueError):
    """A file, index or question that cannot be used, in one sentence: what happened, the value, what to do."""


class NeedsEncoding(RetrievalError):
    """A file that does not say its encoding and has several likely readings; the user may choose one.

    `readings` are at most three, likeliest first: the name of the encoding, its name for people, and a few lines.
    """

    def __init__(self, message: str, readings: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(message)
        self.readings = tuple(readings)


class IndexingStopped(RetrievalError):
    """The caller asked for the indexing to stop, and it did."""


class LibraryMismatchError(RuntimeError):
    """An installed library lacks a private or version-bound part that `retrieval.compat` uses."""

    def __init__(self, library: str, written_for: str, installed: str, failed: Sequence[str]) -> None:
        self.details = (library, written_for, installed, tuple(failed))
        super().__init__(
            f"retrieval/compat.py was written for {library} {written_for}, and {library} {installed} is "
            f"installed. These parts do not work: {'; '.join(failed)}. Install {library}=={written_for}, or adapt "
            "retrieval/compat.py."
        )
