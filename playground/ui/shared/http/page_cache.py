"""Keeps Gradio's HTML of the page: all visitors get the same, and to write its megabyte anew takes half a second."""

import asyncio
from typing import Any

from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send

# What Gradio derives the page's own address from, which stands in the HTML.
ADDRESS_HEADERS = (b"host", b"x-forwarded-host", b"x-forwarded-proto", b"x-gradio-server")
ADDRESSES = 8  # by which one app is reached; a visitor can make up any, so more are not kept
OK = 200

Address = tuple[Any, ...]


class PageCache:
    """Answers a request for the first page from memory, once Gradio has written it for the same address."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app
        self._pages: dict[Address, list[Message]] = {}
        self._writing = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or (scope["method"], scope["path"], scope["query_string"]) != ("GET", "/", b""):
            await self.app(scope, receive, send)
            return
        address = _address(scope)
        async with self._writing:
            messages = self._pages.get(address) or await self._write(address, scope, receive)
        for each in messages:
            await send(dict(each))

    async def _write(self, address: Address, scope: Message, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        if messages[0]["status"] == OK and len(self._pages) < ADDRESSES:
            self._pages[address] = messages
        return messages


def _address(scope: Message) -> Address:
    headers = dict(scope["headers"])
    return scope.get("root_path"), scope.get("scheme"), *(headers.get(name) for name in ADDRESS_HEADERS)
