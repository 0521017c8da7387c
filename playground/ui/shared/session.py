"""Who is asking, and in which language: both come from cookies. And whether a visitor can log in here."""

import os
from collections.abc import Mapping

import gradio as gr

from playground.errors import UserError
from playground.services.visitors import Visitors
from playground.ui.shared.client_scripts import LANGUAGE_COOKIE
from playground.ui.shared.i18n import ENGLISH, languages, say

COOKIE = "playground_visitor"  # holds a secret that the server made; shared.middleware sets it


def visitor_of(visitors: Visitors, request: gr.Request) -> str:
    """The visitor's id, from the cookie alone.

    Raises:
        UserError: when the browser sent no cookie.
    """
    secret = request.cookies.get(COOKIE)
    if not secret:
        raise UserError(say(language_of(request), "notice.no_cookie"))
    return visitors.identify(secret)


def language_of(request: gr.Request) -> str:
    """The code of the language that the visitor chose, else of what the browser asks for first."""
    return language_in(request.cookies, request.headers.get("accept-language", ""))


def language_in(cookies: Mapping[str, str], accepted: str) -> str:
    """The code of a language that the page knows, from a request's cookies and its Accept-Language."""
    wanted = (cookies.get(LANGUAGE_COOKIE) or accepted).lower()
    return next((code for code in languages() if wanted.startswith(code)), ENGLISH)


def offers_login() -> bool:
    """Whether this runs as a Space whose front matter asks for a login with Hugging Face."""
    return bool(os.environ.get("SPACE_ID") and os.environ.get("OAUTH_CLIENT_ID"))
