"""Every endpoint for programs, found from the list of them: nobody's work without their visit, no fault of ours."""

import json
import logging
from typing import Any

import gradio as gr
import pytest

from playground.services.app import Services
from playground.storage.store import new_secret
from playground.ui.api.checks import endpoint
from playground.ui.api.endpoints import Endpoints
from tests.security.conftest import Browser, Victim, everything

Listed = dict[str, list[dict[str, Any]]]
WRONG: list[Any] = [
    None, True, -1, 1.5, 1e308, 10**30, "", " ", "\0", "a" * 5_000, [], [None], [[]], ["x", 1], {}, {"path": None},
    {"path": 1}, {"path": "/etc/passwd"}, "../../etc/passwd", "tuned:", "=1+1", "%s%n{0}{a}", "<script>",
]  # fmt: skip
VISITLESS = {"open_visit", "methods", "models"}


@pytest.fixture(scope="module")
def listed(playground: tuple[str, Services]) -> Listed:
    """The parameters of every endpoint."""
    info = Browser(playground[0], "").http.get("/gradio_api/info").json()
    return {name[1:]: told["parameters"] for name, told in info["named_endpoints"].items()}


@pytest.fixture
def program(playground: tuple[str, Services]) -> Browser:
    """A client without a cookie."""
    return Browser(playground[0], "", "program0123456")


def call(program: Browser, name: str, values: dict[str, Any]) -> str:
    """All that a call by names is answered with."""
    joined = program.http.post(f"/gradio_api/call/v2/{name}", json=values)
    if joined.status_code != 200:
        return joined.text
    return program.http.get(f"/gradio_api/call/v2/{name}/{joined.json()['event_id']}").text


def usual(parameters: list[dict[str, Any]], visit: str) -> dict[str, Any]:
    """A value for every parameter that has to have one."""
    given = {each["parameter_name"]: "x" for each in parameters if not each["parameter_has_default"]}
    given |= {"file": {"path": "x", "meta": {"_type": "gradio.FileData"}}} if "file" in given else {}
    return {**given, "visit": visit}


def taking_a_visit(listed: Listed) -> Listed:
    return {name: of for name, of in listed.items() if "visit" in [each["parameter_name"] for each in of]}


def test_all_but_the_general_ones_take_a_visit(listed: Listed) -> None:
    assert set(listed) - set(taking_a_visit(listed)) == VISITLESS


def test_no_endpoint_answers_to_a_visit_that_nobody_holds(program: Browser, ann: Victim, listed: Listed) -> None:
    for name, parameters in taking_a_visit(listed).items():
        for visit in (ann.visitor, ann.session, ann.ids[0], new_secret(), ""):
            told = call(program, name, usual(parameters, visit))
            expected = "no visit with this secret", "not among yours"  # the second where a file is named
            # Other tests bring her ids as cookies, which opens empty visits of these names.
            assert visit in (ann.visitor, ann.session, ann.ids[0]) or any(each in told for each in expected), (
                name,
                told,
            )
            assert not ann.seen_in(told), name


def test_no_endpoint_shows_or_changes_what_is_anothers(
    playground: tuple[str, Services], program: Browser, ben: Browser, ann: Victim, listed: Listed
) -> None:
    secrets, tried = [*ann.ids, f"tuned:{ann.ids[1]}", ann.visitor, str(ann.paths[0]), str(ann.paths[1])], 0
    for name, parameters in taking_a_visit(listed).items():
        if name == "forget":  # Ben's own
            continue
        for secret in secrets:
            values = usual(parameters, ben.secret)
            for each in parameters:
                if each["parameter_name"] not in ("visit", "question", "name", "text"):
                    values[each["parameter_name"]] = shaped(each, secret)
            tried += 1
            told = call(program, name, values)
            assert not ann.seen_in(told, json.dumps(values)), (name, told)
    assert tried > 60
    assert everything(playground[1], ann.visitor) == ann.kept


def shaped(parameter: dict[str, Any], secret: str) -> Any:
    """A value of the parameter's type that names the secret, where it can."""
    kind = parameter["type"].get("type")
    if kind == "integer":
        return parameter["parameter_default"]
    if kind == "object":
        return {"path": secret, "meta": {"_type": "gradio.FileData"}}
    return secret if kind == "string" else [secret]


def test_no_wrong_value_is_a_fault_of_ours(
    playground: tuple[str, Services], ben: Browser, listed: Listed, caplog: pytest.LogCaptureFixture
) -> None:
    api, refused = Endpoints(playground[1]), 0
    for name, parameters in listed.items():
        call = endpoint(vars(Endpoints)[name].__get__(api))
        for parameter in parameters:
            for wrong in WRONG:
                values = {each["parameter_name"]: each["parameter_default"] for each in parameters}
                values |= {**usual(parameters, ben.secret), parameter["parameter_name"]: wrong}
                if not is_wrong(name, parameter["parameter_name"], wrong):
                    continue
                with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as refusal:
                    list(call(*values.values()))  # one that streams does nothing before it is read
                assert caplog.records == [], (name, values)
                assert "\n" not in str(refusal.value.message)
                refused += 1
    assert refused > 400


def is_wrong(name: str, parameter: str, value: Any) -> bool:
    """Whether the endpoint cannot take this value, whatever else it is given."""
    is_text = isinstance(value, str)
    if parameter in ("name", "text"):
        return not is_text
    if (name, parameter) in (("ask", "run"), ("exam", "run")):
        return not is_text  # without an arm that needs one, a run is not looked for
    if parameter == "model":
        return value != ""  # which only asks for the state
    if parameter == "token":
        return not is_text
    if parameter == "thinking":
        return not isinstance(value, bool)
    if parameter == "arms":
        return value is not None and value != []
    return not (parameter == "question" and is_text and value.strip())
