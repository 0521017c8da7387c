"""What other sites show beside a link to the page: the tags in its head, and the picture that they name."""

from html import escape
from pathlib import Path

import anyio

from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send
from playground.ui.shared.i18n import ENGLISH, say

CARD = Path(__file__).parents[1] / "social-card.png"  # benchmarks.social_card draws it
SIZE = 1200, 630  # pixels
PATH = f"/{CARD.name}"


class SocialCard:
    """Answers the picture's address, for everyone and without a cookie; passes every other request on."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        picture = await anyio.Path(CARD).read_bytes()
        headers = [
            (b"content-type", b"image/png"),
            (b"content-length", str(len(picture)).encode()),
            (b"cache-control", b"public, max-age=86400"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else picture})


def social_tags(address: str) -> str:
    """The tags of a page at this address, in English: who reads them sends no language."""
    title, sentence = say(ENGLISH, "page.title"), say(ENGLISH, "page.heading").partition("\n")[2]
    width, height = SIZE
    named = {
        "og:type": "website",
        "og:url": f"{address}/",
        "og:title": title,
        "og:description": sentence,
        "og:image": f"{address}{PATH}",
        "og:image:width": str(width),
        "og:image:height": str(height),
        "twitter:card": "summary_large_image",
    }
    return "".join(f'<meta property="{name}" content="{escape(content)}" />' for name, content in named.items())
