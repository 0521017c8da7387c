"""Gives each request an id, which its log lines and its answer carry, so that a host can tell what belongs together."""

import logging
import re
import secrets
from contextvars import ContextVar

from playground.ui.compat import header_of_event
from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send, header, with_headers

NAME = "x-request-id"
FROM_A_PROXY = re.compile(r"[\w-]{1,64}", re.ASCII)
NONE = "-"  # of a line that belongs to no request
FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request)s] %(message)s"

_request: ContextVar[str] = ContextVar("request", default="")


class RequestId:
    """Takes the id that a proxy gave, or makes one; Gradio's queue finds it among the request's headers."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = NAME.encode()
        given = header(scope, name)
        id_ = given if FROM_A_PROXY.fullmatch(given) else secrets.token_hex(8)
        own = (name, id_.encode())
        kept = [each for each in scope["headers"] if each[0] != name]
        token = _request.set(id_)
        try:
            await self.app({**scope, "headers": [*kept, own]}, receive, with_headers(send, [own]))
        finally:
            _request.reset(token)


def log_with_request_ids() -> None:
    """Log from level INFO on to the standard error, each line with its request's id."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(_add_request)
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _add_request(record: logging.LogRecord) -> bool:
    """A handler that Gradio's queue runs is outside its request, whose header tells the id."""
    record.request = header_of_event(NAME) or _request.get() or NONE
    return True
