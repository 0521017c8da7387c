"""Two chat models in one visit, in Chromium: an adapter on each, four panes over both, and back to the first."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.journey import free_port
from playground.chat.turns import arm_id
from playground.services.app import Services
from playground.settings import NOTHING, Settings
from playground.storage.store import RunRow, new_secret
from playground.ui.shared.session import COOKIE
from tests.fakes.page import MINUTES, chromium, served_page
from tests.fakes.runs import config
from tests.fakes.texts import CLUB_RULES
from tests.fakes.two_bases import OTHER, two_bases
from tests.fakes.waiting import wait_until

QUESTION = "What does rule 3 say?"


@pytest.fixture
def services(long_window_folder: Path, tmp_path: Path) -> Iterator[Services]:
    """A host with two tiny models and a queue that works."""
    other = two_bases(tmp_path / "bases") / OTHER
    services = Services(
        Settings(
            data=tmp_path / "data",
            chat_model=str(long_window_folder),
            chat_models=str(other),
            prepare=NOTHING,
            port=free_port(),
        )
    )
    assert services.chat
    services.supervisor.start()
    with closing(services.supervisor):
        yield services


def train(services: Services, visitor: str) -> RunRow:
    """A run in a process of its own, to its end."""
    run = services.runs.start(visitor, config(steps=3), "mine")
    assert wait_until(lambda: services.runs.get(visitor, run).state == "done", seconds=300)
    return services.runs.get(visitor, run)


def choose(tab: Page, name: str) -> None:
    """Choose a chat model on the page, and wait until it is the visitor's."""
    tab.get_by_role("button", name=re.compile("^Chat model: ")).click()
    tab.get_by_label("Models", exact=True).click()
    tab.get_by_role("option", name=re.compile(f"^{name} ")).click()
    tab.get_by_role("button", name="Use this model").click()
    expect(tab.get_by_role("button", name=f"Chat model: {name}")).to_be_visible(timeout=2 * MINUTES)
    expect(tab.get_by_role("button", name="In use")).to_be_visible(timeout=MINUTES)


@pytest.mark.slow
def test_two_models_in_one_visit_with_an_adapter_on_each(services: Services) -> None:
    secret, own = new_secret(), services.chats.default
    visitor = services.store.visitor(secret)
    services.library.add_text(visitor, CLUB_RULES)
    services.indexes.index(visitor)
    with served_page(services) as url, chromium(viewport={"width": 1280, "height": 900}) as tab:
        tab.set_default_timeout(2 * MINUTES)
        tab.context.add_cookies([{"name": COOKIE, "value": secret, "url": url}])
        first = train(services, visitor)
        tab.goto(url)
        choose(tab, OTHER)
        expect(tab.get_by_role("button", name=f"Switch to {own}")).to_be_visible(timeout=MINUTES)
        second = train(services, visitor)
        assert (first.base, second.base) == (own, OTHER)
        tab.reload()
        expect(tab.get_by_role("button", name=f"Switch to {own}")).to_have_count(0, timeout=MINUTES)
        tab.get_by_role("tab", name="Compare").click()
        expect(tab.get_by_label("First pane")).to_have_value(f"Base model · {OTHER}", timeout=MINUTES)
        expect(tab.get_by_label("Third pane")).to_have_value(f"Fine-tuned · mine · {OTHER}")
        for pane, name in (("Second pane", "Base + retrieval"), ("Fourth pane", "Fine-tuned · mine")):
            tab.get_by_label(pane).click()
            tab.get_by_role("option", name=f"{name} · {own}", exact=True).click()
            expect(tab.get_by_role("option")).to_have_count(0)
        tab.get_by_label("Your question").fill(QUESTION)
        tab.get_by_role("button", name="Ask", exact=True).click()
        expect(tab.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=2 * MINUTES)
        for number in range(4):
            expect(tab.get_by_label("Figures").nth(number)).to_have_value(
                re.compile(r"stamp [0-9a-f]{12}"), timeout=MINUTES
            )
        stored = services.conversations.load(visitor)
        ids = [arm_id("base", base=OTHER), "rag", arm_id("tuned", second.id), arm_id("tuned", first.id)]
        hashes = [services.chats.get(name).hash for name in (OTHER, own, OTHER, own)]
        assert [stored[each][-1].stamp["base_hash"] for each in ids] == hashes
        assert all(stored[each][-1].tested["passed"] for each in ids)
        choose(tab, own)
        tab.get_by_label("Your question").fill("And rule 4?")
        tab.get_by_role("button", name="Ask", exact=True).click()
        expect(tab.locator(".pane").nth(3).get_by_text("And rule 4?")).to_have_count(1, timeout=2 * MINUTES)
        expect(tab.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=2 * MINUTES)
