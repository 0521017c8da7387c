"""Refuses requests that another site's page makes with a visitor's cookie."""

import os
from collections.abc import Collection
from urllib.parse import urlsplit

from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send, header, refuse

DEFAULT_PORTS = {"http": ":80", "https": ":443"}
FOREIGN_SITES = ("cross-site", "same-site")  # of Sec-Fetch-Site: not the page's own origin
FOLLOWING_A_LINK = ("navigate", "")  # of Sec-Fetch-Mode: its answer is shown, and the other site cannot read it


class OwnOrigin:
    """Passes requests of the page's own origin, of listed ones, and of programs, which name none.

    `listed` are origins as a browser writes them, such as https://class.example.org.
    """

    def __init__(self, app: AsgiApp, listed: Collection[str]) -> None:
        self.app = app
        self.listed = frozenset(listed)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and self._is_foreign(scope):
            await refuse(scope, send, 403, "refused.origin")
        else:
            await self.app(scope, receive, send)

    def _is_foreign(self, scope: Message) -> bool:
        origin = header(scope, b"origin")
        if origin:
            return origin not in self.listed and not is_own(origin, own_hosts(scope))
        site, mode = header(scope, b"sec-fetch-site"), header(scope, b"sec-fetch-mode")
        return site in FOREIGN_SITES and (mode not in FOLLOWING_A_LINK or scope["method"] not in ("GET", "HEAD"))


def own_hosts(scope: Message) -> set[str]:
    """The names that this server is known by in a request: its own, a proxy's, a Space's."""
    names = (header(scope, b"host"), header(scope, b"x-forwarded-host"), os.environ.get("SPACE_HOST", ""))
    return {each.strip().lower() for each in names} - {""}


def is_own(origin: str, hosts: Collection[str]) -> bool:
    """Whether an origin is one of these hosts; a browser leaves a scheme's default port out."""
    parts = urlsplit(origin.lower())
    port = DEFAULT_PORTS.get(parts.scheme)
    return port is not None and bool({parts.netloc, parts.netloc + port} & set(hosts))
