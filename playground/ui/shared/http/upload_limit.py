"""Takes uploads into their visitor's folder, within the bounds of one and of all; those of programs into one pool."""

import asyncio
import shutil
from collections import Counter

import anyio
from starlette.formparsers import MultiPartException

from playground.errors import UserError
from playground.files import is_full
from playground.services.visitors import Visitors
from playground.settings import MEGABYTE
from playground.storage.exchange import UNCLAIMED, UPLOADS, Exchange
from playground.ui.compat import UPLOAD_ROUTE, upload_into
from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send, header, refuse, secret_of

OVER_LIMIT = (413, "refused.upload")  # the status, and the key of the sentence in the page's words


class _NoRoomError(Exception):
    """An upload is refused with this status and the sentence of this key."""

    def __init__(self, status: int, key: str) -> None:
        super().__init__(status, key)
        self.status, self.key = status, key


class UploadLimit:
    """Refuses an upload with more bytes than there is room for: by its header, else as soon as that many arrived."""

    def __init__(
        self,
        app: AsgiApp,
        visitors: Visitors,
        exchange: Exchange,
        visitor_bytes: int,
        all_bytes: int,
        reserve_bytes: int,
    ) -> None:
        self.app = app
        self.visitors = visitors
        self.exchange = exchange
        self.visitor_bytes = visitor_bytes
        self.all_bytes = all_bytes
        self.reserve_bytes = reserve_bytes
        self._arriving: Counter[str] = Counter()  # bytes that uploads under way may still bring, by visitor
        self._reserving = asyncio.Lock()  # or two uploads at once would be given the same room

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or not scope["path"].rstrip("/").endswith(UPLOAD_ROUTE):
            await self.app(scope, receive, send)
            return
        secret, declared = secret_of(scope), _content_length(scope)
        try:
            visitor = await anyio.to_thread.run_sync(self.visitors.identify, secret) if secret else UNCLAIMED
            most = await self._reserve(visitor, declared)
        except UserError:
            await refuse(scope, send, 507, "notice.full")
            return
        except _NoRoomError as reason:
            await self._refuse(scope, send, reason.status, reason.key)
            return
        try:
            await self._take(scope, receive, send, visitor, most)
        finally:
            self._arriving[visitor] -= declared or most
            self._arriving += Counter()  # drops those at zero

    async def _reserve(self, visitor: str, declared: int) -> int:
        """Set room aside for one upload after the other; returns the most bytes that this one may bring.

        Raises:
            _NoRoomError: there is not enough.
        """
        async with self._reserving:
            own, every = await anyio.to_thread.run_sync(self._room, visitor)
            free = shutil.disk_usage(self.exchange.folder).free - self._arriving.total()
            if max(declared, 1) > own:
                raise _NoRoomError(*OVER_LIMIT)
            if free < self.reserve_bytes + declared:
                raise _NoRoomError(507, "notice.full")
            if max(declared, 1) > every:
                raise _NoRoomError(503, "refused.uploads")
            most = min(own, every)
            self._arriving[visitor] += declared or most
            return most

    def _room(self, visitor: str) -> tuple[int, int]:
        """The bytes that this visitor may still bring, and those that all may.

        All uploads without a cookie together may have as many as one visitor's: where others filled that, it is busy.
        """
        own = self.visitor_bytes - self.exchange.brought_bytes(visitor) - self._arriving[visitor]
        every = self.all_bytes - self.exchange.brought_bytes() - self._arriving.total()
        return (self.visitor_bytes, min(own, every)) if visitor == UNCLAIMED else (own, every)

    async def _take(self, scope: Message, receive: Receive, send: Send, visitor: str, most: int) -> None:
        """Run the app on a body that is counted: a chunked request has no header that tells its length."""
        count = 0

        async def receive_within_limit() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > most:
                raise MultiPartException("over the limit")  # Gradio deletes what it has written so far
            return message

        async def send_unless_refused(message: Message) -> None:
            if count <= most:
                await send(message)

        try:
            folder = self.exchange.new_folder(visitor, UPLOADS)
            with upload_into(scope["app"], folder):
                await self.app(scope, receive_within_limit, send_unless_refused)
        except OSError as fault:
            if not is_full(fault):
                raise
            await refuse(scope, send, 507, "notice.full")
            return
        if count > most:
            self.exchange.drop(folder / "-")
            await self._refuse(scope, send, *OVER_LIMIT)

    async def _refuse(self, scope: Message, send: Send, status: int, key: str) -> None:
        await refuse(scope, send, status, key, limit=self.visitor_bytes // MEGABYTE)


def _content_length(scope: Message) -> int:
    value = header(scope, b"content-length")
    return int(value) if value.isascii() and value.isdigit() else 0
