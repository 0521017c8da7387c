"""The findings in a text, in Chromium with the tiny model: none are looked for until a visitor opens the Text tab."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.journey import free_port
from playground.data import quality
from playground.data.examples import examples
from playground.services import training_text
from playground.services.app import Services
from playground.settings import Settings
from retrieval.document import Document
from tests.fakes.page import MINUTES, chromium, served_page

pytestmark = pytest.mark.slow
EXAMPLE = "python_tutorial"


@pytest.fixture(scope="module")
def app(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page with the tiny model."""
    data = tmp_path_factory.mktemp("data")
    with served_page(Services(Settings(data=data, chat_model=str(tiny_model_folder), port=free_port()))) as url:
        yield url


def test_an_example_is_searched_for_findings_once_its_text_is_looked_at(
    app: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched, find = list[str](), quality.find_problems

    def noting(documents: list[Document]) -> list[quality.Finding]:
        searched.extend(each.name for each in documents)
        return find(documents)

    monkeypatch.setattr(training_text.quality, "find_problems", noting)
    with chromium() as tab:
        tab.goto(app)
        tab.locator(".examples > .card").nth(list(examples()).index(EXAMPLE)).get_by_role("button").click(
            timeout=MINUTES
        )
        question = examples()[EXAMPLE].questions[0]
        expect(tab.get_by_role("button", name=question)).to_be_visible(timeout=MINUTES)
        expect(tab.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")
        tab.wait_for_timeout(1_000)
        assert searched == []
        tab.get_by_role("tab", name="Text").click()
        expect(tab.locator(".finding").filter(visible=True).first).to_be_visible(timeout=MINUTES)
    assert len(searched) == 1
