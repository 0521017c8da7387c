"""What a page that watches a run costs where both share the cores: its share of one core, and the run's speed.

`python -m benchmarks.watching [--turns 4] [--seconds 20]` trains in the app and alternately opens and closes its page.
"""

import argparse
import json
import re
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import psutil
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

from benchmarks.journey import CONSTITUTION, running_app
from playground.settings import Settings
from playground.storage.run_folder import read_events

CHROMIUM = "/usr/bin/chromium"
MINUTE = 60_000  # milliseconds
REST = 40_000  # until the app has drawn what it draws once
STEPS = 400  # more than are made while this measures


@dataclass
class Turn:
    """A stretch of some seconds: work per second, and the run's speed in the steps that ended in it."""

    page: float
    app: float
    tokens_per_second: float


def start_a_run(page: Page, file: Path) -> None:
    """Start a run as a visitor does; return when it has made some steps."""
    page.get_by_role("tab", name="Text").click()
    page.locator("#upload input[type=file]").set_input_files(file)
    expect(page.get_by_label("Search index")).to_have_value(re.compile("Ready to search"), timeout=3 * MINUTE)
    page.get_by_role("tab", name="Fine-tune").click()
    page.get_by_role("button", name="Advanced").click()
    page.get_by_label("Steps", exact=True).fill(str(STEPS))
    page.keyboard.press("Tab")
    expect(page.get_by_label("Before you start")).to_have_value(re.compile(f" {STEPS} steps "), timeout=2 * MINUTE)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_label("This run")).to_have_value(re.compile(r"Step \d+ of"), timeout=3 * MINUTE)


def observe(seconds: float, run: Path, app: psutil.Process, work: Callable[[], float]) -> Turn:
    """Observe for some seconds; `work` returns the seconds that the page's thread has worked so far."""
    steps, began, busy, page = len(speeds(run)), time.monotonic(), cpu(app), work()
    time.sleep(seconds)
    took = time.monotonic() - began
    return Turn((work() - page) / took, (cpu(app) - busy) / took, mean(speeds(run)[steps:]))


def speeds(run: Path) -> list[float]:
    """Tokens per second of every step so far."""
    return [event["tokens_per_second"] for event in read_events(run) if event.get("loss") is not None]


def cpu(app: psutil.Process) -> float:
    """CPU seconds of the app's own process."""
    return float(sum(app.cpu_times()[:2]))


def page_work(session: CDPSession) -> float:
    """CPU seconds of the page's main thread."""
    told: list[dict[str, Any]] = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in told if each["name"] == "TaskDuration"))


def main() -> None:
    """Alternate between watching and not; print one JSON object per turn, then the ratio of the speeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=4, help="of each kind")
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    models = str(Settings.from_environment().models)
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), PLAYGROUND_MODELS=models) as (url, app):
        turns = _turns(url, app, Path(folder), asked.turns, asked.seconds)
    watched, left = (mean(each.tokens_per_second for each in turns[kind]) for kind in ("watched", "left"))
    print(json.dumps({"watched_over_left": round(watched / left, 3)}))


def _turns(url: str, app: psutil.Process, data: Path, count: int, seconds: float) -> dict[str, list[Turn]]:
    turns: dict[str, list[Turn]] = {"watched": [], "left": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}).new_page()
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        page.goto(url)
        start_a_run(page, CONSTITUTION)
        page.wait_for_timeout(REST)
        run = next(data.glob("visitors/*/runs/*/events.jsonl")).parent
        for _ in range(count):
            for kind, place in (("watched", url), ("left", "about:blank")):
                page.goto(place)
                if place == url:
                    page.get_by_role("tab", name="Fine-tune").click()
                page.wait_for_timeout(5_000)
                turns[kind].append(observe(seconds, run, app, lambda: page_work(session)))
                print(json.dumps({"kind": kind, **vars(turns[kind][-1])}), flush=True)
        browser.close()
    return turns


if __name__ == "__main__":
    main()
