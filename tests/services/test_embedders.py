"""The choice of an embedder, through the Text tab's handlers: what is on offer, fetched, kept, and whose it is."""

import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from playground.errors import UserError
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam import load_material
from playground.evaluation.exam_plan import read_exam
from playground.models import registry, wheels
from playground.models.registry import EMBEDDERS
from playground.services import embedders as embedders_module
from playground.services.app import Services
from playground.services.embedders import Embedders
from playground.settings import Settings
from playground.storage.run_folder import read_documents
from playground.storage.store import new_secret
from playground.ui.text.tab import TextTab
from retrieval.embed import Embedder
from tests.fakes.encoder import MULTILINGUAL, small_encoder
from tests.fakes.hub import SmallHub, put_in_cache, small_hub, use
from tests.fakes.page import event_handler, page_request
from tests.fakes.waiting import wait_until

ENGLISH, MANY = (each.name for each in EMBEDDERS if each.on_hub)
PROSE = "The bakery is in Rose Street and it opens at seven.\n\nThe mill is by the river, and it is closed on Sundays."
VIETNAMESE = "Tiệm bánh ở phố Hoa Hồng và mở cửa lúc bảy giờ.\n\nCối xay ở bên sông, và đóng cửa vào các ngày chủ nhật."


@pytest.fixture(autouse=True)
def no_packaged_embedder(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedder in a wheel, and an empty Hub cache."""
    monkeypatch.setattr(wheels, "_packaged_embedder", lambda: None)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small encoders: `own`, and `many` with a vocabulary of many languages."""
    folder = tmp_path_factory.mktemp("encoders")
    small_encoder(folder / "own", seed=1)
    small_encoder(folder / "many", seed=2, tokens=MULTILINGUAL)
    return folder


@pytest.fixture
def host(settings: Settings, encoders: Path) -> Settings:
    """The settings of a host with an encoder of its own."""
    return replace(settings, embedder=str(encoders / "own"))


@pytest.fixture
def here(hub_cache: Path, encoders: Path) -> None:
    """The multilingual one lies in the Hub's cache."""
    shutil.copytree(encoders / "many", put_in_cache(hub_cache, MANY), dirs_exist_ok=True)


@pytest.fixture
def hub(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallHub]:
    """A Hub that gives both, the English one as a pickle only."""
    pickled = encoders / "pickled"
    pickled.mkdir(exist_ok=True)
    (pickled / "pytorch_model.bin").write_bytes(b"pickle")
    with small_hub({MANY: encoders / "many", ENGLISH: pickled}) as (hub, address):
        use(address, monkeypatch)
        yield hub


class Browser:
    """A visitor on a Text tab of their own services; every call is that of a page's handler."""

    def __init__(self, services: Services, secret: str | None = None) -> None:
        self.services, self.secret = services, secret or new_secret()
        self.request = page_request(self.secret)
        self.request.session_hash = "session"
        with gr.Blocks() as self.page:
            self.tab = TextTab(services, gr.Tab())

    @property
    def visitor(self) -> str:
        """The visitor's id, another one after starting over."""
        return self.services.store.visitor(self.secret)

    def add(self, text: str) -> None:
        """Paste a text and wait for its index."""
        *_, self.last = event_handler(self.page, self.tab.add, "click")(self.request, text, 0)

    def choose(self, name: str) -> str:
        """Choose an embedder; the sentence of a refusal."""
        self.services.indexes.choose_embedder(self.visitor, name)
        return self.told()

    def panel(self, updates: tuple[Any, ...] = ()) -> dict[str, Any]:
        """What stands on the panel, by its parts."""
        updates = updates or self.tab.refresh(self.request)
        parts = ("line", "cancel", "under_way", "timer", "suggestion", "chosen", "told")
        return dict(zip(parts, updates[-len(parts) :], strict=True))

    def watched(self) -> tuple[Any, ...]:
        """What the panel shows while the page watches it."""
        return self.tab.index.poll.changed_updates(self.request, "")[:-1]

    def offered(self) -> list[str]:
        """The embedders to choose from; none where there is no choice."""
        chosen = self.panel()["chosen"]
        return [name for _, name in chosen["choices"]] if chosen["visible"] else []

    def told(self) -> str:
        """How far a change is, or why it failed."""
        return str(self.panel(self.watched())["told"]["value"])

    def settled(self) -> bool:
        """Whether no work is under way any more, as the watching page sees it; waits for it."""
        return wait_until(lambda: not self.panel(self.watched())["timer"]["active"])

    def made_with(self) -> str:
        """The embedder of the index that is ready."""
        index = self.services.indexes.ready(self.visitor)
        return index.embedder if index else ""


def test_with_one_embedder_there_is_no_choice(host: Settings) -> None:
    browser = Browser(Services(host))
    browser.services.embedders.ask_hub()
    assert browser.offered() == []
    with pytest.raises(UserError, match=r"no embedder 'x' here\. Choose one of own"):
        browser.choose("x")


@pytest.mark.usefixtures("here")
def test_a_choice_is_kept_and_is_nobody_elses(host: Settings) -> None:
    first, second = Browser(Services(host)), None
    second = Browser(first.services)
    for browser in (first, second):
        browser.add(PROSE)
    kept = second.services.indexes.ready(second.visitor)
    assert first.offered() == ["own", MANY]
    first.choose(MANY)
    assert first.settled()
    assert first.panel()["chosen"]["value"] == first.made_with() == MANY
    assert first.services.answers.searcher(first.visitor)("When does the bakery open?").hits
    assert second.panel()["chosen"]["value"] == second.made_with() == "own"
    assert second.services.indexes.ready(second.visitor) is kept
    again = Browser(Services(host), first.secret)
    assert again.panel()["chosen"]["value"] == again.made_with() == MANY
    again.choose("own")
    assert again.settled()
    assert again.made_with() == "own"


@pytest.mark.usefixtures("here")
def test_an_index_of_another_embedder_answers_nothing_meanwhile(host: Settings) -> None:
    browser = Browser(Services(host))
    browser.add(PROSE)
    indexes, visitor = browser.services.indexes, browser.visitor
    before = indexes.ready(visitor)
    browser.services.store.choose_embedder(visitor, MANY)
    assert indexes.ready(visitor) is None
    assert indexes.usable(visitor) is not before
    assert indexes.usable(visitor).embedder == MANY


@pytest.mark.usefixtures("hub_cache")
def test_what_the_hub_would_give_is_fetched_while_the_text_stays_searchable(host: Settings, hub: SmallHub) -> None:
    browser = Browser(Services(host))
    browser.add(PROSE)
    assert hub.asked == []
    browser.services.embedders.ask_hub()
    assert browser.offered() == ["own", MANY], "the other one has no safetensors"
    assert "not downloaded yet" in browser.panel()["chosen"]["choices"][1][0]
    hub.go_on.clear()
    told = browser.choose(MANY)
    assert told.startswith("Downloading paraphrase-multilingual-MiniLM-L12-v2: 0 of 480 MB")
    assert browser.made_with() == "own"
    assert Browser(browser.services, browser.secret).panel()["chosen"]["value"] == MANY, "a page opened since knows"
    hub.go_on.set()
    assert browser.settled()
    assert browser.made_with() == MANY
    assert browser.told() == ""
    assert not any(path.endswith((".bin", ".py")) for path in hub.asked)


def test_a_fetch_that_fails_says_so_and_changes_nothing(host: Settings, hub: SmallHub) -> None:
    browser, other = (Browser(services) for services in [Services(host)] * 2)
    browser.add(PROSE)
    browser.services.embedders.ask_hub()
    hub.broken = True
    browser.choose(MANY)
    assert browser.settled()
    assert browser.told().startswith(f"{MANY} could not be fetched from the Hub: ")
    assert browser.told().endswith("Try again later, or choose another one.")
    assert other.told() == ""
    assert browser.panel()["chosen"]["value"] == browser.made_with() == "own"
    hub.broken = False
    browser.choose(MANY)
    assert browser.settled()
    assert (browser.made_with(), browser.told()) == (MANY, "")


def test_without_room_on_the_disk_nothing_is_fetched(
    host: Settings, hub: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(Services(host))
    browser.services.embedders.ask_hub()
    monkeypatch.setattr(registry.shutil, "disk_usage", lambda _: SimpleNamespace(free=900_000_000))
    browser.choose(MANY)
    assert browser.settled()
    assert browser.told() == f"The disk has 900 MB free, too little to fetch {MANY} (480 MB). Choose another one."
    assert not any("resolve" in path for path in hub.asked)


@pytest.mark.usefixtures("here")
def test_a_text_in_another_language_gets_a_suggestion_of_one_click(host: Settings) -> None:
    browser, english = (Browser(services) for services in [Services(host)] * 2)
    english.add(PROSE)
    browser.add(VIETNAMESE)
    assert not english.panel()["suggestion"]["visible"]
    panel = browser.panel()
    assert "knows only English" in panel["line"]
    assert panel["suggestion"]["value"].endswith("which supports 50 languages →")
    event_handler(browser.page, browser.tab.index.choice.suggestion, "click")(browser.request)
    assert browser.settled()
    assert browser.made_with() == MANY
    panel = browser.panel()
    assert not panel["suggestion"]["visible"]
    assert "knows only English" not in panel["line"]


@pytest.mark.usefixtures("here")
def test_an_exam_searches_with_the_embedder_that_the_index_was_built_with(
    host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = registry.embedder_source(host, MANY)
    monkeypatch.setattr(registry, "multilingual_source", lambda settings: many)
    browser = Browser(Services(host))
    browser.add(VIETNAMESE * 3)
    assert browser.made_with() == MANY, "nobody chose it"
    exams = browser.services.exams
    exams.create_draft(browser.visitor, "", ExamSettings(limit=4), None)
    exam = exams.start(browser.visitor, ["base", "rag"], "", "en")
    folder = browser.services.store.runs.get(browser.visitor, exam).folder
    plan, _ = read_exam(folder)
    chat = browser.services.chats.get(plan.base)
    for at_hand in (plan, replace(plan, index=Path("deleted"))):
        material = load_material(at_hand, read_documents(folder), chat, host)
        assert material.embedder
        assert material.embedder.name == MANY
        assert material.index
        assert material.index.embedder_hash == material.embedder.hash


def test_without_a_multilingual_one_nothing_is_suggested(host: Settings) -> None:
    browser = Browser(Services(host))
    browser.add(VIETNAMESE)
    assert not browser.panel()["suggestion"]["visible"]


@pytest.mark.usefixtures("here")
def test_a_choice_that_is_here_no_more_gives_way_to_the_hosts_own(host: Settings, hub_cache: Path) -> None:
    browser = Browser(Services(host))
    browser.services.store.choose_embedder(browser.visitor, MANY)
    shutil.rmtree(hub_cache)
    browser.add(PROSE)
    assert browser.made_with() == "own"


def test_starting_over_gives_a_change_up(host: Settings, hub: SmallHub) -> None:
    browser = Browser(Services(host))
    browser.services.embedders.ask_hub()
    hub.go_on.clear()
    browser.choose(MANY)
    browser.services.visitors.forget(browser.visitor)
    hub.go_on.set()
    assert browser.settled()
    assert wait_until(lambda: MANY in browser.services.embedders.in_memory())
    assert browser.panel()["chosen"]["value"] == "own"


@pytest.mark.usefixtures("here")
def test_the_choice_made_last_is_the_one_that_counts(host: Settings) -> None:
    browser = Browser(Services(host))
    browser.add(PROSE)
    for name in (MANY, "own", MANY, "own"):
        browser.choose(name)
    assert browser.settled()
    assert browser.made_with() == "own"


@pytest.mark.usefixtures("here")
def test_a_choice_made_while_the_one_before_is_written_is_not_lost(
    host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(Services(host))
    browser.add(PROSE)
    store = browser.services.store
    write, written = store.choose_embedder, threading.Event()

    def choose(visitor: str, name: str) -> None:
        if name == MANY:
            threading.Thread(target=browser.choose, args=("own",)).start()
            written.wait(0.5)
        write(visitor, name)
        if name == "own":
            written.set()

    monkeypatch.setattr(store, "choose_embedder", choose)
    browser.choose(MANY)
    assert written.wait(10)
    assert browser.settled()
    assert browser.made_with() == "own"


@pytest.mark.usefixtures("here")
def test_while_one_loads_the_others_serve_and_two_stay_in_memory(
    host: Settings, encoders: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(host)
    begun, go_on = threading.Event(), threading.Event()

    def slow(folder: Path, name: str) -> Embedder:
        if name == MANY:
            begun.set()
            go_on.wait(30)
        return Embedder(folder, name=name)

    monkeypatch.setattr(embedders_module, "Embedder", slow)
    own = services.embedders.default()
    waiting, other = Browser(services), Browser(services)
    waiting.choose(MANY)
    assert begun.wait(30)
    assert services.embedders.of(other.visitor) is own
    assert waiting.told() == "Loading paraphrase-multilingual-MiniLM-L12-v2…"
    go_on.set()
    assert waiting.settled()
    shutil.copytree(encoders / "own", put_in_cache(hub_cache, ENGLISH), dirs_exist_ok=True)
    services.store.choose_embedder(other.visitor, ENGLISH)
    assert services.embedders.of(other.visitor).name == ENGLISH
    assert services.embedders.in_memory() == [MANY, ENGLISH]
    assert services.embedders.default() is not own


def test_a_silent_hub_and_a_slow_embedder_hold_up_no_page(host: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()

    def slow(folder: Path, name: str) -> Embedder:
        never.wait(20)
        return Embedder(folder, name=name)

    monkeypatch.setattr(embedders_module, "Embedder", slow)

    def wait_and_fail(*_: Any, **__: Any) -> None:
        never.wait(20)
        raise TimeoutError

    monkeypatch.setattr(registry.HfApi, "model_info", wait_and_fail)
    services = Services(host)
    began = time.monotonic()
    services.start()
    assert Browser(services).offered() == []
    assert time.monotonic() - began < 3
    never.set()
    services.close()


def test_making_the_embedders_asks_nobody(host: Settings, hub: SmallHub) -> None:
    services = Services(host)
    assert isinstance(services.embedders, Embedders)
    Browser(services).panel()
    assert hub.asked == []
