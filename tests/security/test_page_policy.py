"""The page's content security policy in a real browser: the page works under it, and what slipped into it would not."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from playground.services.app import Services
from playground.ui.shared.session import COOKIE
from tests.fakes.page import MINUTES, chromium, foreign_requests
from tests.fakes.texts import CLUB_RULES

pytestmark = pytest.mark.slow
PICTURE = "![x](http://127.0.0.1:9/a.png) <img src=http://127.0.0.1:9/b.png onerror=window.ran=1>"
SLIP_IN = """() => {
  const script = document.createElement("script");
  script.textContent = "window.ran = 1";
  const picture = new Image();
  picture.src = "http://127.0.0.1:9/c.png";
  document.body.append(script, picture);
  const told = fetch("http://127.0.0.1:9/d").then(() => "sent", () => "refused");
  return told.then((answer) => [answer, window.ran ?? null]);
}"""


@pytest.fixture
def tab(playground: tuple[str, Services]) -> Iterator[Page]:
    """A page that has just been opened."""
    with chromium() as opened:
        opened.set_default_timeout(3 * MINUTES)
        opened.goto(playground[0])
        yield opened


def test_the_page_works_under_its_policy_and_fetches_nothing(
    playground: tuple[str, Services], tab: Page, tmp_path: Path
) -> None:
    refused: list[str] = []
    tab.on("console", lambda told: refused.append(told.text) if "Content Security Policy" in told.text else None)
    elsewhere = foreign_requests(tab, playground[0])
    tab.reload()
    tab.get_by_role("tab", name="Text").click()
    tab.get_by_placeholder("Paste here").fill(f"{CLUB_RULES}\n\n{PICTURE}")
    tab.get_by_role("button", name="Add this text").click()
    expect(tab.get_by_label("Search index")).to_have_value(re.compile("Ready"), timeout=3 * MINUTES)
    file = tmp_path / "more.txt"
    file.write_text(f"{PICTURE} Ann keeps the key of the hall.")
    tab.set_input_files("#upload input[type=file]", str(file))
    expect(tab.get_by_label("Search index")).to_have_value(re.compile("2 file"), timeout=3 * MINUTES)
    for name in ("Fine-tune", "Compare", "Exam", "Learn"):
        tab.get_by_role("tab", name=name).click()
    assert (refused, elsewhere) == ([], [])
    assert tab.evaluate("window.ran") is None


def test_a_script_and_a_picture_that_slipped_in_are_stopped(tab: Page) -> None:
    assert tab.evaluate(SLIP_IN) == ["refused", None]


def test_no_script_reads_the_cookie(tab: Page) -> None:
    assert COOKIE not in tab.evaluate("document.cookie")
