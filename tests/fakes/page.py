"""The page in this process, Chromium to look at it, and the request that a handler of the page is given."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.components import Component
from playwright.sync_api import Page, sync_playwright

from playground.services.app import Services
from playground.storage.store import new_secret
from playground.ui import page
from playground.ui.shared.session import COOKIE

CHROMIUM = "/usr/bin/chromium"
MINUTES = 60_000  # one minute in Playwright's milliseconds
# Until nothing of the document has changed for 300 ms, at most three seconds.
QUIET = """() => new Promise(done => {
  let still = setTimeout(done, 300);
  setTimeout(done, 3000);
  new MutationObserver(() => { clearTimeout(still); still = setTimeout(done, 300); })
    .observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
})"""


def page_request(secret: str | None = None, **headers: str) -> Any:
    """The request of a visitor with this secret, or of a new one, as a handler is given it."""
    return SimpleNamespace(cookies={COOKIE: secret or new_secret()}, headers=headers)


def event_handler(blocks: gr.Blocks, part: Component, event: str) -> Callable[..., Any]:
    """What the page calls for an event of one of its parts, and last where it calls several.

    Its first argument is the request, such as `page_request` gives.
    """
    return [each.fn for each in blocks.fns.values() if each.fn and (part._id, event) in each.targets][-1]


@contextmanager
def served_page(services: Services) -> Iterator[str]:
    """The address of the whole page, up as long as the context lasts."""
    built = page.build(services)
    _, url, _ = page.launch(built, services, prevent_thread_lock=True, quiet=True)
    try:
        yield url.rstrip("/")
    finally:
        built.close()


@contextmanager
def chromium(locale: str = "en-GB", **context: Any) -> Iterator[Page]:
    """An empty tab of a fresh Chromium in this language."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser.new_context(locale=locale, **context).new_page()
        finally:
            browser.close()


def settle(tab: Page) -> None:
    """Wait until the page is drawn."""
    tab.evaluate(QUIET)


def foreign_requests(tab: Page, url: str) -> list[str]:
    """A list that grows by every address outside the app that the tab asks for from now on."""
    foreign: list[str] = []
    own = (url, "data:", "blob:")
    tab.on("request", lambda request: None if request.url.startswith(own) else foreign.append(request.url))
    return foreign
