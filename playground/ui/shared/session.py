"""Who is asking: a server-made secret in an HttpOnly cookie, the language, and a cap on what one upload may send."""

import os
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from playground.errors import UserError
from playground.storage.store import Store
from playground.ui.shared.frames import SLOW_DOWN
from playground.ui.shared.i18n import say

COOKIE = "playground_visitor"
SECRET = re.compile(r"[\w-]{32,128}", re.ASCII)
LANGUAGE_COOKIE = "playground_language"
# Gradio picks a language only among those it ships; this puts ours in the place of its English before it starts.
CHOOSE_LANGUAGE = f"""<script>(() => {{
const chosen = (document.cookie.match(/{LANGUAGE_COOKIE}=(\\w+)/) || [])[1] || navigator.language.slice(0, 2);
const words = (window.gradio_config || {{}}).i18n_translations;
if (words && words[chosen]) {{
  words.en = words[chosen];
  new MutationObserver(() => {{
    if (document.documentElement.lang !== chosen) document.documentElement.lang = chosen;
  }}).observe(document.documentElement, {{attributes: true, attributeFilter: ["lang"]}});
}}
}})();</script>"""

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]


def visitor_of(store: Store, request: gr.Request) -> str:
    """The visitor's id, from the cookie alone.

    Raises:
        UserError: when the browser sent no cookie.
    """
    secret = request.cookies.get(COOKIE)
    if not secret:
        raise UserError(say(language_of(request), "notice.no_cookie"))
    return store.visitor(secret)


def language_of(request: gr.Request) -> str:
    """`vi` or `en`: what the visitor chose, else what the browser asks for first."""
    asked = request.cookies.get(LANGUAGE_COOKIE) or request.headers.get("accept-language", "")
    return "vi" if asked.lower().startswith("vi") else "en"


def middleware(upload_bytes: int) -> list[Middleware]:
    """What every request passes through, for `launch(app_kwargs={"middleware": …})`."""
    return [Middleware(_Visits, upload_bytes=upload_bytes)]


class _Visits:
    """Gives a new browser its secret, slips in the choice of language, refuses an upload over the largest limit."""

    def __init__(self, app: App, upload_bytes: int) -> None:
        self.app = app
        self.upload_bytes = upload_bytes

    async def __call__(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"].rstrip("/").endswith("/upload") and _length(scope) > self.upload_bytes:
            await _refuse(send, self.upload_bytes)
        elif scope["path"] == "/" and scope["method"] == "GET":
            await self.app(scope, receive, _FirstPage(send, _cookie(scope)).send)
        else:
            await self.app(scope, receive, send)


class _FirstPage:
    """Holds the page's HTML back until it is whole, then sends it with the cookie and our scripts."""

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
        scripts = (CHOOSE_LANGUAGE + SLOW_DOWN).encode()
        body = self.body.replace(b'<link rel="manifest"', scripts + b'<link rel="manifest"', 1)
        headers = [(name, value) for name, value in self.start["headers"] if name.lower() != b"content-length"]
        headers += [(b"content-length", str(len(body)).encode()), (b"set-cookie", _set_cookie(self.secret))]
        await self.forward({**self.start, "headers": headers})
        await self.forward({"type": "http.response.body", "body": body})


def _cookie(scope: Message) -> str:
    """The secret the browser holds, or a new one where it holds none of ours."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(dict(scope["headers"]).get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        jar.clear()
    held = jar[COOKIE].value if COOKIE in jar else ""
    return held if SECRET.fullmatch(held) else secrets.token_urlsafe(32)


def _set_cookie(secret: str) -> bytes:
    """Renewed at every visit. A Space is shown inside another site's frame, so there the cookie must say so."""
    place = "SameSite=None; Secure; Partitioned" if os.environ.get("SPACE_ID") else "SameSite=Lax"
    return f"{COOKIE}={secret}; HttpOnly; Path=/; Max-Age=2592000; {place}".encode()


def _length(scope: Message) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0


async def _refuse(send: Send, upload_bytes: int) -> None:
    text = (
        f"This upload is over the limit of {upload_bytes // 1_000_000} MB for one visitor. Send less at once.".encode()
    )
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
