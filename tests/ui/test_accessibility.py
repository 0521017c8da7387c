"""axe-core finds nothing serious on any tab, light and dark, wide and narrow, with answers on the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Page, expect

from benchmarks.journey import free_port
from playground.data.examples import examples
from playground.services.app import Services
from playground.settings import Settings
from tests.fakes.answers import answer_briefly
from tests.fakes.page import MINUTES, chromium, served_page, settle
from tests.fakes.prepared import prepare

NAME = "us_constitution"
SERIOUS = ("serious", "critical")
RUN = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations)"


@pytest.fixture(scope="module")
def url(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    data = tmp_path_factory.mktemp("data")
    services = Services(Settings(data=data, chat_model=str(long_window_folder), port=free_port()))
    prepare(services, NAME)
    answer_briefly(services.conversations)
    with served_page(services) as address:
        yield address


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("dark", 390)])
def test_nothing_serious_is_found_on_any_tab(url: str, scheme: str, width: int) -> None:
    # The page's policy lets no other script in; the browser lets this one pass.
    with chromium(viewport={"width": width, "height": 900}, bypass_csp=True) as tab:
        tab.goto(f"{url}?__theme={scheme}")
        expect(tab.get_by_role("button", name="Ask this text").first).to_be_visible(timeout=2 * MINUTES)
        settle(tab)
        tab.evaluate(AXE_FILE_PATH.read_text(encoding="utf-8"))
        found = list(_serious(tab))
        tab.get_by_role("button", name="Ask this text").first.click()
        tab.get_by_role("button", name=examples()[NAME].questions[0]).click(timeout=2 * MINUTES)
        expect(tab.get_by_label("Figures").nth(3)).to_have_value(re.compile("stamp"), timeout=4 * MINUTES)
        found += _serious(tab)
        for name in ("Text", "Fine-tune", "Exam", "Learn"):
            tab.get_by_role("tab", name=name).click()
            settle(tab)
            found += _serious(tab)
    assert found == []


def _serious(tab: Page) -> Iterator[str]:
    """What is serious on the page as it is now, with the first element of each kind."""
    for each in tab.evaluate(RUN):
        if each["impact"] in SERIOUS:
            yield f"{each['id']}: {each['nodes'][0]['html'][:200]}"
