"""What streaming one answer costs after earlier turns: frames, bytes per frame, CPU seconds of server and browser.

`python -m benchmarks.page_frames [--turns 10] [--seconds 12]` serves the real page with the real retrieval. The model's
tokens are scripted, so every run streams the same answers at the same pace: three panes, one ending after each third.
Then Chromium asks once more, in the two panes that it opens with.
"""

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
from playwright.sync_api import expect, sync_playwright

from benchmarks.journey import ROOT, Visitor, free_port
from benchmarks.watching import CHROMIUM, MINUTE, page_work
from playground.chat import answer as chat_answer
from playground.chat.answer import Decoding
from playground.inference.sequence import Prompt, Token
from playground.models.chat_model import ChatModel
from playground.services.app import Services
from playground.settings import Settings
from playground.ui import page as ui
from playground.ui.shared.session import COOKIE

ARMS = ("rag", "few_shot", "base")  # in the order in which they end
QUESTION = "What is an absurdity, and how does a fool differ from a bore or a critic?"
ANSWER = "An absurdity is a statement or belief manifestly inconsistent with one's own opinion. "
DICTIONARY = ROOT / "playground" / "data" / "example_texts" / "devils_dictionary.jsonl"
ENTRIES = 60
REST = 10_000  # milliseconds, until the page has drawn what it draws once
FRAME_SECONDS = 0.2  # the answer's own pace


class Script:
    """Stands in for the model: every pane gets the next token of ANSWER at each tick, the panes end one by one."""

    def __init__(self, tokens: list[int], panes: int, ticks: int, pause: float) -> None:
        self._tokens, self._panes, self._ticks, self._pause = tokens, panes, ticks, pause

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        return False

    def queue_positions(self) -> Iterator[int]:
        """Nothing is ahead."""
        return iter(())

    def tokens(self) -> Iterator[Token]:
        """As many as fit, each pane's last one marked."""
        lengths = [max(1, self._ticks * (pane + 1) // self._panes) for pane in range(self._panes)]
        for tick in range(self._ticks):
            time.sleep(self._pause)
            for pane, length in enumerate(lengths):
                if tick < length:
                    yield Token(pane, self._tokens[tick % len(self._tokens)], tick == length - 1)


class Stage:
    """Puts a script in the model's place; the earlier turns are short, the measured one is as long as asked for."""

    def __init__(self) -> None:
        self.ticks, self.pause = 40, 0.0

    def open_request(self, chat: ChatModel, prompts: list[Prompt], _decoding: Decoding, *_: Any) -> Script:
        """See playground.inference.engine.open_request."""
        tokens = chat.tokenizer(ANSWER, add_special_tokens=False)["input_ids"]
        return Script(tokens, len(prompts), self.ticks, self.pause)


def stream(url: str, secret: str, question: str) -> tuple[int, int]:
    """(frames, bytes) of one question, as a browser receives them."""
    visitor = Visitor(url, secret)
    config = visitor.client.config
    function = next(each["id"] for each in config["dependencies"] if each["api_name"] == "ask_panes")
    values = [question, *ARMS, "none", False, *_decoding_values(visitor)]
    body = {"data": values, "fn_index": function, "session_hash": visitor.client.session_hash}
    headers = {"Cookie": visitor.client.headers["Cookie"]}
    httpx.post(f"{url}/gradio_api/queue/join", json=body, headers=headers).raise_for_status()
    frames, size = 0, 0
    parameters = {"session_hash": visitor.client.session_hash}
    address = f"{url}/gradio_api/queue/data"
    with httpx.stream("GET", address, params=parameters, headers=headers, timeout=600) as events:
        for line in events.iter_lines():
            if "process_generating" in line or "process_completed" in line:
                frames, size = frames + 1, size + len(line.encode())
            if "process_completed" in line:
                break
    return frames, size


def _decoding_values(visitor: Visitor) -> list[Any]:
    """The decoding controls' own defaults."""
    parameters = (
        next(each.parameters_info for each in visitor.client.endpoints.values() if each.api_name == "/ask_panes") or []
    )
    return [each["parameter_default"] for each in parameters[6:]]


def browser_seconds(url: str, secret: str) -> float:
    """Seconds that the page's main thread works from the click on Ask to the last frame."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": COOKIE, "value": secret, "url": url}])
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Performance.enable")
        page.goto(url)
        page.get_by_role("tab", name="Compare").click()
        page.get_by_label("Your question").fill(QUESTION)
        page.wait_for_timeout(REST)
        before = page_work(session)
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=MINUTE)
        expect(page.get_by_role("button", name="Ask", exact=True)).to_be_visible(timeout=2 * MINUTE)
        work = page_work(session) - before
        browser.close()
    return round(work, 2)


def measure(turns: int, seconds: float) -> dict[str, float]:
    """The figures of the question after `turns` earlier ones."""
    stage = Stage()
    chat_answer.open_request = stage.open_request  # type: ignore[assignment]
    models = Settings.from_environment().models
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), models=models, port=free_port())
        services = Services(settings)
        page = ui.build(services)
        _, url, _ = ui.launch(page, services, prevent_thread_lock=True, quiet=True)
        visitor = Visitor(url.rstrip("/"))
        entries = Path(folder) / "entries.jsonl"
        entries.write_text("".join(DICTIONARY.read_text(encoding="utf-8").splitlines(keepends=True)[:ENTRIES]))
        visitor.add(entries)
        for turn in range(turns):
            list(visitor.ask(f"{QUESTION} ({turn})", list(ARMS)))
        stage.ticks, stage.pause = round(seconds / FRAME_SECONDS), FRAME_SECONDS
        command = [sys.executable, "-m", "benchmarks.page_frames", "--client", url.rstrip("/"), visitor.secret]
        began = time.process_time()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        cpu = time.process_time() - began
        browser = browser_seconds(url, visitor.secret)
        page.close()
    frames, size = json.loads(output.splitlines()[-1])
    return {
        "frames": frames,
        "bytes_per_frame": round(size / frames),
        "server_seconds": round(cpu, 2),
        "browser_seconds": browser,
    }


def main() -> None:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="questions asked before")
    parser.add_argument("--seconds", type=float, default=12, help="that the answer takes")
    parser.add_argument("--client", nargs=2, metavar=("URL", "SECRET"), help="ask a running page, and nothing else")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    if options.client:
        print(json.dumps(stream(*options.client, QUESTION)))
    else:
        print(json.dumps(measure(options.turns, options.seconds)))


if __name__ == "__main__":
    main()
