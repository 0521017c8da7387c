"""The first page: gives a new browser its secret, and puts the page's own scripts and tags into Gradio's HTML."""

import base64
import hashlib
import os
import re
import secrets

from playground.ui.compat import insert_scripts, replace_social_tags
from playground.ui.shared.client_scripts import FIRST_PAGE_SCRIPTS
from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send, secret_of
from playground.ui.shared.http.social_card import social_tags
from playground.ui.shared.session import COOKIE

COOKIE_SECONDS = 2_592_000  # 30 days, renewed at every visit
OK = 200
INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


class FirstPage:
    """Answers the page's own address; `policy` makes a content security policy of the sources of inline scripts."""

    def __init__(self, app: AsgiApp, frame_ancestors: str) -> None:
        self.app = app
        self.frame_ancestors = frame_ancestors

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET":
            secret = secret_of(scope) or secrets.token_urlsafe(32)
            send = _FirstPageResponse(send, secret, self.frame_ancestors).send
        await self.app(scope, receive, send)


class _FirstPageResponse:
    """Holds the HTML back until it is complete, then sends it with the cookie, the scripts and their policy."""

    def __init__(self, send: Send, secret: str, frame_ancestors: str) -> None:
        self.forward = send
        self.secret = secret
        self.frame_ancestors = frame_ancestors
        self.start: Message = {}
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        self.body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self.body
        if self.start["status"] == OK:
            body = insert_scripts(replace_social_tags(body, social_tags), FIRST_PAGE_SCRIPTS)
        headers = [(name, value) for name, value in self.start["headers"] if name.lower() != b"content-length"]
        headers += [
            (b"content-length", str(len(body)).encode()),
            (b"set-cookie", _set_cookie(self.secret)),
            (b"content-security-policy", page_policy(body, self.frame_ancestors).encode()),
        ]
        await self.forward({**self.start, "headers": headers})
        await self.forward({"type": "http.response.body", "body": body})


def page_policy(html: bytes, frame_ancestors: str) -> str:
    """What the page may run and fetch: its own files, and the inline scripts that are in it now.

    Gradio makes functions of the `js` of its events, so `unsafe-eval` stays; it styles parts by attributes.
    """
    hashes = (hashlib.sha256(script).digest() for script in INLINE_SCRIPT.findall(html))
    inline = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in hashes)
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' 'unsafe-eval' {inline}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors {frame_ancestors}",
        ]
    )


def _set_cookie(secret: str) -> bytes:
    """The cookie's header. A Space is shown inside another site's frame, so there the cookie must allow that."""
    place = "SameSite=None; Secure; Partitioned" if os.environ.get("SPACE_ID") else "SameSite=Lax"
    return f"{COOKIE}={secret}; HttpOnly; Path=/; Max-Age={COOKIE_SECONDS}; {place}".encode()
