"""Fixtures that all tests share: a tiny model, a data folder of the test's own, one thread, and no network."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # as app.py and the command line do
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of every process that a test starts: the tests themselves are parallel

import certifi
import pytest
import torch
from huggingface_hub import constants
from transformers import LlamaForCausalLM, PretrainedConfig, PreTrainedTokenizerFast

from adapters.cost import MethodCost, MethodSetting, measure_costs
from playground.cli.commands import bakeoff
from playground.device import Device
from playground.errors import UserError
from playground.jobs import supervisor
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource, chat_source
from playground.services import embedders, method_costs
from playground.services.app import Services
from playground.services.library import Library
from playground.settings import NOTHING, Settings
from playground.storage.store import Store, new_secret
from tests.fakes.chat_model import small_chat
from tests.fakes.embedders import LetterEmbedder, RememberingEmbedder
from tests.fakes.forked_worker import fork_worker, start_server
from tests.fakes.hub import SmallHub, small_hub, use
from tests.fakes.real_runs import RealRuns
from tests.fakes.tiny_model import save_tiny_model, tiny_llama, tiny_tokenizer
from tests.fakes.two_bases import LISTED_ON_HUB, OTHER, two_bases

Write = Callable[[str, "str | bytes"], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny matrices run many times faster on one thread than on a pool."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test speaks TLS, yet every HTTP client first reads the file of certificates: 30 ms for the usual one."""
    file = tmp_path_factory.mktemp("certificates") / "one.pem"
    first, end, _ = certifi.contents().partition("-----END CERTIFICATE-----")
    file.write_text(first + end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield


@pytest.fixture(autouse=True, scope="session")
def embedder_loaded_once() -> Iterator[None]:
    """The services of all tests share each embedder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedders, "Embedder", cache(RememberingEmbedder))
        yield


@pytest.fixture(autouse=True, scope="session")
def costs_measured_once() -> Iterator[None]:
    """Every app on the same tiny model shows the same costs of the methods, which takes a process and seconds."""
    known: dict[str, list[MethodCost]] = {}

    def measure(settings: Sequence[MethodSetting], config: PretrainedConfig) -> list[MethodCost]:
        key = f"{settings} {config.to_json_string()}"
        if key not in known:
            known[key] = measure_costs(settings, config)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method_costs, "measure_costs", measure)
        yield


@pytest.fixture(scope="module")
def forked_workers() -> Iterator[None]:
    """Workers that need not import everything first, for tests that are not about how a worker starts."""
    start_server()
    with pytest.MonkeyPatch.context() as patch:
        for starter in (supervisor, bakeoff):
            patch.setattr(starter, "start_worker", fork_worker)
        yield


@pytest.fixture
def settings(tmp_path: Path, tiny_model_folder: Path) -> Settings:
    """The tiny chat model alone and a data folder of this test's own; nothing is prepared and no worker kept."""
    return Settings(
        data=tmp_path / "data",
        chat_model=str(tiny_model_folder),
        chat_models=NOTHING,
        prepare=NOTHING,
        spare_worker=False,
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    """An empty store."""
    return Store(settings)


@pytest.fixture
def visitor(store: Store) -> str:
    """A visitor's id; they have no text yet."""
    return store.visitor(new_secret())


@pytest.fixture
def stranger(store: Store) -> str:
    """The id of another visitor, who must see nothing of the first."""
    return store.visitor(new_secret())


@pytest.fixture
def services(settings: Settings) -> Services:
    """All services on the tiny model; nothing is started or loaded yet."""
    return Services(settings)


@pytest.fixture
def embedder() -> LetterEmbedder:
    """An embedder that needs no model and notes what it embeds."""
    return LetterEmbedder()


@pytest.fixture
def chat() -> ChatModel:
    """A chat model of tiny weights that says something else to every prompt; the same weights every time."""
    return small_chat()


@pytest.fixture
def library(store: Store, settings: Settings) -> Library:
    """The texts of the store's visitors."""
    return Library(store, settings)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and returns its path."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Texts that may be read but not shipped."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the unshippable test texts (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    """The tiny byte-level tokenizer with a chat template."""
    return tiny_tokenizer()


@pytest.fixture
def llama() -> LlamaForCausalLM:
    """A fresh tiny model; the same weights every time."""
    return tiny_llama()


@pytest.fixture(scope="session")
def tiny_model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model and its tokenizer on disk, as a folder that the settings can name."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def long_window_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a window that holds passages: its tokenizer makes a token of every byte."""
    return save_tiny_model(tmp_path_factory.mktemp("long-window"), window=8_192)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache of this test's own."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture(scope="session")
def real_source() -> ModelSource:
    """The real chat model on this machine."""
    try:
        return chat_source(Settings.from_environment())
    except UserError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def real_chat(real_source: ModelSource) -> ChatModel:
    """The real chat model, loaded once; no test may change it."""
    return load_chat(real_source, Device("cpu", torch.float32, 100.0))


@pytest.fixture(scope="session")
def real_runs(real_source: ModelSource, tmp_path_factory: pytest.TempPathFactory) -> RealRuns:
    """Six steps of each method on the real model, each trained once."""
    return RealRuns(tmp_path_factory.mktemp("real-runs"), real_source.folder)


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with further tiny chat models."""
    return two_bases(tmp_path_factory.mktemp("bases"))


@pytest.fixture
def hub(bases: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallHub]:
    """A Hub with the model that is not here."""
    with small_hub({LISTED_ON_HUB: bases / OTHER}) as (hub, address):
        use(address, monkeypatch)
        yield hub
