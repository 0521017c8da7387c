"""The first page is written once per address, and only what Gradio answered well is kept."""

import asyncio
from typing import Any

from playground.ui.shared.http.page_cache import ADDRESSES, PageCache


class Gradio:
    """Counts how often it writes the page, which names the host."""

    def __init__(self, status: int = 200) -> None:
        self.written, self.status = 0, status

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        """See ASGI."""
        self.written += 1
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": dict(scope["headers"])[b"host"]})


def ask(cache: PageCache, host: bytes = b"here", path: str = "/", query: bytes = b"") -> bytes:
    """The body of the answer."""
    sent: list[Any] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": [(b"host", host)]}
    asyncio.run(cache(scope, keep, keep))
    return bytes(sent[-1]["body"])


def test_the_page_is_written_once_for_each_address() -> None:
    cache = PageCache(app := Gradio())
    assert [ask(cache, host) for host in (b"here", b"there", b"here", b"there")] == [b"here", b"there"] * 2
    assert app.written == 2


def test_another_path_and_a_query_are_not_answered_from_memory() -> None:
    cache = PageCache(app := Gradio())
    for _ in range(2):
        ask(cache, path="/config")
        ask(cache, query=b"deep_link=x")
    assert app.written == 4


def test_a_failure_is_not_kept() -> None:
    cache = PageCache(app := Gradio(500))
    ask(cache)
    ask(cache)
    assert app.written == 2


def test_made_up_addresses_do_not_fill_the_memory() -> None:
    cache = PageCache(app := Gradio())
    for number in [*range(ADDRESSES + 5)] * 2:
        ask(cache, str(number).encode())
    assert app.written == ADDRESSES + 2 * 5
