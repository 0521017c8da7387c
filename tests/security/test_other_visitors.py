"""Whatever one visitor's things are called, another can neither see nor change them, by any endpoint or address."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from playground.services.app import Services
from tests.security.conftest import Browser, Victim, everything

FILE_ROUTES = (
    "/gradio_api/file=",
    "/gradio_api/file/",
    "/file=",
    "/gradio_api/proxy=",
    "/static/",
    "/assets/",
    "/svelte/",
)
STATE = "state"  # a part whose value stays on the server
MOST_ALONE = 6  # inputs of one event that are tried one by one, beside all of them together
LEAST_PROBES = 2_000
probes: dict[str, int] = {}


def events(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Every event of the page that the server handles, with the parts whose values it takes."""
    parts = {part["id"]: part for part in config["components"]}
    for event in config["dependencies"]:
        if event["backend_fn"]:
            yield event, [parts[each] for each in event["inputs"]]


def attempts(inputs: list[dict[str, Any]], secret: str, alone: bool) -> Iterator[list[Any]]:
    """Values for an event: the secret in the place of every value, and if `alone` in one place after another."""
    usual = [None if part["type"] == STATE else part["props"].get("value") for part in inputs]
    free = [place for place, part in enumerate(inputs) if part["type"] != STATE]
    yield [shaped(part, secret) if place in free else None for place, part in enumerate(inputs)]
    for place in free[:MOST_ALONE] if alone else ():
        yield [*usual[:place], shaped(inputs[place], secret), *usual[place + 1 :]]


def shaped(part: dict[str, Any], secret: str) -> Any:
    """A value of the part's kind that names the secret."""
    if part["type"] == "file":
        file = {"path": secret, "meta": {"_type": "gradio.FileData"}}
        return [file] if part["props"].get("file_count") == "multiple" else file
    if part["type"] == "dropdown" and part["props"].get("multiselect"):
        return [secret]
    return part["props"].get("value") if part["type"] in ("number", "slider", "checkbox") else secret


@pytest.mark.slow
def test_no_event_of_the_page_shows_or_changes_what_is_anothers(
    playground: tuple[str, Services], ann: Victim, ben: Browser
) -> None:
    config = ben.http.get("/config").json()
    secrets = [*ann.ids, f"tuned:{ann.ids[1]}", f"both:{ann.ids[1]}", ann.visitor, str(ann.paths[0]), str(ann.paths[1])]
    found = list(events(config))
    assert len(found) > 60
    leaks, count, sent = [], 0, set[str]()
    for event, inputs in found:
        tried = set()
        for secret in secrets:
            for values in attempts(inputs, secret, alone=secret in (ann.ids[1], str(ann.paths[0]))):
                if (key := str(values)) in tried:
                    continue
                tried.add(key)
                count += 1
                sent |= set(map(str, values))  # a run of Ben's may be called by Ann's ids from now on
                if seen := ann.seen_in(ben.call(event, values), " ".join(sent)):
                    leaks.append(f"{event['api_name']}: {seen}")
    probes["events"] = count
    print(f"{count} calls of {len(found)} events")  # noqa: T201 - a figure for the log
    assert leaks == [], "\n".join(leaks)
    assert everything(playground[1], ann.visitor) == ann.kept


def spellings(path: str) -> Iterator[str]:
    """Ways to write a path that a server might take for the same."""
    yield from (path, quote(path), quote(quote(path)), quote(path, safe=""), path.replace("/", "%2f"))
    yield from (path.replace("/", "//"), path.replace("/", "\\"), f"{path}/.", f"{path}%00", f"{path}?a=b", f"/.{path}")
    yield from (
        f"file://{path}",
        f"http://127.0.0.1{path}",
        f"../../..{path}",
        f"%2e%2e{path}",
        f"{path};.svg",
        f"{path}%20",
    )


@pytest.mark.parametrize("cookie", ["ben", "none", "forged"])
def test_no_address_serves_a_file_of_another(playground: tuple[str, Services], ann: Victim, cookie: str) -> None:
    secret = {"none": "", "forged": ann.visitor}.get(cookie)
    browser = Browser(playground[0]) if secret is None else Browser(playground[0], secret)
    wanted = itertools.product(FILE_ROUTES, map(str, ann.paths[:12]), ("GET", "HEAD"))
    count = 0
    for route, path, method in wanted:
        for spelling in spellings(path):
            count += 1
            answer = browser.http.request(method, route + spelling)
            served = answer.status_code == 200 and "text/html" not in answer.headers["content-type"]
            assert not served, (route, spelling)
            assert not ann.seen_in(answer.text, spelling), (route, spelling)
            assert not answer.headers.get("location", "").startswith(("http", "//")), (route, spelling)
    probes[f"files {cookie}"] = count


def test_ann_herself_gets_her_own_file(playground: tuple[str, Services], ann: Victim) -> None:
    browser = Browser(playground[0], ann.secret, "another")
    assert browser.http.get(f"/gradio_api/file={ann.paths[1]}").text == "marzipan4711"
    assert browser.http.get(f"/gradio_api/file={ann.paths[2]}").status_code == 403


SESSION_ROUTES = (
    "/gradio_api/queue/data?session_hash={}",
    "/gradio_api/heartbeat/{}",
    "/gradio_api/deep_link?session_hash={}",
)


@pytest.mark.parametrize("route", SESSION_ROUTES)
def test_no_session_is_anothers(ann: Victim, ben: Browser, route: str) -> None:
    assert ben.http.get(route.format(ann.session)).status_code in (403, 404)


@pytest.mark.parametrize(
    "route", ["run/text", "queue/join", "call/text", "cancel", "reset", "api/text", "call/v2/text"]
)
def test_no_request_names_the_session_of_another(ann: Victim, ben: Browser, route: str) -> None:
    sent = {"data": [], "session_hash": ann.session, "event_id": "1", "fn_index": 1}
    assert ben.http.post(f"/gradio_api/{route}", json=sent).status_code == 403


@pytest.mark.parametrize("name", ["get_block_name", "preprocess", "ls", "get_value", "__class__", "postprocess"])
def test_no_part_has_functions_for_the_browser(ben: Browser, name: str) -> None:
    for part in (1, 5, 50):
        sent = {"component_id": part, "fn_name": name, "data": "/etc/passwd", "session_hash": "x"}
        assert ben.http.post("/gradio_api/component_server", json=sent).status_code == 404


NAMES = [
    "../../a.txt",
    "..\\..\\a.txt",
    "/etc/passwd",
    "a/b/c.txt",
    "%2e%2e%2fa.txt",
    "a\0.txt",
    "a\n.txt",
    "CON.txt",
    ".htaccess",
    "a" * 300 + ".txt",
    "$(touch x).txt",
    "`id`.txt",
    "; rm -rf .txt",
    "<img src=x onerror=alert(1)>.txt",
    "\u202etxt.exe",
    "\u00e9\u0301\u4e2d.txt",
    "-rf.txt",
    "~root.txt",
    "a.txt/",
    " .txt",
    "...",
]


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_lies_in_its_visitors_folder_whatever_it_is_called(
    playground: tuple[str, Services], ben: Browser, name: str
) -> None:
    services = playground[1]
    answer = ben.http.post("/gradio_api/upload", files={"files": (name, b"words", "text/plain")})
    if answer.status_code == 200:
        (path,) = answer.json()
        assert services.exchange.owner(Path(path)) == services.store.visitor(ben.secret)
        assert Path(path).read_bytes() == b"words"
        services.exchange.drop(Path(path))
    assert answer.status_code in (200, 400, 500)


def test_enough_was_tried() -> None:
    if "events" not in probes:
        pytest.skip("the events were not tried in this run")
    assert sum(probes.values()) >= LEAST_PROBES
