"""What a host's monitoring reads over loopback: health, figures and request ids, and no text among them."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.journey import free_port
from playground.services.app import Services
from playground.settings import NOTHING, Settings
from tests.fakes.page import served_page

SECRET_WORD = "Quillfeather"
HALL = "Ann keeps the key of the hall. The hall is red and stands beside the old mill."


@pytest.fixture(scope="module")
def site(long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Services]]:
    """A playground whose host shows figures; its jobs do not run."""
    data = tmp_path_factory.mktemp("data")
    settings = Settings(data=data, chat_model=str(long_window_folder), port=free_port(), prepare=NOTHING, metrics=True)
    services = Services(settings)
    with served_page(services) as url:
        yield url, services


def figures(url: str) -> dict[str, float]:
    """All figures by name and labels."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    return {f"{each.name}{''.join(each.labels.values())}": each.value for family in families for each in family.samples}


def test_health_tells_what_is_loaded_and_waits_without_a_cookie(site: tuple[str, Services]) -> None:
    url, services = site
    answer = httpx.get(f"{url}/health")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert "set-cookie" not in answer.headers
    assert answer.json() == {"status": "up", "model_loaded": False, "questions": 0, "runs_waiting": 0}
    assert services.chat
    assert httpx.get(f"{url}/health").json()["model_loaded"] is True
    assert httpx.head(f"{url}/health").text == ""


def test_the_figures_grow_with_the_work_and_hold_no_text(site: tuple[str, Services]) -> None:
    url, services = site
    before = figures(url)
    client = Client(url, verbose=False)
    visit = client.predict(api_name="/open_visit")
    text = " ".join(f"Rule {n} of {SECRET_WORD}: member {n} brings cake number {n} on day {n}." for n in range(60))
    client.predict(visit, SECRET_WORD, text, api_name="/add_text")
    client.predict(visit, "hall", HALL, api_name="/add_text")
    (record,) = client.predict(visit, f"Where is {SECRET_WORD}?", ["base"], "", 8, api_name="/ask")
    client.predict(visit, "lora", "sketch", 1, api_name="/train")
    with pytest.raises(Exception, match="takes no|must be"):
        client.predict(visit, 7, api_name="/search")
    assert httpx.get(url, headers={"origin": "https://elsewhere.example"}).status_code == 403
    after = figures(url)
    grown = {name: after[name] - before.get(name, 0.0) for name in after}
    assert grown["playground_visitors"] == grown["playground_visitors_here"] == 1
    assert grown["playground_answers_totalfinished"] == 1
    assert grown["playground_tokens_total"] == record["tokens"] > 0
    assert grown["playground_runsqueued"] == 1
    assert grown["playground_refusals_totalinput"] == grown["playground_refusals_totalrefused.origin"] == 1
    assert after["playground_disk_free_bytes"] > 0
    assert after["playground_model_loaded"] == 1
    assert after["process_resident_memory_bytes"] > 0
    told = httpx.get(f"{url}/metrics").text + httpx.get(f"{url}/health").text
    assert SECRET_WORD not in told
    assert services.store.visitor(visit) not in told
    assert httpx.get(f"{url}/health").json()["runs_waiting"] == 1


def test_figures_are_off_unless_the_host_shows_them(services: Services) -> None:
    settings = replace(services.settings, port=free_port(), metrics=Settings().metrics)
    with served_page(Services(settings)) as url:
        assert httpx.get(f"{url}/health").status_code == 200
        assert httpx.get(f"{url}/metrics").status_code == 404


def test_a_server_that_ends_says_so_and_takes_no_questions(services: Services) -> None:
    services = Services(replace(services.settings, port=free_port()))
    with served_page(services) as url:
        client = Client(url, verbose=False)
        visit = client.predict(api_name="/open_visit")
        assert services.answers.finish(0) == 0
        assert (httpx.get(f"{url}/health").status_code, httpx.get(f"{url}/health").json()["status"]) == (503, "ending")
        with pytest.raises(Exception, match="takes no more questions"):
            client.predict(visit, "Who?", ["base"], api_name="/ask")


@pytest.mark.parametrize(("given", "kept"), [("abc-123", True), ("a" * 65, False), ("a b<script>", False)])
def test_a_request_keeps_a_proxys_id_or_gets_one(site: tuple[str, Services], given: str, kept: bool) -> None:
    got = httpx.get(f"{site[0]}/health", headers={"x-request-id": given}).headers["x-request-id"]
    assert (got == given) is kept
    assert re.fullmatch(r"[\w-]{1,64}", got)


def test_two_requests_have_two_ids(site: tuple[str, Services]) -> None:
    assert len({httpx.get(f"{site[0]}/health").headers["x-request-id"] for _ in range(5)}) == 5
    assert json.loads(httpx.get(f"{site[0]}/health").text)
