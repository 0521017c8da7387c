"""The page's protocol without a browser, cheap enough for a hundred visitors in one process: events and frames."""

import copy
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
from gradio_client.utils import apply_diff

API = "/gradio_api"
PANES, PANE_PARTS = 4, 12
NO_WORDS = "…"  # what a pane says before its first word
WAITING = "Waiting"  # how it begins while it has a place in the queue
TIMEOUT = 600


async def page_config(url: str) -> dict[str, Any]:
    """The page's components and events; all visitors have the same."""
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT) as client:
        found: dict[str, Any] = (await client.get("/config")).json()
    return found


class Sheet:
    """The parts that a stream of updates draws, as far as it has been read; see playground.ui.shared.frames."""

    def __init__(self) -> None:
        self.parts: dict[int, dict[str, Any]] = {}
        self._stream, self._count = "", 0

    def read(self, text: str) -> None:
        """Apply the lines that are new."""
        stream, *lines = text.split("\n")
        if stream != self._stream:
            self._stream, self._count = stream, 0
        for line in lines[self._count :]:
            for place, update in json.loads(line).items():
                self._apply(self.parts.setdefault(int(place), {}), update)
        self._count = len(lines)

    def _apply(self, part: dict[str, Any], update: dict[str, Any]) -> None:
        more, text = update.pop("more", None), update.pop("text", None)
        if more is not None or text is not None:
            words = part["value"][-1]["content"][0]
            words["text"] = text if text is not None else words["text"] + more
        part.update(update)

    def updates(self) -> list[Any]:
        """What is known of each part: a value where there is nothing else."""
        known = (copy.deepcopy(self.parts.get(place, {})) for place in range(max(self.parts, default=-1) + 1))
        return [each["value"] if [*each] == ["value"] else each for each in known]

    def answers(self) -> list[str]:
        """The panes' answers so far; empty where there is no word yet."""
        return [_words(self.parts.get(1 + PANE_PARTS * pane, {})) for pane in range(PANES)]


def _words(chat: dict[str, Any]) -> str:
    messages = chat.get("value") or []
    if not messages or messages[-1]["role"] != "assistant":
        return ""
    words = str(messages[-1]["content"][0]["text"])
    return "" if words == NO_WORDS or words.startswith(WAITING) else words


class PageClient:
    """One open page: its cookie, its session and its events."""

    def __init__(self, url: str, config: dict[str, Any]) -> None:
        self.config, self.session = config, secrets.token_hex(6)
        limits = httpx.Limits(max_connections=20)
        self.http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT, limits=limits)
        self.components = {each["id"]: each for each in config["components"]}

    async def close(self) -> None:
        """Leave the page."""
        await self.http.aclose()

    async def open(self) -> tuple[float, float]:
        """Load the page and all that it draws as it opens; seconds until the HTML has come, and until all has."""
        began = time.monotonic()
        (await self.http.get("/")).raise_for_status()
        html = time.monotonic() - began
        loads = [each for each in self.config["dependencies"] if [0, "load"] in each["targets"]]
        queued = [each for each in loads if each["queue"]]
        for each in loads:
            if not each["queue"]:
                await self._call(each)
        for each in queued:
            await self._join(each, {})
        if queued:  # the server has nothing to tell a page that waits for no event
            async for _ in self._messages():
                pass
        return html, time.monotonic() - began

    async def look(self) -> None:
        """One tick of the timer that follows a run."""
        await self._call(self._event("run"))

    async def event(self, name: str, values: dict[str, Any]) -> AsyncIterator[Sheet]:
        """Start a queued event with the form's values, `values` by their place; what it draws, as it comes."""
        await self._join(self._event(name), values)
        sheet, data = Sheet(), list[Any]()
        async for message in self._messages():
            kind, output = message["msg"], message.get("output") or {}
            if kind == "process_completed" and not message.get("success"):
                raise httpx.ReadError(str(output)[:300])
            if kind in ("process_generating", "process_completed") and output.get("data"):
                changes = output["data"]
                generating = data and kind == "process_generating"
                data = [apply_diff(*each) for each in zip(data, changes, strict=True)] if generating else changes
                if isinstance(data[0], str):  # else the first output is a part of its own, not the page's updates
                    sheet.read(data[0])
                yield sheet

    def _event(self, name: str) -> dict[str, Any]:
        return next(each for each in self.config["dependencies"] if each["api_name"] == name)

    async def _call(self, event: dict[str, Any]) -> Any:
        body = {"data": self._values(event, {}), "fn_index": event["id"], "session_hash": self.session}
        return (await self.http.post(f"{API}/run/predict", json=body)).raise_for_status().json()

    async def _join(self, event: dict[str, Any], values: dict[str, Any]) -> str:
        body = {"data": self._values(event, values), "fn_index": event["id"], "session_hash": self.session}
        return str((await self.http.post(f"{API}/queue/join", json=body)).raise_for_status().json()["event_id"])

    def _values(self, event: dict[str, Any], values: dict[str, Any]) -> list[Any]:
        first = [self.components[id_]["props"].get("value") for id_ in event["inputs"]]
        return [values.get(str(place), value) for place, value in enumerate(first)]

    async def _messages(self) -> AsyncIterator[dict[str, Any]]:
        """What comes until no event is under way. To leave before the server closes would cancel what begins next."""
        address = f"{API}/queue/data"
        async with self.http.stream("GET", address, params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                message = json.loads(line[6:]) if line.startswith("data: ") else {"msg": ""}
                if message["msg"] == "close_stream":
                    return
                yield message
