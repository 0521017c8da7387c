"""The one error of this package that is meant for a person to read."""


class RetrievalError(ValueError):
    """A file, index or question that cannot be used, in one sentence: what happened, the value got, what to do."""
