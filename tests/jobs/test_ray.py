"""Runs on a Ray cluster of two nodes on this machine: side by side, stopped, lost with a node or the cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path

import psutil
import pytest
import torch

import adapters
from benchmarks.journey import free_port
from playground.device import Device
from playground.evaluation import question_set, report
from playground.evaluation.answer_quality import mark_answer
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import Plan
from playground.evaluation.results import read_results
from playground.jobs import cluster as cluster_module
from playground.jobs.cluster import Cluster
from playground.jobs.node_run import OWN, NodeRun
from playground.jobs.queue import PAUSE_SECONDS, Job, JobQueue, Snapshot
from playground.jobs.supervisor import Supervisor
from playground.models.chat_model import load_chat
from playground.models.registry import chat_source, embedder_source
from playground.settings import Settings
from playground.storage.run_folder import ANSWERS, documents_text
from playground.storage.store import Store
from playground.training.__main__ import main
from playground.training.config import RunConfig, TrainSettings
from playground.training.loop import train
from retrieval.build import build
from retrieval.embed import Embedder
from retrieval.persistence import save
from tests.fakes.exams import document
from tests.fakes.runs import LONG, TEXT, config, ended, steps, training, watch
from tests.training.test_distributed import losses, planned

ray_cluster = pytest.importorskip("ray.cluster_utils", reason="the package ray is not installed")
pytestmark = pytest.mark.slow
NODE_MEMORY = 80_000_000  # bytes of a node's object store
NODE_BYTES = 4_000_000_000  # of memory that a node says it has
STEPS = 800  # that take longer than a server needs to start again
PATIENCE = 300.0  # seconds for a run on a busy machine: four processes import everything
LOOKS = 10
ANSWER_TOKENS = 64  # so many that an exam is at work on two nodes for seconds, also where one began later
LOST_SECONDS = "4"  # until Ray takes a cluster for gone


class Machines:
    """The cluster: a head without cores, and nodes of one core."""

    def __init__(self, nodes: int = 2) -> None:
        self.cluster = ray_cluster.Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": NODE_MEMORY},
        )
        for _ in range(nodes):
            self.add_node()
        self.address = self.cluster.address

    def add_node(self, cores: int = 1, memory: int = NODE_BYTES) -> None:
        """One more node."""
        self.cluster.add_node(num_cpus=cores, memory=memory, object_store_memory=NODE_MEMORY)

    def busy_nodes(self) -> list[psutil.Process]:
        """The process of each node that has a run at work, once per run.

        Looks several times: a process whose title Ray is just changing seems to have none.
        """
        found = {}
        for _ in range(LOOKS):
            found |= {each.pid: each.parent() for each in psutil.process_iter(["cmdline"]) if _does_a_run(each)}
            time.sleep(0.02)
        return [each for each in found.values() if each is not None]


def _does_a_run(process: psutil.Process) -> bool:
    return any("NodeRun" in each for each in process.info["cmdline"] or [])


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(OWN, str(tmp_path_factory.mktemp("node")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", LOST_SECONDS)
        try:
            made = Machines()
        except Exception as fault:  # such as a container without shared memory or a network of its own
            pytest.skip(f"Ray does not start on this machine: {fault}")
        yield made
        made.cluster.shutdown()


@pytest.fixture
def settings(settings: Settings, machines: Machines) -> Settings:
    """A host with the cluster."""
    return replace(settings, ray=machines.address)


def fixed(method: str, count: int) -> RunConfig:
    """A run of so many steps, with a checkpoint every twenty."""
    settings = TrainSettings(
        steps=count, max_seconds=600, batch_tokens=32, window=32, checkpoint_every=20, evaluations=1
    )
    return RunConfig(method, adapters.get(method).Options(), settings)


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "adapter").glob("*.safetensors")}


@cache
def done_here(folder: Path, model: str, method: str, count: int) -> dict[str, bytes]:
    """The weights of the same run in this process."""
    chat = load_chat(chat_source(Settings(chat_model=model)), Device("cpu", torch.float32, 1.0))
    for _ in train(fixed(method, count), chat, TEXT, folder / f"{method}-{count}", judge=mark_answer):
        pass
    return weights(folder / f"{method}-{count}")


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Callable[[str, int], dict[str, bytes]]:
    """The weights that a run of a method has after so many steps on this machine."""
    return lambda method, count: done_here(tmp_path.parent, settings.chat_model, method, count)


def test_two_runs_on_two_nodes_outlive_their_server_then_their_nodes_and_end_with_the_same_bytes(
    store: Store,
    settings: Settings,
    visitor: str,
    stranger: str,
    machines: Machines,
    here: Callable[[str, int], dict[str, bytes]],
) -> None:
    jobs, methods = JobQueue(store, settings), {visitor: "lora", stranger: "delta_lora"}
    with closing(Supervisor(store, settings)) as first:
        first.start()
        runs = {each: jobs.submit(each, fixed(method, STEPS), TEXT) for each, method in methods.items()}
        before = [watch(jobs, *each, training, seconds=PATIENCE) for each in runs.items()]
        nodes = {each.pid for each in machines.busy_nodes()}
        assert len(nodes) == 2
    with closing(Supervisor(Store(settings), settings)) as second:
        second.start()
        for old in before:
            seen = watch(jobs, old.visitor, old.id, lambda seen, old=old: steps(seen)[-1] > steps(old)[-1])
            assert (seen.state, seen.pid) == ("running", old.pid), "the second server has adopted it"
        for node in nodes:
            os.kill(node, signal.SIGKILL)
            machines.add_node()
        for each, run in runs.items():
            seen = watch(jobs, each, run, ended, seconds=PATIENCE)
            assert (seen.state, seen.error, seen.events[-1]["reason"]) == ("done", "", "done")
            assert [event["resumed"] for event in seen.events if event["event"] == "started"] == [False, True]
            assert weights(seen.folder) == here(methods[each], STEPS)
    node = Path(os.environ[OWN])
    assert list((node / "models").rglob("*.safetensors")), "the model is there for the next run"


def test_a_run_whose_cluster_is_gone_goes_on_here_with_the_same_bytes(
    store: Store,
    settings: Settings,
    visitor: str,
    monkeypatch: pytest.MonkeyPatch,
    here: Callable[[str, int], dict[str, bytes]],
) -> None:
    gone = Machines(nodes=1)
    queue = JobQueue(store, settings)
    with closing(Supervisor(store, replace(settings, ray=gone.address))) as supervisor:
        supervisor.start()
        run = queue.submit(visitor, fixed("lora", STEPS), TEXT)
        there = watch(queue, visitor, run, lambda seen: bool(steps(seen)) and steps(seen)[-1] >= 40, seconds=PATIENCE)
        assert cluster_module.stands_in(psutil.Process(there.pid))
        monkeypatch.setattr(cluster_module, "ANSWER_SECONDS", 6.0)
        gone.cluster.shutdown()
        seen = watch(queue, visitor, run, ended, seconds=PATIENCE)
    assert (seen.state, seen.error) == ("done", "")
    assert [each["resumed"] for each in seen.events if each["event"] == "started"] == [False, True]
    assert weights(seen.folder) == here("lora", STEPS)


def asks_for_a_node(seen: Snapshot) -> bool:
    """Whether the process that stands in waits for an answer of a node."""
    return bool(list(seen.folder.glob(".probe-*")))


def test_a_node_gets_no_more_runs_than_its_memory_holds_and_runs_stop_at_once_and_resume(
    store: Store, settings: Settings, visitor: str, stranger: str
) -> None:
    small = Machines(nodes=0)
    small.add_node(cores=2, memory=1_000_000_000)
    queue = JobQueue(store, settings)
    with closing(Supervisor(store, replace(settings, ray=small.address))) as supervisor:
        supervisor.start()
        endless = config(LONG, max_seconds=4 * PATIENCE)
        first = visitor, queue.submit(visitor, endless, TEXT)
        watch(queue, *first, training, seconds=PATIENCE)
        second = stranger, queue.submit(stranger, endless, TEXT)
        watch(queue, *second, asks_for_a_node, seconds=PATIENCE)
        time.sleep(2.0)  # a node with room would have begun by now
        assert len(small.busy_nodes()) == 1
        began = time.monotonic()
        queue.stop(*second)
        stopped = watch(queue, *second, ended)
        assert (stopped.state, stopped.error, steps(stopped)) == ("stopped", "", [])
        assert time.monotonic() - began < PAUSE_SECONDS  # 2 s where the cores are free
        queue.stop(*first)
        stopped = watch(queue, *first, ended)
        assert (stopped.state, stopped.error) == ("stopped", "")
        assert (stopped.folder / "adapter" / "adapter_model.safetensors").exists()
        queue.resume(*first)
        again = watch(queue, *first, lambda seen: steps(seen)[-1] > steps(stopped)[-1], seconds=PATIENCE)
        assert steps(again)[: len(steps(stopped))] == steps(stopped)
        queue.stop(*first)
        watch(queue, *first, ended)
    small.cluster.shutdown()


def examined(folder: Path, settings: Settings, adapter: Path) -> Job:
    """An exam of a text with an index and an adapter, some minutes long."""
    encoder = Embedder(embedder_source(settings).folder)
    save(build([document()], encoder), folder / "index")
    drawn = question_set.from_text([document()], 10, 0)
    plan = Plan(
        ExamSettings(rows=4, facts=0, answer_tokens=ANSWER_TOKENS), ("base", "rag", "tuned"), adapter, folder / "index"
    )
    files = {
        "questions.jsonl": "".join(f"{json.dumps(each.to_dict())}\n" for each in drawn.questions),
        "documents.json": documents_text([document()]),
    }
    return Job("exam", plan.to_dict(), files, "exam")


def test_an_exam_is_asked_on_two_nodes_stops_there_and_ends_there_with_every_answer_it_had(
    store: Store, settings: Settings, visitor: str, machines: Machines, long_window_folder: Path, tmp_path: Path
) -> None:
    settings = replace(settings, chat_model=str(long_window_folder))
    done_here(tmp_path, str(long_window_folder), "lora", 4)
    jobs = JobQueue(store, settings)
    with closing(Supervisor(store, settings)) as supervisor:
        supervisor.start()
        run = jobs.add(visitor, [examined(tmp_path, settings, tmp_path / "lora-4" / "adapter")])[0]

        def on_two(seen: Snapshot) -> bool:
            return bool(steps(seen)) and steps(seen)[-1] > 0 and len(set(machines.busy_nodes())) == 2

        there = watch(jobs, visitor, run, on_two, seconds=PATIENCE)
        assert cluster_module.stands_in(psutil.Process(there.pid))
        began = time.monotonic()
        jobs.stop(visitor, run)
        stopped = watch(jobs, visitor, run, ended)
        assert time.monotonic() - began < PAUSE_SECONDS  # 2 s where the cores are free
        assert (stopped.state, stopped.error) == ("stopped", "")
        had = read_results(stopped.folder / ANSWERS)
        assert len(had) == steps(stopped)[-1]
        jobs.resume(visitor, run)
        seen = watch(jobs, visitor, run, ended, seconds=PATIENCE)
    assert (seen.state, seen.error, seen.events[-1]["reason"]) == ("done", "", "done")
    assert read_results(seen.folder / ANSWERS)[: len(had)] == had
    assert {each.arm for each in read_results(seen.folder / ANSWERS)} == {"base", "rag", "tuned"}
    assert all((seen.folder / name).is_file() for name in report.FILES)
    node = Path(os.environ[OWN])
    assert not list((node / "data").rglob(f"{run}/**/*.json")), "nothing of an exam is left on a node"
    assert list((node / "models").rglob("1_Pooling/config.json")), "the embedder is, for the next exam"


PARALLEL = """
import os, sys
import ray
from pathlib import Path

address, port, model, root, folder = sys.argv[1:]
ray.init(address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": root}})

@ray.remote(num_cpus=1, max_calls=1, scheduling_strategy="SPREAD")
def part(rank):
    own = {"PLAYGROUND_CHAT_MODEL": model, "WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
    os.environ.update(own, MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    from playground.training.__main__ import main
    main(Path(folder))
    return ray.get_runtime_context().get_node_id()

print(len(set(ray.get([part.remote(rank) for rank in range(2)]))))
"""


def test_two_nodes_train_one_run_as_one_process_does(
    machines: Machines, tiny_model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, together = (planned(tmp_path / each, "lora") for each in ("alone", "together"))
    with monkeypatch.context() as patch:
        patch.setenv("PLAYGROUND_CHAT_MODEL", str(tiny_model_folder))
        main(alone)
    given = [machines.address, str(free_port()), str(tiny_model_folder), str(Path(__file__).parents[2]), str(together)]
    done = subprocess.run([sys.executable, "-c", PARALLEL, *given], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "2", "each part on a node of its own"
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4)


def test_a_node_works_in_the_servers_folder_where_it_sees_it_and_has_none_of_its_own(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.data / "run").mkdir(parents=True)
    (settings.data / "run" / ".probe").write_text("token")
    assert not NodeRun(settings, "run").shares_disk(".probe", "token"), "as the nodes of these tests"
    monkeypatch.delenv(OWN)
    assert NodeRun(settings, "run").shares_disk(".probe", "token")
    assert not NodeRun(settings, "run").shares_disk(".probe", "another server's")
    assert not NodeRun(replace(settings, data=tmp_path / "elsewhere"), "run").shares_disk(".probe", "token")


def test_a_cluster_that_is_away_is_said_and_runs_stay_here(
    settings: Settings, store: Store, visitor: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "ANSWER_SECONDS", 6.0)
    away = replace(settings, ray="127.0.0.1:9")
    with caplog.at_level("WARNING"):
        cluster = Cluster(away)
        cluster.ask()
    assert cluster.slots == 0
    assert "The Ray cluster 127.0.0.1:9 is out of reach, so runs stay on this machine until it is back" in caplog.text
    queue = JobQueue(store, away)
    with closing(Supervisor(store, away)) as supervisor:
        supervisor.start()
        assert watch(queue, visitor, queue.submit(visitor, config(), TEXT), ended).state == "done"
