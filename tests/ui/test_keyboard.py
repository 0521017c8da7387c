"""The main job without a mouse, in English and in Vietnamese: a text, a short run, and a question to its adapter."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import Settings
from tests.fakes.answers import answer_briefly
from tests.fakes.page import MINUTES, chromium, served_page, settle
from tests.fakes.texts import CLUB_RULES

WORDS = Path("playground/ui/shared/words")
QUESTION = "What does rule 3 say?"
MOST = 120  # presses of Tab between two controls
FOCUSED = """() => {
  const each = document.activeElement;
  const names = [each.ariaLabel, each.labels?.[0]?.innerText, each.placeholder, each.innerText];
  return each === document.body ? [] : names.filter(Boolean).map(name => name.trim());
}"""


@pytest.fixture(scope="module")
def url(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory, forked_workers: None) -> Iterator[str]:
    """The page with the tiny model, its jobs running."""
    data = tmp_path_factory.mktemp("data")
    services = Services(Settings(data=data, chat_model=str(long_window_folder), port=free_port()))
    answer_briefly(services.conversations)
    services.supervisor.start()
    with closing(services.supervisor), served_page(services) as address:
        yield address


def reach(tab: Page, name: str) -> None:
    """Press Tab until the control of this name has the focus."""
    seen: list[str] = []
    for _ in range(MOST):
        tab.keyboard.press("Tab")
        focused = tab.evaluate(FOCUSED)
        if any(each.startswith(name) for each in focused):
            return
        seen += focused
    pytest.fail(f"{name!r} cannot be reached; these can: {list(dict.fromkeys(seen))}")


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "language"), [("en-GB", "en"), ("vi-VN", "vi")])
def test_the_main_job_needs_no_mouse(locale: str, language: str, url: str) -> None:
    words: Mapping[str, str] = json.loads((WORDS / f"{language}.json").read_text(encoding="utf-8"))
    with chromium(locale=locale) as tab:
        tab.goto(url)
        expect(tab.get_by_role("tab", name=words["tab.text"])).to_be_visible(timeout=2 * MINUTES)
        settle(tab)
        press(tab, words["tab.text"])
        reach(tab, words["text.paste"])
        tab.keyboard.insert_text(CLUB_RULES)
        press(tab, words["text.paste_add"])
        expect(tab.get_by_label(words["text.index"])).to_have_value(
            pattern(words["text.index_ready"]), timeout=2 * MINUTES
        )

        press(tab, words["tab.train"])
        press(tab, words["train.advanced"])
        reach(tab, words.get("knob.run.steps.label", "Steps"))
        tab.keyboard.press("Control+A")
        tab.keyboard.type("2")
        tab.keyboard.press("Tab")
        expect(tab.get_by_label(words["train.estimate"])).to_have_value(re.compile(r"\D2 "), timeout=2 * MINUTES)
        press(tab, words["train.start"])
        expect(tab.get_by_label(words["train.progress"])).to_have_value(
            pattern(words["train.state.done"]), timeout=4 * MINUTES
        )

        press(tab, words["tab.compare"])
        fourth = pattern(words["compare.both"])
        expect(tab.get_by_label(words["compare.pane_4"])).to_have_value(fourth, timeout=2 * MINUTES)
        reach(tab, words["compare.question"])
        tab.keyboard.insert_text(QUESTION)
        tab.keyboard.press("Enter")
        stamped = pattern(words["compare.figures_value"])
        for pane in range(4):
            expect(tab.get_by_label(words["compare.figures"]).nth(pane)).to_have_value(stamped, timeout=2 * MINUTES)


@pytest.mark.slow
def test_passing_the_choice_of_a_language_changes_none_in_a_browser_of_a_third_one(url: str) -> None:
    with chromium(locale="fr-FR") as tab:
        tab.goto(url)
        expect(tab.get_by_role("tab", name="Compare")).to_be_visible(timeout=2 * MINUTES)
        settle(tab)
        tab.evaluate("window.stays = true")
        reach(tab, "Language")
        tab.keyboard.press("Tab")
        tab.wait_for_timeout(3_000)
        assert tab.evaluate("window.stays") is True, "the page was not loaded anew"
        assert tab.evaluate("document.documentElement.lang") == "en", "as its words are"


def press(tab: Page, name: str) -> None:
    """Reach a control and press it."""
    reach(tab, name)
    tab.keyboard.press("Enter")


def pattern(sentence: str) -> re.Pattern[str]:
    """A sentence of the catalogue with anything in its gaps."""
    return re.compile(".*".join(map(re.escape, re.split(r"\{\w+\}", sentence))))
