"""The app as a process of its own: what it logs at the start, and how it ends when it is asked to."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.client import Job

from benchmarks.journey import running_app
from playground.settings import Settings
from playground.storage.store import Store
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer
from tests.fakes.waiting import wait_until

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
RULES = " ".join(f"Rule {n} of the club: member {n} brings cake number {n} on day {n}." for n in range(60))
HALL = "Ann keeps the key of the hall. The hall is red and stands beside the old mill."
SOON = 20  # seconds, also on a busy machine
LAYERS = 80
LONG = 512  # tokens: some seconds on the slow model


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a small model of many layers, so that an answer takes seconds."""
    folder = tmp_path_factory.mktemp("slow-model")
    model = tiny_llama(layers=LAYERS)
    model.config.max_position_embeddings = 8_192
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return str(folder)


def ask(client: Client, visit: str, tokens: int) -> Job:
    """A question whose answer has begun."""
    job = client.submit(visit, "Who keeps the key?", ["base"], "", tokens, api_name="/ask")
    assert wait_until(lambda: any(records[0]["tokens"] for records in job.outputs()))
    return job


def test_answers_are_cut_in_time_and_a_run_goes_on(tmp_path: Path, slow_model: str) -> None:
    with running_app(tmp_path, PLAYGROUND_CHAT_MODEL=slow_model, PLAYGROUND_END_SECONDS="1") as (url, app):
        client = Client(url, verbose=False, headers={"x-request-id": "from-the-proxy"})
        visit = client.predict(api_name="/open_visit")
        client.predict(visit, "rules", RULES, api_name="/add_text")
        client.predict(visit, "hall", HALL, api_name="/add_text")
        run = client.predict(visit, "lora", "thorough", 2_000, api_name="/train")
        state: dict[str, Any] = {}
        assert wait_until(
            lambda: state.update(client.predict(visit, run, api_name="/run_state")) or state["step"] > 1, 240
        )
        with pytest.raises(Exception, match="no run|not found"):
            client.predict(visit, "none", api_name="/run_state")
        workers = app.children()
        job = ask(client, visit, LONG)
        begun = time.monotonic()
        app.send_signal(signal.SIGTERM)
        assert wait_until(lambda: httpx.get(f"{url}/health").status_code == 503, 5)
        (record,) = job.result(60)
        assert record["stopped"] is True
        assert 0 < record["tokens"] < LONG
        assert app.wait(30) == 0
        assert time.monotonic() - begun < SOON
    log = (tmp_path / "app.log").read_text()
    assert f"settings: HOST=127.0.0.1 PORT={url.rpartition(':')[2]}" in log
    assert re.search(r"\[from-the-proxy\] A request was refused: UserError", log)
    assert "1 questions were cut" in log
    (worker,) = [each for each in workers if each.is_running() and "playground.jobs.worker" in each.cmdline()]
    store = Store(Settings(data=tmp_path))
    assert store.runs.get(store.visitor(visit), run).state == "running"
    worker.kill()


def test_a_server_that_still_loads_its_models_ends_soon(tmp_path: Path, slow_model: str) -> None:
    with running_app(tmp_path, PLAYGROUND_CHAT_MODEL=slow_model) as (_, app):
        begun = time.monotonic()
        app.send_signal(signal.SIGTERM)
        assert app.wait(SOON) == 0
        assert time.monotonic() - begun < SOON


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "high", "The settings cannot be used: PORT must be a whole number above 0, got 'high'. "),
        ("PLAYGROUND_CHAT_MODELS", "no such model", "no such model"),
    ],
)
def test_settings_that_cannot_be_used_are_a_sentence_and_no_traceback(
    tmp_path: Path, slow_model: str, name: str, value: str, sentence: str
) -> None:
    own = {"PLAYGROUND_DATA": str(tmp_path), "PLAYGROUND_CHAT_MODEL": slow_model, name: value}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
