"""What every HTTP request passes through: the visitor's cookie, the page's own scripts, a limit on uploads."""

import os
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware

from playground.ui.compat import UPLOAD_ROUTE, insert_scripts
from playground.ui.shared.client_scripts import FIRST_PAGE_SCRIPTS
from playground.ui.shared.session import COOKIE

SECRET = re.compile(r"[\w-]{32,128}", re.ASCII)
COOKIE_SECONDS = 2_592_000  # 30 days, renewed at every visit
OK = 200

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Message, Receive, Send], Awaitable[None]]


def middleware(upload_bytes: int) -> list[Middleware]:
    """All of it, for `launch(app_kwargs={"middleware": …})`; one upload may have at most `upload_bytes`."""
    return [Middleware(FirstPage), Middleware(UploadLimit, upload_bytes=upload_bytes)]


class FirstPage:
    """Gives a new browser its secret, and puts the page's own scripts into Gradio's HTML."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET":
            send = _FirstPageResponse(send, _visitor_secret(scope)).send
        await self.app(scope, receive, send)


class _FirstPageResponse:
    """Holds the HTML back until it is complete, then sends it with the cookie and the scripts."""

    def __init__(self, send: Send, secret: str) -> None:
        self.forward = send
        self.secret = secret
        self.start: Message = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = insert_scripts(self.body, FIRST_PAGE_SCRIPTS) if self.start["status"] == OK else self.body
        headers = [(name, value) for name, value in self.start["headers"] if name.lower() != b"content-length"]
        headers += [(b"content-length", str(len(body)).encode()), (b"set-cookie", _set_cookie(self.secret))]
        await self.forward({**self.start, "headers": headers})
        await self.forward({"type": "http.response.body", "body": body})


class UploadLimit:
    """Refuses an upload with more bytes than allowed: by its header, else as soon as that many have arrived."""

    def __init__(self, app: AsgiApp, upload_bytes: int) -> None:
        self.app = app
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not scope["path"].rstrip("/").endswith(UPLOAD_ROUTE):
            await self.app(scope, receive, send)
        elif _content_length(scope) > self.upload_bytes:
            await _refuse(send, self.upload_bytes)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Message, receive: Receive, send: Send) -> None:
        """Run the app on a body that is counted: a chunked request has no header that tells its length."""
        count = 0

        async def receive_within_limit() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self.upload_bytes:
                raise MultiPartException(_refusal(self.upload_bytes))  # Gradio deletes what it has written so far
            return message

        async def send_unless_refused(message: Message) -> None:
            if count <= self.upload_bytes:
                await send(message)

        await self.app(scope, receive_within_limit, send_unless_refused)
        if count > self.upload_bytes:
            await _refuse(send, self.upload_bytes)


def _visitor_secret(scope: Message) -> str:
    """The secret that the browser holds, or a new one where it holds none of ours."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        jar.clear()
    secret = jar[COOKIE].value if COOKIE in jar else ""
    return secret if SECRET.fullmatch(secret) else secrets.token_urlsafe(32)


def _set_cookie(secret: str) -> bytes:
    """The cookie's header. A Space is shown inside another site's frame, so there the cookie must allow that."""
    place = "SameSite=None; Secure; Partitioned" if os.environ.get("SPACE_ID") else "SameSite=Lax"
    return f"{COOKIE}={secret}; HttpOnly; Path=/; Max-Age={COOKIE_SECONDS}; {place}".encode()


def _content_length(scope: Message) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


def _refusal(upload_bytes: int) -> str:
    return f"This upload is over the limit of {upload_bytes // 1_000_000} MB for one visitor. Send less at once."


async def _refuse(send: Send, upload_bytes: int) -> None:
    body = _refusal(upload_bytes).encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
