"""The only module that uses private or version-bound parts of gradio; `check` tests them before the page opens."""

import inspect
import os
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import gradio as gr
import orjson
from gradio.context import LocalContext
from gradio.data_classes import BlocksConfigDict
from gradio.mcp import GradioMCPServer
from gradio.route_utils import API_PREFIX, CustomCORSMiddleware
from gradio.routes import STATIC_TEMPLATE_LIB, App
from gradio_client.utils import is_file_obj_with_meta

WRITTEN_FOR = "6.31.0"
UPLOAD_ROUTE = "/upload"  # below API_PREFIX
FILE_ROUTES = ("/file=", "/file/")  # below API_PREFIX; a path follows
SESSION_ROUTES = ("/heartbeat/",)  # below API_PREFIX; a session's name follows
# Below API_PREFIX, with what follows: routes that fetch for others, keep a session's values, or run functions that no
# part of this page has.
CLOSED_ROUTES = (
    "/proxy=",
    "/stream",
    "/deep_link",
    "/component_server",
    "/process_recording",
    "/run-history",
    "/runs",
    "/vibe",
    "/undo-vibe",
    "/dev",
    "/token",
    "/profiling",
)
_FOLDER_OF_REQUEST: ContextVar[str] = ContextVar("folder_of_request", default="")
RUN_ROUTE = "/run"  # runs one endpoint: `…/run/NAME`
CONFIG_KEYS = ("title", "api_prefix", "i18n_translations")  # client_scripts use them in window.gradio_config
REPEATED = ("api_info_as_input", "api_info_as_output")  # of a component in the configuration
CONFIG_SCRIPT = b"window.gradio_config = "
UNCHANGED = {"__type__": "update"}  # the update that leaves a component as it is; the browser writes it too
# The page's own scripts go in front of this tag: after Gradio's configuration, before Gradio's first script.
SCRIPTS_BEFORE = b'<link rel="manifest"'
# Tags for other sites that show a link to the page: Gradio's name Gradio and a picture of its own.
SOCIAL_TAGS = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>')
ADDRESS = re.compile(rb'"root": ?"([^"]*)"')  # of the page, in its configuration
TEMPLATE = Path(STATIC_TEMPLATE_LIB) / "frontend" / "index.html"
# Seconds between two looks at the queue, and between two progress updates. Gradio's default on Linux, a thousand looks
# per second, costs a twelfth of a core that a training run needs. These are Gradio's values on Windows.
QUEUE_SECONDS = (0.05, 0.1)
# Gradio's CSS classes that style.css overrides. They spoil looks only, so a test checks them and the start does not.
STYLED_CLASSES = ("fillable", "gradio-container", "html-container", "line-break", "tab-container", "textfield", "token")
# Messages of a chat, which Gradio gives a label and no role, so that a screen reader may skip the label. If Gradio
# renames them, the accessibility test notices and the start does not.
MESSAGES = '[data-testid="bot"], [data-testid="user"]'
# A table: its headers have the name of their column as title and, like its cells, their column's number.
TABLES = '[role="grid"].table-wrap'
QUEUE_ATTRIBUTES = ("sleep_when_free", "progress_update_sleep_when_free")
# Of `launch`: do not ask for the page from the same process and give up after three seconds, which a machine that
# loads a model at the same time may need.
WITHOUT_LOOKING: Mapping[str, Any] = {"_frontend": False}
TOOL_VALUES = ("data", "root_url")  # what GradioMCPServer.postprocess_output_data takes


class IncompatibleGradioError(RuntimeError):
    """The installed gradio lacks something that this page uses."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(
            f"The page was written for gradio {WRITTEN_FOR}, and gradio {gr.__version__} is installed. It lacks: "
            f"{'; '.join(missing)}. Install gradio=={WRITTEN_FOR}, or adapt playground/ui/compat.py."
        )


def check() -> None:
    """Test everything that this module relies on, on a page with a single component.

    Raises:
        IncompatibleGradioError: naming all that is missing.
    """
    if missing := missing_parts():
        raise IncompatibleGradioError(missing)


def missing_parts() -> list[str]:
    """What the installed gradio lacks, in words; empty where all is there."""
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Textbox()
    return [words for words, is_there in _CHECKS.items() if not is_there(page)]


def hide_events(page: gr.Blocks, offered: Collection[str]) -> None:
    """Leave all but these out of the list of endpoints; tests and benchmarks call some others by name."""
    for event in page.fns.values():
        if event.api_visibility == "public" and event.api_name not in offered:
            event.api_visibility = "undocumented"


def without_repeats(config: BlocksConfigDict) -> BlocksConfigDict:
    """The page's configuration, which each browser gets, without what says again what a component takes and gives.

    Gradio describes the endpoints by `api_info` where these two are missing, and makes the examples anew.
    """
    for component in config["components"]:
        component.pop("example_inputs", None)
        for name in REPEATED:
            if name in component and component[name] == component.get("api_info"):
                del component[name]
    return config


def slow_down_queue(page: gr.Blocks) -> None:
    """Let the queue look for work a few times per second; after `page.queue()`, which makes a new one."""
    page._queue.sleep_when_free, page._queue.progress_update_sleep_when_free = QUEUE_SECONDS


def insert_scripts(html: bytes, scripts: str) -> bytes:
    """Gradio's HTML with the page's own scripts in it.

    Raises:
        IncompatibleGradioError: the place for them is missing or not unique; the page would lose them silently.
    """
    if not _has_place_for_scripts(html):
        raise IncompatibleGradioError([_PLACE_FOR_SCRIPTS])
    return html.replace(SCRIPTS_BEFORE, scripts.encode() + SCRIPTS_BEFORE)


def replace_social_tags(html: bytes, make: Callable[[str], str]) -> bytes:
    """Gradio's HTML with tags of the page's own, which `make` gives for the page's address."""
    found = ADDRESS.search(html)
    tags = make(found.group(1).decode() if found else "")
    return SOCIAL_TAGS.sub(b"", html).replace(b"</head>", tags.encode() + b"</head>", 1)


class _UploadFolder(os.PathLike[str]):
    """The folder that Gradio takes uploads into; a request may set its own."""

    def __init__(self, shared: str) -> None:
        self._shared = shared

    def __fspath__(self) -> str:
        return _FOLDER_OF_REQUEST.get() or self._shared

    __str__ = __fspath__


@contextmanager
def upload_into(app: App, folder: Path) -> Iterator[None]:
    """Let Gradio take the uploads of this request into this folder.

    Its own names a file by the content: two visitors who bring the same file would share one.
    """
    if not isinstance(app.uploaded_file_dir, _UploadFolder):
        app.uploaded_file_dir = _UploadFolder(str(app.uploaded_file_dir))  # type: ignore[assignment]
    token = _FOLDER_OF_REQUEST.set(str(folder))
    try:
        yield
    finally:
        _FOLDER_OF_REQUEST.reset(token)


def header_of_event(name: str) -> str:
    """A header of the request that asked for the event that is handled here and now; empty outside of an event."""
    request = LocalContext.request.get(None)
    return str(request.headers.get(name, "")) if request is not None else ""


def keep_files_in(folder: Path) -> None:
    """Let Gradio keep uploads and downloads here; before the page is built."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder)


@asynccontextmanager
async def adapted(app: App) -> AsyncIterator[None]:
    """A lifespan that takes away Gradio's answers to other origins and lets it give assistants JSON."""
    _remove_cross_origin(app)
    if server := app.get_blocks().mcp_server_obj:
        _answer_in_json(server)
    yield


def _remove_cross_origin(app: App) -> None:
    """The page's own origin needs none of it."""
    app.user_middleware = [each for each in app.user_middleware if each.cls is not CustomCORSMiddleware]
    app.middleware_stack = app.build_middleware_stack()


def _answer_in_json(server: GradioMCPServer) -> None:
    """Let tools return JSON; Gradio writes what is neither a text nor a file in Python's notation."""
    write = server.postprocess_output_data

    def write_json(data: Sequence[Any], root_url: str) -> list[Any]:
        return write([_json_text(each) for each in data], root_url)

    server.postprocess_output_data = write_json  # type: ignore[method-assign]


def _json_text(value: Any) -> Any:
    """A value as JSON, in which a number without a finite value is null; a text or a file as it is."""
    return value if isinstance(value, str) or is_file_obj_with_meta(value) else orjson.dumps(value).decode()


def _has_queue_attributes(page: gr.Blocks) -> bool:
    return "_queue" in vars(page) and set(QUEUE_ATTRIBUTES) <= set(vars(page._queue))


def _takes(function: Callable[..., Any], names: Collection[str]) -> bool:
    return set(names) <= set(inspect.signature(function).parameters)


def _has_cache_folder(page: gr.Blocks) -> bool:
    return all("GRADIO_CACHE" in vars(each) for each in page.blocks.values())


def _has_upload_folder(page: gr.Blocks) -> bool:
    return "uploaded_file_dir" in vars(App.create_app(page))


def _has_config_keys(page: gr.Blocks) -> bool:
    config: Mapping[str, Any] = page.get_config_file()
    return set(CONFIG_KEYS) <= set(config)


def _has_routes(page: gr.Blocks) -> bool:
    paths = App.create_app(page).openapi()["paths"]
    return f"{API_PREFIX}{RUN_ROUTE}/{{api_name}}" in paths and f"{API_PREFIX}{UPLOAD_ROUTE}" in paths


def _answers_other_origins(page: gr.Blocks) -> bool:
    return any(each.cls is CustomCORSMiddleware for each in App.create_app(page).user_middleware)


def _has_tool_values(page: gr.Blocks) -> bool:
    return "mcp_server_obj" in vars(page) and _takes(GradioMCPServer.postprocess_output_data, TOOL_VALUES)


def _has_place_for_scripts(html: bytes) -> bool:
    before, _, after = html.partition(SCRIPTS_BEFORE)
    return CONFIG_SCRIPT in before and html.count(SCRIPTS_BEFORE) == 1 and b"<script" in after


_PLACE_FOR_SCRIPTS = f"{SCRIPTS_BEFORE.decode()} once in its HTML, after its configuration and before its first script"
_CHECKS: Mapping[str, Callable[[gr.Blocks], bool]] = {
    f"Blocks._queue with {' and '.join(QUEUE_ATTRIBUTES)}": _has_queue_attributes,
    "Component.GRADIO_CACHE": _has_cache_folder,
    "Blocks.preprocess_data": lambda page: "preprocess_data" in dir(page),
    f"{' '.join(WITHOUT_LOOKING)} of Blocks.launch": lambda page: _takes(page.launch, WITHOUT_LOOKING),
    "App.uploaded_file_dir": _has_upload_folder,
    "CustomCORSMiddleware in App.user_middleware": _answers_other_origins,
    "LocalContext.request": lambda _: "request" in vars(LocalContext),
    f"gr.skip() being {UNCHANGED}": lambda _: gr.skip() == UNCHANGED,
    f"Blocks.mcp_server_obj, whose postprocess_output_data takes {' and '.join(TOOL_VALUES)}": _has_tool_values,
    f"{' and '.join(CONFIG_KEYS)} in the page's configuration": _has_config_keys,
    f"the routes {RUN_ROUTE} and {UPLOAD_ROUTE}": _has_routes,
    _PLACE_FOR_SCRIPTS: lambda _: TEMPLATE.is_file() and _has_place_for_scripts(TEMPLATE.read_bytes()),
}
