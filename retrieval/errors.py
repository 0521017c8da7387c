"""The errors of this package that are meant for a person to read."""


class RetrievalError(ValueError):
    """A file, index or question that cannot be used, in one sentence: what happened, the value got, what to do."""


class IndexingStopped(RetrievalError):
    """Somebody asked for the work to stop, and it did."""
