"""The errors whose text is shown to the visitor. Any other exception is a bug and stays a traceback."""

from adapters.errors import MethodError
from retrieval.errors import RetrievalError


class UserError(ValueError):
    """Bad input; the text is one sentence: what happened, the value, and what to do."""


USER_FACING = (UserError, MethodError, RetrievalError)
