"""The endpoints as a program calls them, over loopback with gradio_client: the main job, its files, its refusals."""

import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from benchmarks.journey import free_port
from playground.export import snippets
from playground.models.registry import ModelSource
from playground.services.app import Services
from playground.settings import Settings
from playground.training import throughput
from playground.ui.api.endpoints import Endpoints
from tests.fakes.exams import brief
from tests.fakes.page import served_page
from tests.fakes.texts import CLUB_RULES

NAMES = (
    "open_visit", "add_text", "add_file", "texts", "search", "methods", "models", "train", "run_state", "stop",
    "resume", "ask", "exam", "exam_state", "export", "forget", "use_model",
)  # fmt: skip
PART = 12_000  # characters of the text that the real model is taught
ASK_KEYS = (
    "arm answer thoughts tokens stopped found seconds_to_first_token tokens_per_second prompt prompt_tokens stamp "
    "passages"
).split()
App = tuple[str, Services]


@pytest.fixture(scope="module")
def app(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory, forked_workers: None) -> Iterator[App]:
    """The whole page, jobs running, the tiny model resident."""
    data = tmp_path_factory.mktemp("data")
    yield from _served(Settings(data=data, chat_model=str(long_window_folder), port=free_port()))


def _served(settings: Settings) -> Iterator[App]:
    services = Services(settings)
    services.exams.create_draft = brief(services.exams.create_draft)  # type: ignore[method-assign]
    services.supervisor.start()
    with closing(services.supervisor), served_page(services) as url:
        yield url, services


class Program:
    """A program with a visit of its own."""

    def __init__(self, url: str) -> None:
        self.client = Client(url, verbose=False, httpx_kwargs={"timeout": 120})
        self.visit = self.client.predict(api_name="/open_visit")

    def call(self, name: str, *values: Any, **named: Any) -> Any:
        """What an endpoint that takes the visit returns."""
        return self.client.predict(self.visit, *values, **named, api_name=f"/{name}")

    def wait(self, name: str, job: str, seconds: float = 120) -> Any:
        """The state of a run or an exam once it is no longer at work."""
        ends = time.monotonic() + seconds
        while (state := self.call(name, job))["state"] in ("queued", "running", "stopping"):
            assert time.monotonic() < ends, state
            time.sleep(0.1)
        return state

    def refused(self, name: str, *values: Any, **named: Any) -> str:
        """The sentence with which a call is refused."""
        with pytest.raises(AppError) as refusal:
            self.call(name, *values, **named)
        return str(refusal.value)


@pytest.fixture
def program(app: App) -> Program:
    return Program(app[0])


@pytest.fixture(scope="module")
def without_text(app: App) -> Program:
    """A program whose visit stays empty; a new client for every refusal would take most of the time."""
    return Program(app[0])


def test_the_list_of_endpoints_has_these_alone(app: App) -> None:
    listed = httpx.get(f"{app[0]}/gradio_api/info").json()
    assert sorted(listed["named_endpoints"]) == sorted(f"/{name}" for name in NAMES)
    assert listed["unnamed_endpoints"] == {}
    for name, told in listed["named_endpoints"].items():
        assert told["description"], name
        assert all(each["type"] for each in told["parameters"] + told["returns"]), name


def test_the_page_tells_of_them_in_its_footer(app: App) -> None:
    assert "api" in httpx.get(f"{app[0]}/config").json()["footer_links"]


def test_the_main_job(app: App, program: Program, tmp_path: Path) -> None:
    assert program.call("add_text", "rules", CLUB_RULES)["characters"] == len(CLUB_RULES)
    (tmp_path / "hall.txt").write_text("Ann keeps the key of the hall, which is red. " * 20)
    assert program.call("add_file", handle_file(tmp_path / "hall.txt"))["name"] == "hall.txt"
    found = program.call("search", "Who keeps the key of the hall?", 3)
    assert (found["found"], found["passages"][0]["source"]) == (True, "hall.txt")
    texts = program.call("texts")
    assert [each["name"] for each in texts["texts"]] == ["rules.txt", "hall.txt"]
    assert texts["index"]["state"] == "ready"

    run = program.call("train", "lora", "quick", 2)
    state = program.wait("run_state", run)
    assert (state["state"], state["steps"], state["has_adapter"], state["error"]) == ("done", 2, True, "")
    assert state["loss"] > 0

    job = program.client.submit(program.visit, "What does rule 3 say?", None, run, 4, api_name="/ask")
    frames = list(job)
    assert [each["arm"] for each in frames[-1]] == ["base", "rag", "tuned", "both"]
    assert all(list(each) == ASK_KEYS for frame in frames for each in frame)
    assert all(each["prompt_tokens"] for each in frames[-1])
    assert frames[-1][1]["passages"]

    shown = snippets.with_endpoints(app[0], run, "a secret").replace("VISIT", program.visit).replace("64", "4")
    subprocess.run([sys.executable, "-c", shown], cwd=tmp_path, check=True)

    exam = program.call("exam", run, 4, ["base", "tuned"])
    done = program.wait("exam_state", exam)
    assert (done["state"], done["step"]) == ("done", done["steps"])
    assert done["verdict"]
    assert list(done["figures"]["arms"]) == ["base", "tuned"]
    with zipfile.ZipFile(program.call("export", exam, "report")) as report:
        assert "exam-report/report.html" in report.namelist()
    with zipfile.ZipFile(program.call("export", run, "plain")) as adapter:
        assert "LoRA-plain/adapter_model.safetensors" in adapter.namelist()
    assert program.call("forget") is True
    assert program.call("texts") == {"texts": [], "index": {"state": "missing"}}


def test_a_run_is_stopped_and_resumed_and_needs_nobody_to_watch_it(services: Services) -> None:
    api = Endpoints(services)
    visit = api.open_visit()
    api.add_text(visit, "rules", CLUB_RULES)
    run = api.train(visit, max_steps=3)
    assert api.train(visit, max_steps=3) == run, "one run at a time"
    assert api.run_state(visit, run)["state"] == "queued"
    assert services.runs.get(services.store.visitor(visit), run).kept
    assert api.stop(visit, run)["state"] == "stopped"
    assert api.resume(visit, run)["state"] == "queued"


def test_what_can_be_chosen_is_listed_with_its_cost_and_names_no_folder(app: App) -> None:
    client = Client(app[0], verbose=False)
    methods, models = client.predict(api_name="/methods"), client.predict(api_name="/models")
    assert {each["id"] for each in methods} >= {"lora", "vera", "full"}
    assert all(each["cost"]["trainable"] > 0 for each in methods if not each["unavailable"])
    assert [each["role"] for each in models][:2] == ["chat", "embedder"]
    assert str(app[1].settings.data) not in json.dumps([methods, models])


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("add_text", ("a", ""), "empty"),
        ("add_text", (None, "words"), "name must be a text, got None"),
        ("search", ("Why?", True), "k must be a whole number, got True"),
        ("search", ("Why?", 1.5), "k must be a whole number, got 1.5"),
        ("search", ("Why?", 10**30), "k must be from 1 to 50, got 1000"),
        ("search", ("",), "empty"),
        ("search", ("Why?",), "no text"),
        ("train", ("nonsense",), "no method called 'nonsense'"),
        ("train", ("lora", "nonsense"), "preset must be one of sketch, quick, thorough, got 'nonsense'"),
        ("train", ("lora", "quick", -1), "max_steps must be from 0"),
        ("train", ("lora", "quick", 10**400), "max_steps must be from 0"),
        ("train", (), "no text"),
        ("run_state", ("nonsense",), "not found among yours"),
        ("stop", ("nonsense",), "not found among yours"),
        ("resume", ("nonsense",), "not found among yours"),
        ("ask", ("Why?", "base"), "arms must be a list of texts, got 'base'"),
        ("ask", ("Why?", ["nonsense"]), "each of arms must be one of base"),
        ("ask", ("Why?", ["tuned"]), "needs a run"),
        ("ask", ("Why?", []), "No pane"),
        ("ask", ("Why?", ["base"], "", 0), "max_new_tokens must be from 1 to 512, got 0"),
        ("ask", ("Why?", ["base"], "", 8, 2**40), "seed must be from 0"),
        ("ask", ("Why?", ["base"], "", 8, 0, "yes"), "thinking must be true or false, got 'yes'"),
        ("ask", ("x" * 3_000, ["base"]), "2000"),
        ("exam", ("", 10**30), "limit must be from 4 to 1000"),
        ("exam", (), "no text"),
        ("exam_state", ("nonsense",), "not found among yours"),
        ("export", ("nonsense",), "not found among yours"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    without_text: Program, name: str, values: tuple[Any, ...], sentence: str
) -> None:
    told = without_text.refused(name, *values)
    assert sentence in told
    assert "\n" not in told


@pytest.mark.parametrize("thinking", [False, True])
def test_a_program_may_let_a_model_think_first(services: Services, thinking: bool) -> None:
    api = Endpoints(services)
    *_, answers = api.ask(api.open_visit(), "Who keeps the key?", ["base"], "", 4, 0, thinking)
    assert [each["arm"] for each in answers] == ["base"]


def test_an_unknown_visit_is_refused_and_adds_no_visitor(app: App) -> None:
    answer = httpx.post(f"{app[0]}/gradio_api/run/texts", json={"data": ["x" * 43]})
    assert "no visit with this secret" in answer.json()["error"]
    assert not app[1].store.is_known("x" * 43)


def test_the_sentences_hold_for_the_browser_less_client_too(program: Program, app: App) -> None:
    sent = {"visit": program.visit, "question": "Why?", "k": "5"}
    event = httpx.post(f"{app[0]}/gradio_api/call/v2/search", json=sent).json()["event_id"]
    told = httpx.get(f"{app[0]}/gradio_api/call/v2/search/{event}").text
    assert "event: error" in told
    assert "k must be a whole number, got '5'" in told


def test_an_upload_is_taken_once(app: App, program: Program) -> None:
    (path,) = httpx.post(f"{app[0]}/gradio_api/upload", files={"files": ("a.txt", b"Ann keeps it.")}).json()
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    sent = {"visit": program.visit, "file": file}

    def add() -> str:
        event = httpx.post(f"{app[0]}/gradio_api/call/v2/add_file", json=sent).json()["event_id"]
        return httpx.get(f"{app[0]}/gradio_api/call/v2/add_file/{event}").text

    assert "event: complete" in add()
    assert not Path(path).exists()
    assert "not here any more" in add()


def test_a_file_of_the_server_cannot_be_added(app: App, program: Program) -> None:
    for path in ("/etc/passwd", str(app[1].settings.data / "playground.db"), "http://127.0.0.1:9/a.txt"):
        sent = {"visit": program.visit, "file": {"path": path, "meta": {"_type": "gradio.FileData"}}}
        assert httpx.post(f"{app[0]}/gradio_api/call/v2/add_file", json=sent).status_code == 403
        with pytest.raises(ValueError, match="not here any more"):
            Endpoints(app[1]).add_file(program.visit, sent["file"])  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_main_job_on_the_real_model(
    real_source: ModelSource, tmp_path: Path, forked_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "REPEATS", 1)  # how fast it would be does not matter here
    text = (Path(__file__).parents[3] / "playground/data/example_texts/us_constitution.txt").read_text()
    for url, _ in _served(Settings(data=tmp_path, chat_model=str(real_source.folder), port=free_port())):
        program = Program(url)
        program.call("add_text", "constitution", text[:PART])
        run = program.call("train", "lora", "sketch", 3)
        state = program.wait("run_state", run, 400)
        assert (state["state"], state["step"]) == ("done", 3)
        asked = program.call("ask", "Who elects the President?", None, run, 8)
        assert [each["arm"] for each in asked] == ["base", "rag", "tuned", "both"]
        assert all(each["answer"] for each in asked)
        done = program.wait("exam_state", program.call("exam", run, 4, ["base"]), 400)
        assert done["verdict"]
