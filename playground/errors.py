"""Which errors are shown to the visitor. Every other exception is a fault of ours and stays a traceback."""

from adapters.errors import MethodError
from retrieval.errors import RetrievalError


class UserError(ValueError):
    """Bad input, in one sentence: what happened, the value got, what to do."""


USER_FACING = (UserError, MethodError, RetrievalError)
