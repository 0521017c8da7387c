"""Answers a host's monitoring: `/health` always, `/metrics` where the settings allow it; nobody needs a cookie."""

import json
from collections.abc import Callable

import anyio
from prometheus_client import CONTENT_TYPE_LATEST

from playground.services.monitoring import Monitoring
from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send

UP, ENDING = 200, 503


class Operations:
    """Passes every other request on."""

    def __init__(self, app: AsgiApp, monitoring: Monitoring, metrics: bool) -> None:
        self.app = app
        self._answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {"/health": lambda: _health(monitoring)}
        if metrics:
            self._answers["/metrics"] = lambda: (UP, CONTENT_TYPE_LATEST, monitoring.metrics())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        asked = self._answers.get(scope["path"]) if scope["type"] == "http" else None
        if asked is None or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        status, kind, body = await anyio.to_thread.run_sync(asked)
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _health(monitoring: Monitoring) -> tuple[int, str, bytes]:
    """A server that ends says so by its status too, so that a proxy sends visitors elsewhere."""
    found = monitoring.health()
    return ENDING if found["status"] == "ending" else UP, "application/json", json.dumps(found).encode()
