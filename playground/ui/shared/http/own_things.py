"""Refuses what is another visitor's, a file or a session by its name, and routes that the page does not use."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import anyio

from playground.errors import UserError
from playground.services.visitors import Visitors
from playground.storage.exchange import UNCLAIMED, Exchange
from playground.ui.compat import API_PREFIX, CLOSED_ROUTES, FILE_ROUTES, SESSION_ROUTES, UPLOAD_ROUTE
from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send, refuse, secret_of, with_headers

MOST_SESSIONS = 20_000  # of all visitors; the one that was used longest ago is forgotten
FILE_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox; frame-ancestors 'none'"),
    (b"cache-control", b"private, no-store"),
]


class OwnThings:
    """Looks at every request below Gradio's prefix, its body too; one body may have at most `body_bytes`."""

    def __init__(self, app: AsgiApp, visitors: Visitors, exchange: Exchange, body_bytes: int) -> None:
        self.app = app
        self.visitors = visitors
        self.exchange = exchange
        self.body_bytes = body_bytes
        self._sessions: OrderedDict[str, str] = OrderedDict()  # a session's name -> its visitor's secret

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        path = scope["path"] if scope["type"] == "http" else ""
        route = path.removeprefix(API_PREFIX)
        if route == path:
            await self.app(scope, receive, send)
        elif route.startswith(CLOSED_ROUTES):
            await refuse(scope, send, 404, "refused.closed")
        elif route.startswith(FILE_ROUTES):
            await self._send_file(scope, receive, send, route)
        elif not self._owns_sessions(scope, _sessions_named(scope, route)):
            await refuse(scope, send, 403, "refused.session")
        elif scope["method"] == "POST" and route.rstrip("/") != UPLOAD_ROUTE:
            await self._check_body(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _send_file(self, scope: Message, receive: Receive, send: Send, route: str) -> None:
        """Serve a visitor's own file whole, as a download; what no visitor owns is Gradio's to judge."""
        wanted = route.removeprefix(FILE_ROUTES[0]).removeprefix(FILE_ROUTES[1])
        if not await anyio.to_thread.run_sync(self._may_fetch, secret_of(scope), wanted):
            await refuse(scope, send, 403, "refused.file")
            return
        # Gradio's answer to a range repeats the request's headers, the cookie too.
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"range"]}
        await self.app(scope, receive, with_headers(send, FILE_HEADERS))

    async def _check_body(self, scope: Message, receive: Receive, send: Send) -> None:
        body = await _read_body(receive, self.body_bytes)
        if body is None:
            await refuse(scope, send, 413, "refused.body", limit=self.body_bytes // 1_000_000)
            return
        try:
            content = json.loads(body or b"null", parse_constant=_refuse_constant)
            sessions, paths = _session_of(content), list(paths_in(content))
        except (ValueError, RecursionError):
            await refuse(scope, send, 400, "refused.json")
            return
        secret = secret_of(scope)
        if not self._owns_sessions(scope, sessions):
            await refuse(scope, send, 403, "refused.session")
        elif not await anyio.to_thread.run_sync(lambda: all(self._may_have(secret, each) for each in paths)):
            await refuse(scope, send, 403, "refused.file")
        else:
            await self.app(scope, _replay(body, receive), send)

    def _may_fetch(self, secret: str, path: str) -> bool:
        """Whether a path may be served: a visitor's own file, or one whose address is enough."""
        file = Path(path)
        return self.exchange.is_link(file) or (self.exchange.owner(file) != UNCLAIMED and self._may_have(secret, path))

    def _may_have(self, secret: str, path: str) -> bool:
        """Whether a path is in this visitor's folder, in nobody's, or of the page; never an address elsewhere."""
        file = Path(path)
        try:
            inside = file.resolve().is_relative_to(self.exchange.folder.resolve())
            owner = self.exchange.owner(file)
            return inside and (owner in (None, UNCLAIMED) or owner == self.visitors.identify(secret))
        except (OSError, ValueError, UserError):  # UserError is a ValueError too: no visit
            return False

    def _owns_sessions(self, scope: Message, names: list[str]) -> bool:
        """Whether these sessions are of the asking browser; one that nobody has is from now on."""
        secret = secret_of(scope)
        for name in names:
            owner = self._sessions.setdefault(name, secret)
            self._sessions.move_to_end(name)
            if owner != secret:
                return False
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return True


def paths_in(content: Any) -> Iterator[str]:
    """Every path of a file in a request's body, at any depth."""
    waiting = [content]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if isinstance(each.get("path"), str):
                yield each["path"]
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _sessions_named(scope: Message, route: str) -> list[str]:
    """The sessions that a request names in its address."""
    asked = parse_qs(scope["query_string"].decode("latin-1"))
    return [
        *asked.get("session_hash", ()),
        *(route.removeprefix(each).strip("/") for each in SESSION_ROUTES if route.startswith(each)),
    ]


def _session_of(content: Any) -> list[str]:
    name = content.get("session_hash") if isinstance(content, dict) else None
    if name is not None and not isinstance(name, str):
        raise ValueError("a session's name is text")
    return [name] if name else []


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def _read_body(receive: Receive, most: int) -> bytes | None:
    """The whole body; None once it has more bytes than allowed."""
    pieces, size = [], 0
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > most:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return b"".join(pieces)


def _replay(body: bytes, receive: Receive) -> Receive:
    """`receive` that gives a body which was read already, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again
