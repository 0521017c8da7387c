"""The first minute in Chromium: page, first token, four whole answers; and how long preparing the examples takes.

`python -m benchmarks.first_minute [--data FOLDER]` prepares all examples in the folder first, unless that is done.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.journey import Visitor, running_app
from playground.data.examples import examples
from playground.settings import Settings

CHROMIUM = "/usr/bin/chromium"
WIDTHS = {1280: 900, 390: 844}  # pixels: width -> height
MINUTE = 60_000  # milliseconds
PREPARE = "lora exam vera"
ALL = ("LoRA", "exam", "VeRA")  # in a card that is complete
# Whether so many panes have words of an answer; a pane with passages has a message for these before it.
ANSWERED = """panes => [...document.querySelectorAll(".pane")].filter(pane => {
  const told = [...pane.querySelectorAll("[data-testid=bot]")].at(-1)?.innerText.trim();
  return told && told !== "…";
}).length >= panes"""
WHOLE = """panes => [...document.querySelectorAll(".pane textarea")].filter(
  each => /stamp/.test(each.value)).length >= panes"""


def prepare_all(url: str, seconds: float) -> dict[str, float]:
    """Seconds until each example can be tried, and until all that is prepared of it is done."""
    began, marks = time.monotonic(), dict[str, float]()
    visitor = Visitor(url)
    while time.monotonic() - began < seconds and len(marks) < 2 * len(examples()):
        lines = [each for each in visitor.draw("start") if isinstance(each, str)]
        for name, line in zip(examples(), lines, strict=True):
            if ALL[0] in line:
                marks.setdefault(f"{name} ready", round(time.monotonic() - began, 1))
            if all(each in line for each in ALL):
                marks.setdefault(f"{name} complete", round(time.monotonic() - began, 1))
        time.sleep(1)
    return marks


def first_minute(page: Page, url: str, example: str) -> dict[str, float]:
    """Seconds from loading the page, then from the click on an example, to each milestone of a new visitor."""
    began = time.monotonic()
    page.goto(url, wait_until="commit")
    card = page.locator(".examples > .card").nth(list(examples()).index(example)).get_by_role("button")
    expect(card).to_be_enabled(timeout=MINUTE)
    page.evaluate("() => new Promise(done => requestIdleCallback(done, {timeout: 30000}))")
    marks = {"interactive": time.monotonic() - began}
    clicked = time.monotonic()
    card.click()
    question = page.get_by_role("button", name=examples()[example].questions[0])
    expect(question).to_be_visible(timeout=MINUTE)
    expect(page.locator(".pane.arm-both")).to_be_attached(timeout=MINUTE)
    marks["questions shown"] = time.monotonic() - clicked
    question.click()
    page.wait_for_function(ANSWERED, arg=1, polling=50, timeout=MINUTE)
    marks["first token"] = time.monotonic() - clicked
    page.wait_for_function(WHOLE, arg=4, polling=50, timeout=2 * MINUTE)
    marks["four whole answers"] = time.monotonic() - clicked
    return {name: round(value, 2) for name, value in marks.items()}


def visits(url: str, repeats: int) -> list[dict[str, Any]]:
    """New visitors at both widths, one after the other."""
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width, height in WIDTHS.items():
            for number in range(repeats):
                context = browser.new_context(locale="en-GB", viewport={"width": width, "height": height})
                example = list(examples())[number % len(examples())]
                rows.append({"width": width, "example": example, **first_minute(context.new_page(), url, example)})
                context.close()
        browser.close()
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare, visit, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a data folder that is kept; a new one without it")
    parser.add_argument("--repeats", type=int, default=3, help="visits at each width")
    parser.add_argument("--seconds", type=float, default=7_200, help="most that preparing may take")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds from the models' load to the first visit")
    asked = parser.parse_args(arguments)
    models = str(Settings.from_environment().models)
    with nullcontext(asked.data) if asked.data else tempfile.TemporaryDirectory() as data:
        folder = Path(data)
        folder.mkdir(parents=True, exist_ok=True)
        with running_app(folder, PLAYGROUND_MODELS=models, PLAYGROUND_PREPARE=PREPARE) as (url, _):
            prepared = prepare_all(url, asked.seconds)
            print(json.dumps({"prepared, s after the page was up": prepared}, indent=1))
        with running_app(folder, PLAYGROUND_MODELS=models, PLAYGROUND_PREPARE=PREPARE) as (url, _):
            httpx.get(url)  # Gradio writes the page anew for the first one who asks
            prepare_all(url, asked.seconds)  # at once
            while not httpx.get(f"{url}/health").json()["model_loaded"]:
                time.sleep(0.2)
            time.sleep(asked.wait)
            for row in visits(url, asked.repeats):
                print(json.dumps(row))


if __name__ == "__main__":
    main()
