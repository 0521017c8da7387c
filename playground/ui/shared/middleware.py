"""What every HTTP request passes through before it reaches Gradio, outermost first."""

import os

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from playground.services.app import Services
from playground.ui.shared.http.asgi import AsgiApp, Message, Receive, Send, with_headers
from playground.ui.shared.http.first_page import FirstPage
from playground.ui.shared.http.operations import Operations
from playground.ui.shared.http.origin import OwnOrigin
from playground.ui.shared.http.own_things import OwnThings
from playground.ui.shared.http.page_cache import PageCache
from playground.ui.shared.http.request_id import RequestId
from playground.ui.shared.http.social_card import SocialCard
from playground.ui.shared.http.upload_limit import UploadLimit

JSON_BYTES = 12  # the most that one character of a text takes in a request: a pair of escapes
FORM_BYTES = 4_000_000  # for everything else in a request
EVERYWHERE = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]


def middleware(services: Services) -> list[Middleware]:
    """All of it, for `launch(app_kwargs={"middleware": …})`."""
    settings = services.settings
    most = max(settings.visitor_bytes, settings.adapter_bytes)
    listed = settings.origins.split()
    return [
        Middleware(RequestId),
        Middleware(MoreHeaders),
        Middleware(Operations, monitoring=services.monitoring, metrics=settings.metrics),
        Middleware(SocialCard),
        Middleware(OwnOrigin, listed=listed),
        Middleware(
            CORSMiddleware, allow_origins=listed, allow_credentials=True, allow_methods=["*"], allow_headers=["*"]
        ),
        Middleware(
            OwnThings,
            visitors=services.visitors,
            exchange=services.exchange,
            body_bytes=JSON_BYTES * settings.text_chars + FORM_BYTES,
        ),
        Middleware(
            UploadLimit,
            visitors=services.visitors,
            exchange=services.exchange,
            visitor_bytes=most,
            all_bytes=max(most, settings.upload_bytes),
            reserve_bytes=settings.reserve_bytes,
        ),
        Middleware(FirstPage, frame_ancestors=settings.frame_ancestors or _usual_ancestors()),
        Middleware(PageCache),
    ]


def _usual_ancestors() -> str:
    return "'self' https://huggingface.co https://*.hf.space" if os.environ.get("SPACE_ID") else "'self'"


class MoreHeaders:
    """Adds the headers that every answer has."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See ASGI."""
        await self.app(scope, receive, with_headers(send, EVERYWHERE) if scope["type"] == "http" else send)
