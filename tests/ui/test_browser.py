"""The app as it starts, in Chromium, on the real models: the main job from a PDF to four answers, and what was read."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page, expect

from benchmarks.journey import Visitor, running_app
from playground.models.registry import chat_source
from playground.settings import Settings
from tests.fakes.page import MINUTES, chromium, foreign_requests, settle

pytestmark = pytest.mark.slow
QUESTION = "What is the difference between Debian and Ubuntu?"
PAGES = 24  # of the PDF: the one that answers is the 19th
TOKENS = 16  # of an answer
HOSTILE = '<img src="http://127.0.0.1:9/x.png" onerror="window.ran=1">'
COLUMNS_SAID = """[...document.querySelectorAll(".table-wrap .body-cell")].filter(each => each.offsetParent)
  .map(each => getComputedStyle(each, "::before").content)"""
BEES = (
    f"<nav><a href=x>Home</a> <a href=y>Shop</a> {HOSTILE.replace('<', '&lt;')}</nav>"
    "<h1>Bees</h1><p>Bees fly from flower to flower, all day long.</p>"
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as a newcomer starts it, with an empty data folder and the models already brought."""
    models = Settings.from_environment().models
    chat_source(Settings.from_environment())
    with running_app(tmp_path_factory.mktemp("data"), PLAYGROUND_MODELS=str(models)) as (address, _):
        yield address


@pytest.fixture
def page(url: str) -> Iterator[Page]:
    """A fresh browser that fails the test when the page asks any other host for anything."""
    with chromium(viewport={"width": 1280, "height": 900}) as tab:
        foreign = foreign_requests(tab, url)
        tab.goto(url)
        yield tab
    assert foreign == []


def first_pages(pdf: Path, out: Path) -> Path:
    """A PDF of the first pages of another."""
    with pypdfium2.PdfDocument.new() as short, pypdfium2.PdfDocument(pdf) as whole:
        short.import_pages(whole, range(PAGES))
        short.save(out)
    return out


def answer_briefly(page: Page) -> None:
    """Set the length of the answers on the Compare tab."""
    page.get_by_role("button", name="Decoding settings").click()
    page.get_by_label("Answer length", exact=True).filter(visible=True).fill(str(TOKENS))
    page.keyboard.press("Tab")


def test_the_main_job(page: Page, shared_data: Path, tmp_path: Path) -> None:
    pdf = first_pages(shared_data / "debian_faq" / "debian-faq.en.pdf", tmp_path / "debian-faq.pdf")
    page.get_by_role("tab", name="Text").click(timeout=MINUTES)
    page.locator("#upload input[type=file]").set_input_files(pdf)
    expect(page.get_by_label("Search index")).to_have_value(re.compile("Ready to search"), timeout=3 * MINUTES)

    page.get_by_role("tab", name="Fine-tune").click()
    page.get_by_role("button", name="Advanced").click()
    page.get_by_label("Top layers only", exact=True).filter(visible=True).fill("6")
    page.get_by_label("Steps", exact=True).fill("12")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Before you start")).to_have_value(
        re.compile(r"^[\d,]+ trainable .* 12 steps "), timeout=MINUTES
    )
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_label("This run")).to_have_value(re.compile(r"Step ([1-9]|1[01]) of 12"), timeout=3 * MINUTES)

    page.reload()
    page.get_by_role("tab", name="Fine-tune").click()
    expect(page.get_by_label("This run")).to_have_value(re.compile(r"Step \d+ of 12|Done"), timeout=MINUTES)
    expect(page.get_by_label("This run")).to_have_value(re.compile("Done"), timeout=5 * MINUTES)

    page.get_by_role("tab", name="Compare").click()
    expect(page.get_by_label("Fourth pane")).to_have_value(re.compile("Fine-tuned"), timeout=MINUTES)
    answer_briefly(page)
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=MINUTES)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=3 * MINUTES)

    figures = [page.get_by_label("Figures").nth(pane).input_value() for pane in range(4)]
    proofs = [re.search(r"stamp ([0-9a-f]{12})", each) for each in figures]
    assert all(proofs), figures
    assert len({each.group(1) for each in proofs if each}) == 4
    panes = [pane.inner_text() for pane in page.locator(".pane").all()]
    assert [("passages from your text" in pane) for pane in panes] == [False, True, False, True]
    assert all(QUESTION in pane for pane in panes)
    shown = page.evaluate("[...document.querySelectorAll('input, textarea')].map(each => each.value)")
    frames = re.compile(r"[0-9a-f]{8}\n\{")  # what the page's script draws from, in a field that nobody sees
    assert not [each for each in shown if "__type__" in each and not frames.match(each)], "an update is never shown"


def test_a_phone_needs_no_sideways_scroll_and_every_control_has_a_name(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("Text", "Fine-tune", "Compare"):
        page.get_by_role("tab", name=name).click()
        settle(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    unnamed = page.evaluate(
        """[...document.querySelectorAll("input, textarea, select, button")]
        .filter(each => each.offsetParent && !each.labels?.length && !each.ariaLabel && !each.innerText.trim()
                        && !each.title && !each.getAttribute("aria-labelledby") && !each.placeholder)
        .map(each => each.outerHTML.slice(0, 120))"""
    )
    assert unnamed == []
    assert page.locator("h1").count() == 1


def test_a_vietnamese_browser_reads_vietnamese(url: str) -> None:
    with chromium(locale="vi-VN") as tab:
        tab.goto(url)
        words = json.loads((Path("playground/ui/shared/words/vi.json")).read_text(encoding="utf-8"))
        expect(tab.get_by_role("tab", name=words["tab.train"])).to_be_visible(timeout=MINUTES)
        assert tab.evaluate("document.documentElement.lang") == "vi"
        expect(tab).to_have_title(words["page.title"])


def test_a_hostile_text_runs_nothing_and_fetches_nothing(page: Page, url: str) -> None:
    attack = f"{HOSTILE} ![](http://127.0.0.1:9/y.png) <script>ran=1</script>"
    page.get_by_role("tab", name="Text").click(timeout=MINUTES)
    page.get_by_label("paste a text").fill("\n\n".join([f"{attack} The zebra fact number {n}." for n in range(30)]))
    page.get_by_role("button", name="Add this text").click()
    expect(page.get_by_label("Search index")).to_have_value(re.compile("Ready to search"), timeout=MINUTES)
    page.get_by_role("tab", name="Compare").click()
    answer_briefly(page)
    page.get_by_label("Your question").fill(f"{attack} What is the zebra fact number 3?")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_label("Figures").nth(1)).to_have_value(re.compile("stamp"), timeout=3 * MINUTES)
    assert page.evaluate("window.ran") is None


def test_a_dropped_part_is_taken_back_and_left_out_again(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    (tmp_path / "bees.html").write_text(BEES, encoding="utf-8")
    page.get_by_role("tab", name="Text").click(timeout=MINUTES)
    page.locator("#upload input[type=file]").set_input_files(tmp_path / "bees.html")
    text, parts = page.locator("#was-read"), page.locator("#left-out textarea")
    expect(parts.first).to_have_value(re.compile(r"\[1\] Menus\. It belongs to the website"), timeout=3 * MINUTES)
    expect(text).not_to_contain_text("Home")
    page.get_by_role("button", name="Take back").click()
    expect(parts.first).to_have_value(re.compile("Taken back"), timeout=MINUTES)
    expect(text).to_contain_text("Home Shop")
    expect(page.get_by_label("Search index")).to_have_value(re.compile("Ready to search"), timeout=MINUTES)
    said = page.evaluate(COLUMNS_SAID)  # on a phone each cell of a table's row says its column
    assert said[:3] == ['"File"', '"Characters"', '"Tokens"']
    assert not {'""', "none", "normal"} & set(said)
    page.set_viewport_size({"width": 1280, "height": 900})
    assert set(page.evaluate(COLUMNS_SAID)) == {"none"}, "where there is room the header says it"
    page.set_viewport_size({"width": 390, "height": 844})
    page.reload()
    page.get_by_role("tab", name="Text").click(timeout=MINUTES)
    expect(text).to_contain_text("Home Shop", timeout=MINUTES)
    page.get_by_role("button", name="Leave out again").click()
    expect(text).not_to_contain_text("Home", timeout=MINUTES)
    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_same_through_the_client(url: str, shared_data: Path) -> None:
    visitor = Visitor(url)
    visitor.add(shared_data / "us_constitution" / "us-constitution.txt")
    assert visitor.arms()[1:3] == ["base", "rag"]
    updates = list(visitor.ask("How old must a Senator be?", ["base", "rag"]))
    assert len(updates) > 2
    assert "thirty Years" in json.dumps(updates[-1])
