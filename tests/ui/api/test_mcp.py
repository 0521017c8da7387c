"""The endpoints as an assistant calls them: the official `mcp` client over HTTP."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_type_hints

import gradio as gr
import httpx
import pytest

from benchmarks.journey import free_port
from playground.errors import UserError
from playground.models.registry import ModelSource
from playground.services.app import Services
from playground.settings import Settings
from playground.ui.api import mcp as mcp_setting
from playground.ui.api.endpoints import Endpoints
from tests.fakes.exams import brief
from tests.fakes.page import served_page
from tests.fakes.texts import CLUB_RULES

mcp = pytest.importorskip("mcp")
from mcp.client.streamable_http import streamablehttp_client  # noqa: E402

NAMES = {name for name in vars(Endpoints) if not name.startswith("_")}
STRUCTURED = {name for name in NAMES if get_type_hints(getattr(Endpoints, name))["return"] not in (str, gr.FileData)}
Job = Callable[["Assistant"], Awaitable[None]]


class Assistant:
    """A session of the official client."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.told: dict[str, str] = {}

    async def call(self, tool: str, /, **values: Any) -> Any:
        """The value that a tool returns; its text is kept in `told`."""
        result = await self.session.call_tool(tool, values)
        told = result.content[0].text
        assert not result.isError, told
        self.told[tool] = told
        return json.loads(told) if tool in STRUCTURED else told

    async def refused(self, tool: str, /, **values: Any) -> str:
        """The sentence with which a tool refuses."""
        result = await self.session.call_tool(tool, values)
        assert result.isError, result
        return str(result.content[0].text)

    async def wait(self, tool: str, /, **values: Any) -> Any:
        """The state of a run or an exam once it is no longer at work."""
        while (state := await self.call(tool, **values))["state"] in ("queued", "running", "stopping"):
            await asyncio.sleep(0.2)
        return state


def run(url: str, job: Job) -> None:
    """Let an assistant do this."""

    async def work() -> None:
        async with streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _):
            async with mcp.ClientSession(read, write) as session:
                await session.initialize()
                await job(Assistant(session))

    asyncio.run(work())


def _served(data: Path, model: Path, **more: Any) -> Iterator[tuple[str, Services]]:
    services = Services(Settings(data=data, chat_model=str(model), port=free_port(), mcp=True, **more))
    services.exams.create_draft = brief(services.exams.create_draft)  # type: ignore[method-assign]
    services.supervisor.start()
    with closing(services.supervisor), served_page(services) as url:
        yield url, services


@pytest.fixture(scope="module")
def app(
    long_window_folder: Path, tmp_path_factory: pytest.TempPathFactory, forked_workers: None
) -> Iterator[tuple[str, Services]]:
    """The page with the tiny model, which offers its endpoints to assistants."""
    yield from _served(tmp_path_factory.mktemp("data"), long_window_folder)


def test_the_tools_are_the_endpoints_and_tell_what_they_take(app: tuple[str, Services]) -> None:
    async def look(assistant: Assistant) -> None:
        tools = {tool.name: tool for tool in (await assistant.session.list_tools()).tools}
        assert set(tools) == NAMES
        assert all(tool.description for tool in tools.values())
        taken = tools["ask"].inputSchema
        assert taken["required"] == ["visit", "question"]
        assert all(each["description"] for each in taken["properties"].values())

    run(app[0], look)


def test_the_main_job(app: tuple[str, Services]) -> None:
    async def work(assistant: Assistant) -> None:
        visit = await assistant.call("open_visit")
        await assistant.call("add_text", visit=visit, name="rules", text=CLUB_RULES)
        found = await assistant.call("search", visit=visit, question="What does rule 3 say?", k=1)
        assert "rule 3" in found["passages"][0]["text"].lower()
        made = await assistant.call("train", visit=visit, max_steps=2)
        assert (await assistant.wait("run_state", visit=visit, run=made))["state"] == "done"
        asked = await assistant.call("ask", visit=visit, question="What does rule 3 say?", run=made, max_new_tokens=4)
        assert [each["arm"] for each in asked] == ["base", "rag", "tuned", "both"]
        exam = await assistant.call("exam", visit=visit, limit=4, arms=["base"])
        assert (await assistant.wait("exam_state", visit=visit, exam=exam))["verdict"]
        address = await assistant.call("export", visit=visit, run=made, form="plain")
        assert httpx.get(address).content[:2] == b"PK"
        assert await assistant.call("forget", visit=visit) is True

    run(app[0], work)


def test_every_structure_is_json_in_the_letters_of_the_text(app: tuple[str, Services]) -> None:
    words = CLUB_RULES.replace("Rule", "Quy định thứ").replace("cake", "bánh ngọt số")

    async def work(assistant: Assistant) -> None:
        visit = await assistant.call("open_visit")
        await assistant.call("add_text", visit=visit, name="luật", text=words)
        encoded = base64.b64encode("Hội trường màu đỏ.".encode()).decode()
        await assistant.call("add_file", visit=visit, file=f"data:text/plain;base64,{encoded}")
        await assistant.call("search", visit=visit, question="bánh ngọt số 3?", k=1)
        await assistant.call("texts", visit=visit)
        await assistant.call("methods")
        await assistant.call("models")
        assert (await assistant.call("use_model", visit=visit))["coming"] is None
        made = await assistant.call("train", visit=visit, preset="thorough")
        await assistant.call("stop", visit=visit, run=made)
        assert (await assistant.wait("run_state", visit=visit, run=made))["state"] == "stopped"
        await assistant.call("resume", visit=visit, run=made)
        await assistant.call("ask", visit=visit, question="bánh ngọt số 3?", arms=["rag"], max_new_tokens=4)
        exam = await assistant.call("exam", visit=visit, arms=["base"])
        await assistant.call("exam_state", visit=visit, exam=exam)
        for job in (exam, made):
            await assistant.call("stop", visit=visit, run=job)
            await assistant.wait("run_state", visit=visit, run=job)
        await assistant.call("forget", visit=visit)
        assert [tool for tool in STRUCTURED if tool not in assistant.told] == []
        assert "bánh ngọt" in assistant.told["search"]
        assert "luật.txt" in assistant.told["texts"]

    run(app[0], work)


def test_a_file_is_brought_as_a_data_address_and_leaves_nothing_behind(app: tuple[str, Services]) -> None:
    words = base64.b64encode(b"Ann keeps the key of the hall.").decode()

    async def work(assistant: Assistant) -> None:
        visit = await assistant.call("open_visit")
        added = await assistant.call("add_file", visit=visit, file=f"data:text/plain;base64,{words}")
        assert added["characters"] == 30

    run(app[0], work)
    exchange = app[1].exchange
    exchange.sweep(now=2e9)
    assert [each for each in exchange.folder.rglob("*") if each.is_file() and b"Ann keeps" in each.read_bytes()] == []


@pytest.mark.parametrize("file", ["/etc/passwd", "http://127.0.0.1:9/a.txt", 1])
def test_neither_a_file_of_the_server_nor_an_address_is_read(app: tuple[str, Services], file: Any) -> None:
    async def work(assistant: Assistant) -> None:
        visit = await assistant.call("open_visit")
        assert "root:" not in await assistant.refused("add_file", visit=visit, file=file)
        assert (await assistant.call("texts", visit=visit))["texts"] == []

    run(app[0], work)


@pytest.mark.parametrize("taken", ["file", "text", "visit"])
def test_a_call_that_names_a_file_of_the_server_is_refused_before_any_tool(
    app: tuple[str, Services], taken: str
) -> None:
    """Gradio's own client in the server would read the file and send it."""
    given = {"visit": "x", taken: {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}}
    asked = {"name": "add_file", "arguments": given}
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
    headers = {"Accept": "application/json, text/event-stream"}
    answer = httpx.post(f"{app[0]}/gradio_api/mcp/", json=sent, headers=headers)
    assert (answer.status_code, "not among yours" in answer.text) == (403, True)


def test_a_refusal_is_one_sentence(app: tuple[str, Services]) -> None:
    async def work(assistant: Assistant) -> None:
        visit = await assistant.call("open_visit")
        assert (await assistant.refused("texts", visit="x" * 43)).startswith("There is no visit with this secret")
        assert "no method called 'x'" in await assistant.refused("train", visit=visit, method="x")
        assert "not found among yours" in await assistant.refused("run_state", visit=visit, run="x")

    run(app[0], work)


def test_a_page_of_another_site_reaches_no_tool(app: tuple[str, Services]) -> None:
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream", "Origin": "https://elsewhere.example"}
    assert httpx.post(f"{app[0]}/gradio_api/mcp/", json=sent, headers=headers).status_code == 403


def test_without_the_setting_there_is_no_such_address(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    with served_page(services) as url:
        assert httpx.post(f"{url}/gradio_api/mcp/", json={}).status_code in (404, 405)


def test_the_setting_without_the_package_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_setting, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install"):
        mcp_setting.check(Settings(mcp=True))
    mcp_setting.check(Settings())


@pytest.mark.slow
def test_asking_the_real_model(real_source: ModelSource, tmp_path: Path) -> None:
    """Training on it is the same below the endpoints, whose own tests do it."""

    async def work(assistant: Assistant) -> None:
        visit = await assistant.call("open_visit")
        await assistant.call("add_text", visit=visit, name="rules", text=CLUB_RULES)
        asked = await assistant.call("ask", visit=visit, question="What does rule 3 say?", max_new_tokens=8)
        assert [each["arm"] for each in asked] == ["base", "rag"]
        assert all(each["answer"] for each in asked)

    for url, _ in _served(tmp_path, real_source.folder):
        run(url, work)
