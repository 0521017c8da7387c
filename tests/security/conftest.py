"""A page with two visitors: Ann, who has some of everything, and Ben, who tries to see or change it."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.journey import free_port
from playground.chat.answer import Decoding
from playground.data import examples as texts
from playground.data.examples import examples
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.exchange import DOWNLOADS, UPLOADS
from playground.storage.store import new_secret
from playground.ui import compat
from playground.ui.shared.session import COOKIE
from tests.fakes.page import served_page
from tests.fakes.texts import CLUB_RULES

CANARY = "marzipan4711"  # in all that Ann wrote
LINES = 60  # of an example
SHORT = Decoding(max_new_tokens=3)


@dataclass
class Browser:
    """One browser's raw requests: its cookie, its session, nothing that the page's own client would add."""

    url: str
    secret: str = field(default_factory=new_secret)
    session: str = "ben0123456"

    def __post_init__(self) -> None:
        headers = {"Cookie": f"{COOKIE}={self.secret}"} if self.secret else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=600)

    def call(self, event: dict[str, Any], data: list[Any]) -> str:
        """Everything that the page is told when one of its events is called with these values."""
        sent = {
            "data": data,
            "fn_index": event["id"],
            "session_hash": self.session,
            "event_data": {
                "index": 0,
                "value": next((each for each in data if isinstance(each, str)), ""),
                "selected": True,
            },
            "trigger_id": None,
        }
        if not event["queue"]:
            return self.http.post("/gradio_api/run/predict", json=sent).text
        joined = self.http.post("/gradio_api/queue/join", json=sent)
        return joined.text + (self._stream(joined.json()["event_id"]) if joined.status_code == 200 else "")

    def _stream(self, event: str) -> str:
        told = []
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as answer:
            for line in answer.iter_lines():
                told.append(line)
                if '"process_completed"' in line or '"close_stream"' in line or '"unexpected_error"' in line:
                    break
        return "\n".join(told)


@dataclass(frozen=True)
class Victim:
    """Ann's visit: the names by which her things are known, the paths where they lie, and what they look like."""

    secret: str
    visitor: str
    session: str
    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    kept: str

    def seen_in(self, told: str, sent: str = "") -> str:
        """What an answer shows of hers that was not sent before, with what stands around it; empty where nothing."""
        names = [CANARY, self.secret, *(each for each in (*self.ids, self.visitor) if each not in sent)]
        return next((told[max(0, told.index(each) - 100) :][:200] for each in names if each in told), "")


def everything(services: Services, visitor: str) -> str:
    """All that the server keeps of a visitor, as one text to compare."""
    store = services.store
    rows = [store.documents(visitor), store.runs.all(visitor, None), store.votes(visitor)]
    files = [path for path in _folders(services, visitor) if path.is_file()]
    sizes = sorted(f"{path} {path.stat().st_size}" for path in files if path.name != "lease")
    return json.dumps([str(rows), store.conversation(visitor), store.embedder(visitor), sizes])


def _folders(services: Services, visitor: str) -> list[Path]:
    data = services.settings.data
    return [*(data / "visitors" / visitor).rglob("*"), *(data / "exchange" / visitor).rglob("*")]


@pytest.fixture(scope="session")
def short_texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The beginning of each example."""
    folder = tmp_path_factory.mktemp("examples")
    for each in examples().values():
        lines = each.path.read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / each.path.name).write_text("".join(lines[:LINES]), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def short_examples(short_texts: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """To index the whole examples, which the page's buttons bring, takes longer than all other calls."""
    monkeypatch.setattr(texts, "TEXTS", short_texts)
    examples.cache_clear()
    yield
    examples.cache_clear()


@pytest.fixture(scope="session")
def playground(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """The whole page; no run is at work, so that nothing changes by itself."""
    settings = Settings(data=tmp_path_factory.mktemp("data"), chat_model=str(long_window_folder), port=free_port())
    services = Services(settings)
    with ExitStack() as opened:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compat, "QUEUE_SECONDS", (0.005, 0.1))  # hundreds of calls wait for the queue's next look
            url = opened.enter_context(served_page(services))
        yield url, services


@pytest.fixture(scope="session")
def ann(playground: tuple[str, Services]) -> Victim:
    """A visitor with a text, a table, a conversation, a waiting ballot, runs, an exam, an upload and a download."""
    url, services = playground
    browser = Browser(url, session="ann9876543")
    browser.http.post("/gradio_api/run/run", json={"data": [""], "session_hash": browser.session})  # hers from now on
    visitor = services.store.visitor(browser.secret)
    services.library.add_text(visitor, f"{CLUB_RULES}\n\nThe password of the club is {CANARY}.")
    list(services.conversations.ask(visitor, f"What is {CANARY}?", ["base", "rag"], SHORT, True))
    list(services.votes.ask(visitor, f"Who is {CANARY}?", ["base", "rag"], SHORT))
    config, _ = services.runs.plan(visitor, "lora", "quick", {}, {"steps": 2})
    run = services.runs.start(visitor, config, f"run {CANARY}", kept=True)
    services.exams.create_draft(visitor, "", services.exams.draft(visitor).settings, None)
    exam = services.exams.start(visitor, ["base"], f"exam {CANARY}", "en")
    paths = []
    for kind in (UPLOADS, DOWNLOADS):
        file = services.exchange.new_folder(visitor, kind) / "secret.txt"
        file.write_text(CANARY)
        paths.append(file)
    data = services.settings.data
    paths += [each for each in (data / "visitors" / visitor).rglob("*") if each.is_file()]
    paths += [data / "playground.db", data / "playground.db-wal"]
    ids = (*(row.id for row in services.store.documents(visitor)), run, exam)
    return Victim(browser.secret, visitor, browser.session, ids, tuple(paths), everything(services, visitor))


@pytest.fixture
def ben(playground: tuple[str, Services]) -> Iterator[Browser]:
    """Another visitor with a text of his own."""
    url, services = playground
    browser = Browser(url)
    services.library.add_text(services.store.visitor(browser.secret), CLUB_RULES)
    with closing(browser.http):
        yield browser
