"""The main job timed end to end: upload, index, quick training, one question in four panes; and the peak memory.

`python -m benchmarks.journey [FILE]` starts the app on a free port with an empty data folder and talks to it over HTTP.
"""

import argparse
import json
import os
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from gradio_client import Client, handle_file

from benchmarks.page_client import NO_WORDS, PANE_PARTS, PANES, Sheet
from playground.ui.shared.session import COOKIE

ROOT = Path(__file__).parents[1]
CONSTITUTION = ROOT / "playground" / "data" / "example_texts" / "us_constitution.txt"
START_SECONDS = 120
RUN_LINE = 2  # the place of a run's line among what a tick draws: after the bar's own line and button


def _know_defaults(client: Client, url: str) -> None:
    """Let the client fill in the usual values of the page's own events too, which are not in its list of endpoints."""
    told = httpx.get(f"{url}/gradio_api/info", params={"all_endpoints": True}, timeout=START_SECONDS)
    named = told.json()["named_endpoints"]
    for event in client.endpoints.values():
        if event.api_name in named:
            event.parameters_info = [
                {**each, "parameter_has_default": True} for each in named[event.api_name]["parameters"]
            ]


class Visitor:
    """The calls of one browser to a running app; every visitor has a secret of their own."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        self.secret = secret or secrets.token_urlsafe(32)
        self.client = Client(url, headers={"Cookie": f"{COOKIE}={self.secret}"}, verbose=False)
        _know_defaults(self.client, url)

    def add(self, file: Path) -> list[Any]:
        """Upload one file and wait until it is indexed; the page's last updates."""
        return _told(self.client.submit([handle_file(str(file))], api_name="/add_files").result())

    def add_text(self, text: str) -> list[Any]:
        """Paste a text and wait until it is indexed."""
        return _told(self.client.submit(text, api_name="/paste_text").result())

    def train(self, name: str = "", **form: Any) -> list[Any]:
        """Press Start; `form` holds values by the label of their control."""
        return list(self.client.predict(name, **form, api_name="/start_run"))

    def run_line(self) -> str:
        """The page's line about the newest run; reading it renews the run's lease."""
        return str(self.draw("run")[RUN_LINE])

    def draw(self, name: str) -> list[Any]:
        """What the page draws of a tab, or at a tick; without what the server must know."""
        return drawn(self.client.predict(api_name=f"/{name}"))

    def export(self, run: str, form: str) -> list[Any]:
        """Make an export's zip; the page's updates, the second of which holds the downloaded file."""
        self.client.predict(api_name="/runs")  # the session learns which runs can be chosen
        return list(self.client.predict(run, form, api_name="/make_export"))

    def bring(self, *files: Path, name: str = "") -> list[Any]:
        """Upload an adapter; the page's updates."""
        return list(self.client.predict([handle_file(str(each)) for each in files], name, api_name="/bring_adapter"))

    def arms(self) -> list[str]:
        """The ids of all arms, the newest adapter first; the call also registers them in the session."""
        return [id_ for _, id_ in self.client.predict(api_name="/panes")[1]["choices"]]

    def ask(self, question: str, arms: list[str], **form: Any) -> Iterator[list[Any]]:
        """The page's updates while all panes answer."""
        padded, sheet = [*arms, *["none"] * (PANES - len(arms))], Sheet()
        for text in self.client.submit(question, *padded, **form, api_name="/ask_panes"):
            sheet.read(text)
            yield sheet.updates()

    def ask_blind(self, question: str, *wanted: str, **form: Any) -> list[list[Any]]:
        """All of the page's updates of a blind question; `wanted` are up to two arms."""
        self.client.predict(api_name="/panes")  # the session learns which arms can be chosen
        arms, sheet, shown = [*wanted, "", ""][:2], Sheet(), []
        for text in self.client.submit(question, *arms, **form, api_name="/blind_ask"):
            sheet.read(text)
            shown.append(sheet.updates())
        return shown

    def vote(self, choice: str, left: str, right: str) -> list[Any]:
        """Cast a blind vote on two answers as they were shown: left, right, tie or bad."""
        return list(self.client.predict("text", left, right, api_name=f"/vote_{choice}"))


def drawn(values: Any) -> list[Any]:
    """The updates of an event that sends them as text, first of its outputs."""
    sheet = Sheet()
    sheet.read(values if isinstance(values, str) else values[0])
    return sheet.updates()


def _told(values: Sequence[Any]) -> list[Any]:
    """The notice, which is an output of its own, and what is drawn."""
    return [values[1], *drawn(values)]


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_app(
    data: Path, python: str | Path = sys.executable, **environment: str
) -> Iterator[tuple[str, psutil.Process]]:
    """The app in a process of its own, ready to answer. No example is prepared.

    Ended afterwards with its children; one that has ended by itself leaves those that outlive it.
    """
    port = free_port()
    own = {"PLAYGROUND_DATA": str(data), "PORT": str(port), "PYTHONUNBUFFERED": "1", "PLAYGROUND_PREPARE": "none"}
    own |= environment
    with (data / "app.log").open("ab") as log:
        app = psutil.Popen([python, "app.py"], cwd=ROOT, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, app)
        yield url, app
    finally:
        for process in [*app.children(recursive=True), app] if app.is_running() else ():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        app.wait(20)


def memory(process: psutil.Process) -> int:
    """Resident bytes of a process and all its children (pages they share are counted for each)."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += each.memory_info().rss
    return total


class PeakMemory(threading.Thread):
    """Samples `memory` five times per second until stopped."""

    def __init__(self, process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.ended = process, 0, threading.Event()

    def run(self) -> None:
        """See threading.Thread."""
        while not self.ended.wait(0.2):
            self.peak = max(self.peak, memory(self.process))


def journey(url: str, file: Path, question: str) -> dict[str, Any]:
    """Seconds from the upload to each milestone."""
    visitor = Visitor(url)
    began = time.monotonic()
    visitor.add(file)
    marks = {"indexed": time.monotonic() - began}
    visitor.train()
    while "Done:" not in (line := visitor.run_line()):
        if "failed" in line:
            raise RuntimeError(line)
        time.sleep(1)
    marks["trained"] = time.monotonic() - began
    first = None
    arms = [arm for arm in visitor.arms() if arm not in ("none", "few_shot")]
    for updates in visitor.ask(question, arms[:PANES]):
        if first is None and all(answered(updates)):
            first = time.monotonic() - began
    return {**marks, "all_panes_speak": first, "answered": time.monotonic() - began, "run": line}


def answered(updates: list[Any]) -> list[bool]:
    """For each pane, whether its last turn has text."""
    chats = [updates[1 + PANE_PARTS * pane] for pane in range(PANES)]
    return [_has_text(chat["value"]) for chat in chats]


def _has_text(chat: list[dict[str, Any]]) -> bool:
    return bool(chat) and chat[-1]["content"][0]["text"] not in ("", NO_WORDS)


def _wait_until_up(url: str, app: psutil.Process) -> None:
    for _ in range(START_SECONDS * 4):
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if app.poll() is not None:
            raise RuntimeError("the app ended before it answered; see app.log in its data folder")
        time.sleep(0.25)
    raise TimeoutError(f"the app did not answer within {START_SECONDS} s")


def main() -> None:
    """Run the journey once and print its figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=CONSTITUTION)
    parser.add_argument("--question", default="How old must a Senator be?")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        with running_app(Path(folder), PLAYGROUND_MODELS=str(_models())) as (url, app):
            served = time.monotonic() - began
            peak = PeakMemory(app)
            peak.start()
            figures = journey(url, asked.file, asked.question)
            peak.ended.set()
    print(json.dumps({"page_served": served, **figures, "peak_gb": peak.peak / 1e9}, indent=1, ensure_ascii=False))


def _models() -> Path:
    from playground.settings import Settings

    return Settings.from_environment().models


if __name__ == "__main__":
    main()
