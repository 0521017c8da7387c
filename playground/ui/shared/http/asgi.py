"""What the page's middleware shares: the types of ASGI, a request's headers and cookie, and a plain refusal."""

import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import HTTPConnection

from playground.counters import REFUSALS
from playground.ui.shared.i18n import say
from playground.ui.shared.session import COOKIE, language_in

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

log = logging.getLogger(__name__)

SECRET = re.compile(r"[\w-]{32,128}", re.ASCII)


def header(scope: Message, name: bytes) -> str:
    """A request's header, the last where it has several; empty without it."""
    return str(dict(scope["headers"]).get(name, b"").decode("latin-1"))


def cookies(scope: Message) -> dict[str, str]:
    """A request's cookies, read as Gradio reads them: another app on this host may have set an odd one beside ours."""
    return dict(HTTPConnection(scope).cookies)


def secret_of(scope: Message) -> str:
    """The secret that the browser holds; empty where it holds none of ours."""
    secret = cookies(scope).get(COOKIE, "")
    return secret if SECRET.fullmatch(secret) else ""


def with_headers(send: Send, more: list[Header]) -> Send:
    """`send`, with these headers in place of those of the same names."""
    names = {name for name, _ in more}

    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [each for each in message.get("headers", ()) if each[0].lower() not in names]
            message = {**message, "headers": [*kept, *more]}
        await send(message)

    return send_with


async def refuse(scope: Message, send: Send, status: int, key: str, **values: object) -> None:
    """Answer with one sentence in the visitor's language; `key` names it in the page's words."""
    REFUSALS.labels(key).inc()
    log.info("A request was refused with %d: %s", status, key)
    body = say(language_in(cookies(scope), header(scope, b"accept-language")), key, **values).encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
