"""Pictures of the page for `docs/`: every tab, wide and as on a phone, light and dark; and the main job as a film.

`python -m benchmarks.pictures --data FOLDER [--out docs/pictures] [--language vi | --film]` starts the app on a data
folder whose examples are prepared (`benchmarks.first_minute --data FOLDER` makes one) and writes JPEG files, in English
one GIF too.
"""

import argparse
import io
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.journey import running_app
from playground.data.examples import examples
from playground.settings import Settings
from playground.ui.shared.i18n import say

CHROMIUM = "/usr/bin/chromium"
SIZES = {"wide": (1280, 900), "phone": (390, 844)}
TABS = ("start", "text", "train", "compare", "exam", "learn")
EXAMPLE = "us_constitution"
EXAMPLES = {"en": EXAMPLE, "vi": "udhr_vietnamese"}  # by the page's language
LOCALES = {"en": "en-GB", "vi": "vi-VN"}
QUALITY = 55  # of the JPEG files, which are to be looked at and not to be printed
MINUTE = 60_000  # milliseconds
FILM_SIZE, FILM_WIDTH, FRAME, COLOURS = (1100, 760), 760, 0.4, 48  # of the page, of the film; seconds per frame
FILM_SECONDS = 20  # at most; a slow machine's film runs faster
STEPS = 6  # of the run in the film: it shows what a visitor does, not how long training takes
STAMPED = re.compile(r"\b[0-9a-f]{12}\b")  # in any language


def open_example(page: Page, url: str, example: str, scheme: str) -> None:
    """Open the page and click on the example's card, once its adapter is offered."""
    page.goto(f"{url}?__theme={scheme}")
    card = page.locator(".examples > .card").nth(list(examples()).index(example))
    expect(card).to_contain_text("LoRA", timeout=MINUTE)
    card.get_by_role("button").click()


def ask_example(page: Page, url: str, language: str, scheme: str) -> None:
    """Open the example's card and ask its first question; returns once four panes have answered."""
    example = EXAMPLES[language]
    open_example(page, url, example, scheme)
    page.get_by_role("button", name=examples()[example].questions[0]).click(timeout=MINUTE)
    expect(page.get_by_label(say(language, "compare.figures")).nth(3)).to_have_value(STAMPED, timeout=3 * MINUTE)
    ask = page.get_by_role("button", name=say(language, "compare.ask"), exact=True)
    expect(ask).to_be_visible(timeout=3 * MINUTE)


def take_tabs(browser: Browser, url: str, out: Path, language: str) -> None:
    """One picture of each tab at each size and in each colour scheme."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(locale=LOCALES[language], viewport={"width": width, "height": height})
            page = context.new_page()
            ask_example(page, url, language, scheme)
            for tab in TABS:
                page.get_by_role("tab", name=say(language, f"tab.{tab}")).click()
                page.wait_for_timeout(1_500)
                name = out / f"{tab}-{size}-{scheme}.jpg"
                page.screenshot(path=name, type="jpeg", quality=QUALITY, full_page=True)
            context.close()


def main_job(page: Page, url: str) -> Iterator[Callable[[], bool]]:
    """The steps of the film; each ends once what it yields is true."""
    page.goto(url)
    page.get_by_role("button", name="Bring your own text").click(timeout=MINUTE)
    yield lambda: page.get_by_placeholder("Paste here").is_visible()
    page.locator("#upload input[type=file]").set_input_files(examples()[EXAMPLE].path)
    yield lambda: "Ready to search" in page.get_by_label("Search index").input_value()
    page.get_by_role("tab", name="Fine-tune").click()
    yield lambda: " steps " in page.get_by_label("Before you start").input_value()
    page.get_by_role("button", name="Advanced").click()
    page.get_by_label("Steps", exact=True).fill(str(STEPS))
    page.keyboard.press("Tab")
    page.get_by_role("tab", name="Fine-tune").scroll_into_view_if_needed()
    yield lambda: f" {STEPS} steps " in page.get_by_label("Before you start").input_value()
    page.get_by_role("button", name="Advanced").click()
    page.get_by_role("button", name="Start training").click()
    yield lambda: "Done" in page.get_by_label("This run").input_value()
    page.get_by_role("tab", name="Compare").click()
    yield lambda: "Fine-tuned" in page.get_by_label("Fourth pane").input_value()
    page.get_by_label("Your question").fill(examples()[EXAMPLE].questions[0])
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_label("Your question").evaluate("each => each.scrollIntoView({block: 'start'})")
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="visible")
    yield lambda: page.get_by_role("button", name="Ask", exact=True).is_visible()  # in place of Stop: all have ended


def film(browser: Browser, url: str, file: Path) -> None:
    """Write the main job as a GIF; what only waits is left out."""
    context = browser.new_context(locale="en-GB", viewport={"width": FILM_SIZE[0], "height": FILM_SIZE[1]})
    page = context.new_page()
    frames: list[Image.Image] = []
    for is_over in main_job(page, url):
        began = time.monotonic()
        while not is_over() and time.monotonic() - began < 300:
            _add(frames, page)
            time.sleep(FRAME)
        for _ in range(3):
            _add(frames, page, again=True)
    context.close()
    pause = round(1_000 * min(FRAME, FILM_SECONDS / len(frames)))
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=pause, loop=0, optimize=True)


def _add(frames: list[Image.Image], page: Page, again: bool = False) -> None:
    """Append what the page shows, unless it is what it showed before."""
    with Image.open(io.BytesIO(page.screenshot())) as shown:
        small = shown.convert("RGB").resize((FILM_WIDTH, round(FILM_WIDTH * shown.height / shown.width)))
    frame = small.quantize(COLOURS, dither=Image.Dither.NONE)
    if again or not frames or frame.tobytes() != frames[-1].tobytes():
        frames.append(frame)


def main(words: Sequence[str] | None = None) -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a data folder whose examples are prepared")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--language", choices=LOCALES, default="en", help="of the page, and of the example")
    parser.add_argument("--film", action="store_true", help="the film alone")
    asked = parser.parse_args(words)
    asked.out.mkdir(parents=True, exist_ok=True)
    models = os.fspath(Settings.from_environment().models.resolve())
    with (
        running_app(asked.data, PLAYGROUND_MODELS=models, PLAYGROUND_PREPARE="lora") as (url, _),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        if not asked.film:
            take_tabs(browser, url, asked.out, asked.language)
        if asked.language == "en":
            film(browser, url, asked.out / "main-job.gif")
        browser.close()


if __name__ == "__main__":
    main()
