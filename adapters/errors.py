"""The one error of this package that is meant for a person to read."""


class MethodError(ValueError):
    """A bad option or adapter file, in one sentence: what happened, the value got, what to do."""
