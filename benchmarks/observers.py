"""What the page's own observers cost: their seconds of the main thread while four panes stream an answer.

`python -m benchmarks.observers --data FOLDER [--width 390]` starts the app on a data folder whose examples are prepared
(`benchmarks.first_minute --data FOLDER` makes one) and asks an example in Chromium. Gradio's observers do not count.
"""

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.first_minute import CHROMIUM, WIDTHS
from benchmarks.journey import running_app
from benchmarks.pictures import EXAMPLE, MINUTE, STAMPED, open_example
from benchmarks.watching import page_work
from playground.data.examples import examples
from playground.settings import Settings

# The page's own observers watch the document itself, or its first element.
COUNT = """
window.observed = {calls: 0, milliseconds: 0};
const Real = window.MutationObserver;
window.MutationObserver = class extends Real {
  constructor(callback) {
    super((...seen) => {
      const began = performance.now();
      callback(...seen);
      if (!this.own) return;
      window.observed.calls += 1;
      window.observed.milliseconds += performance.now() - began;
    });
  }
  observe(target, options) { this.own = target === document; super.observe(target, options); }
};"""


def measure(page: Page, url: str) -> dict[str, Any]:
    """Seconds of the main thread, and of the observers, from the click on a question to the fourth answer's end."""
    page.add_init_script(COUNT)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    open_example(page, url)
    button = page.get_by_role("button", name=examples()[EXAMPLE].questions[0])
    expect(button).to_be_visible(timeout=MINUTE)
    page.wait_for_timeout(5_000)  # what the page draws once is drawn
    before, counted = page_work(session), page.evaluate("({...window.observed})")
    button.click()
    expect(page.get_by_label("Figures").nth(3)).to_have_value(STAMPED, timeout=3 * MINUTE)
    work, observed = page_work(session) - before, page.evaluate("({...window.observed})")
    calls, seconds = (observed[name] - counted[name] for name in ("calls", "milliseconds"))
    return {"main_thread_s": round(work, 2), "calls": calls, "observers_s": round(seconds / 1_000, 3)}


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a data folder whose examples are prepared")
    parser.add_argument("--width", type=int, choices=WIDTHS, default=1280, help="of the browser, in pixels")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(words)
    models = os.fspath(Settings.from_environment().models.resolve())
    with running_app(asked.data, PLAYGROUND_MODELS=models) as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(asked.repeats):
            context = browser.new_context(
                locale="en-GB", viewport={"width": asked.width, "height": WIDTHS[asked.width]}
            )
            print(json.dumps(measure(context.new_page(), url)))
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
