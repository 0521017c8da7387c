"""Many visitors at once: real HTTP clients, each with a cookie of its own, that ask, add texts, train, watch and read.

`python -m benchmarks.visitors [--counts 1 2 4 8 30 100] [--mixed 30]` starts the app on loopback with a
temporary data folder and prints one JSON object per number of visitors. Everybody begins in the same moment.
"""

import argparse
import asyncio
import html
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
from transformers import AutoTokenizer

from benchmarks.journey import PeakMemory, running_app
from benchmarks.page_client import PageClient, page_config
from benchmarks.watching import cpu
from playground.models.registry import chat_source
from playground.settings import Settings

WARM_UP = 15  # seconds until the app has loaded its models and timed the machine
READ_EVERY = 2.0  # seconds between two newcomers who only read the page
TICK = 2.0  # seconds between two looks of a page that watches
PARAGRAPHS, HERE = 12, 3  # of a text, and which one answers
TEXT = (
    "{name} keeps lighthouse {number} on the coast of Farland. Its lamp was first lit in {year}, and it is {height} "
    "metres tall. The keeper paints the tower every {often} years, with {paint} buckets of paint. Ships of the line to "
    "Harbour {number} pass it at night. Its horn sounds {horn} times a minute in fog; its well is {well} metres deep."
)
QUESTION = "Tell me about the lighthouse of {name}: when was its lamp first lit, and how tall is it?"
KINDS = ("ask", "ask", "ask", "ask", "ask", "ask", "add", "watch", "watch", "train")  # of a mixed group, in this order


@dataclass
class Outcome:
    """What happened to one visitor; times in seconds since the click, None where it never came."""

    kind: str
    told: float | None = None
    first: float | None = None
    done: float | None = None
    refused: str = ""
    answers: list[str] = field(default_factory=list)


class Stand:
    """The running app, the clock, and who is there."""

    def __init__(self, url: str, app: psutil.Process, config: dict[str, Any], tokens: int) -> None:
        self.url, self.app, self.config, self.tokens = url, app, config, tokens
        self.tokenizer = AutoTokenizer.from_pretrained(chat_source(Settings.from_environment()).folder)
        self.names = 0

    async def arrive(self, with_text: bool) -> "Person":
        """A new visitor whose page has been drawn, with a text of their own if wanted."""
        self.names += 1
        person = Person(self, self.names)
        await person.page.open()
        if with_text:
            await person.add()
        return person

    async def measure(self, kinds: Sequence[str]) -> dict[str, Any]:
        """The figures of these visitors, who all begin at once."""
        gate = asyncio.Semaphore(2)

        async def arrive(kind: str) -> "Person":
            async with gate:
                return await self.arrive(kind in ("ask", "train"))

        people = await asyncio.gather(*(arrive(kind) for kind in kinds))
        peak = PeakMemory(self.app)
        peak.start()
        began, busy = time.monotonic(), cpu(self.app)
        over = asyncio.Event()
        reading = asyncio.create_task(self._read(over))
        pairs = list(zip(people, kinds, strict=True))
        lasting = [asyncio.create_task(each.watch(over)) for each, kind in pairs if kind == "watch"]
        outcomes = await asyncio.gather(*(each.act(kind) for each, kind in pairs if kind != "watch"))
        seconds, busy = time.monotonic() - began, cpu(self.app) - busy
        over.set()
        looks = [look for each in await asyncio.gather(*lasting) for look in each]
        pages = await reading
        peak.ended.set()
        for each in people:
            await each.page.close()
        return {
            **self._figures(outcomes, seconds),
            "cpu_seconds": round(busy, 1),
            **_seconds("html", [page for page, _ in pages]),
            **_seconds("page", [whole for _, whole in pages]),
            **_seconds("look", looks),
            "peak_gb": round(peak.peak / 1e9, 2),
        }

    def _figures(self, outcomes: Sequence[Outcome], seconds: float) -> dict[str, Any]:
        asked = [each for each in outcomes if each.kind == "ask"]
        written = sum(len(self.tokenizer(text)["input_ids"]) for each in asked for text in each.answers)
        ends = [each.done for each in asked if each.done is not None]
        return {
            "visitors": len(outcomes),
            "tokens": written,
            "tokens_per_second": round(written / max(ends), 1) if ends else None,
            **_seconds("told", [each.told for each in asked]),
            **_seconds("first", [each.first for each in asked]),
            **_seconds("done", [each.done for each in asked]),
            **_seconds("added", [each.done for each in outcomes if each.kind == "add"]),
            "answered": sum(bool(each.answers) and each.done is not None for each in asked),
            "refused": dict(Counter(each.refused for each in outcomes if each.refused)),
            "lost": sum(each.done is None and not each.refused for each in outcomes),
            "untold": sum(each.told is None for each in asked),
            "seconds": round(seconds, 1),
        }

    async def _read(self, over: asyncio.Event) -> list[tuple[float, float]]:
        """Newcomers who only read, one after the other: seconds until the HTML has come, and until all is drawn."""
        found = []
        while not over.is_set():
            page = PageClient(self.url, self.config)
            found.append(await page.open())
            await page.close()
            await _wait(over, READ_EVERY)
        return found


class Person:
    """One visitor with a page."""

    def __init__(self, stand: Stand, number: int) -> None:
        self.stand, self.name = stand, f"Keeper{number}"
        self.page = PageClient(stand.url, stand.config)
        self.text = "\n\n".join(
            TEXT.format(
                name=self.name if n == HERE else f"{self.name}-{n}",
                number=n,
                year=1700 + 7 * number + n,
                height=20 + n,
                often=n + 2,
                paint=9 * n + number,
                horn=n,
                well=3 * n + 5,
            )
            for n in range(PARAGRAPHS)
        )

    async def act(self, kind: str) -> Outcome:
        """Do one thing, and say what happened."""
        outcome = Outcome(kind)
        began = time.monotonic()
        acts: dict[str, Callable[[Outcome, float], Awaitable[None]]] = {
            "ask": self._ask, "add": self._add, "train": self._train
        }  # fmt: skip
        try:
            await acts[kind](outcome, began)
            outcome.done = time.monotonic() - began
        except httpx.HTTPStatusError as error:
            outcome.refused = f"{error.response.status_code} {error.response.text[:120]}"
        except (httpx.HTTPError, TimeoutError) as error:
            print(f"{self.name}: {error!r}", flush=True)
        return outcome

    async def add(self) -> None:
        """Add the text, and wait until it is indexed."""
        async for _ in self.page.event("paste_text", {"0": self.text}):
            pass

    async def watch(self, over: asyncio.Event) -> list[float]:
        """Look at the run every two seconds, as a page does that follows one; seconds of each look."""
        looks = []
        while not over.is_set():
            began = time.monotonic()
            await self.page.look()
            looks.append(time.monotonic() - began)
            await _wait(over, TICK)
        return looks

    async def _ask(self, outcome: Outcome, began: float) -> None:
        values = {"0": QUESTION.format(name=self.name), "1": "base", "2": "rag", "6": self.stand.tokens}
        async for sheet in self.page.event("ask_panes", values):
            now = time.monotonic() - began
            outcome.told = outcome.told or now
            texts = sheet.answers()
            if outcome.first is None and any(texts):
                outcome.first = now
            outcome.answers = [html.unescape(each) for each in texts if each] or outcome.answers

    async def _add(self, outcome: Outcome, began: float) -> None:
        await self.add()

    async def _train(self, outcome: Outcome, began: float) -> None:
        async for _ in self.page.event("start_run", {}):
            pass


def _seconds(name: str, values: Sequence[float | None]) -> dict[str, float]:
    """The median, the 95th percentile and the largest of the times that there are."""
    known = sorted(each for each in values if each is not None)
    if not known:
        return {}
    high = known[min(len(known) - 1, int(0.95 * len(known)))]
    return {f"{name}_p50": round(median(known), 2), f"{name}_p95": round(high, 2), f"{name}_max": round(known[-1], 2)}


async def _wait(over: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(over.wait(), seconds)
    except asyncio.TimeoutError:
        return


async def run(options: argparse.Namespace, url: str, app: psutil.Process) -> None:
    """Print the figures of each group, one after the other."""
    await asyncio.sleep(WARM_UP)
    stand = Stand(url, app, await page_config(url), options.tokens)
    await (await stand.arrive(True)).act("ask")  # loads what is loaded once
    for count in options.counts:
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({"group": "asking", "load": load, **await stand.measure(["ask"] * count)}), flush=True)
    for count in options.mixed:
        kinds = [KINDS[place % len(KINDS)] for place in range(count)]
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({"group": "mixed", "load": load, **await stand.measure(kinds)}), flush=True)


def main() -> None:
    """Start the app, send the visitors, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--counts", type=int, nargs="*", default=[1, 2, 4, 8, 30, 100], help="groups who all ask at once"
    )
    parser.add_argument("--mixed", type=int, nargs="*", default=[30], help="groups who also add, train and watch")
    parser.add_argument("--tokens", type=int, default=64, help="at most, in one answer")
    options = parser.parse_args()
    models = str(Settings.from_environment().models)
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder), PLAYGROUND_MODELS=models) as (url, app):
        asyncio.run(run(options, url, app))


if __name__ == "__main__":
    main()
