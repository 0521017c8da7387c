"""An example as the host prepares it, on the tiny model and without a queue."""

from dataclasses import replace

from playground.evaluation.config import ExamSettings
from playground.jobs.worker import work
from playground.services.app import Services
from playground.storage.store import RunRow
from tests.fakes.runs import config


def prepare(services: Services, example: str, methods: tuple[str, ...] = ("lora",)) -> str:
    """Let the host own an example's text, index and an adapter of each method; returns the owner's id."""
    owner = services.store.prepared.owner(example)
    services.prepared.use({example: owner})
    services.library.add_example(owner, example)
    services.indexes.index(owner)
    for method in methods:
        train(services, owner, method)
    return owner


def train(services: Services, visitor: str, method: str = "lora") -> RunRow:
    """A finished run of two steps on a visitor's text, or an owner's, worked through in this process."""
    made = config(steps=2)
    made = made if method == made.method else replace(made, method=method, options=options_of(method))
    return _work_through(services, services.runs.start(visitor, made, method.upper()))


def examine(services: Services, visitor: str) -> RunRow:
    """A finished exam of a few questions, without an adapter, worked through in this process."""
    services.exams.create_draft(visitor, "", ExamSettings(limit=8, answer_tokens=4, facts=0), None)
    return _work_through(services, services.exams.start(visitor, ["base", "rag"], "", "en"))


def _work_through(services: Services, run: str) -> RunRow:
    claimed = services.store.runs.claim_next()
    assert claimed
    assert claimed.id == run
    assert work(claimed.folder, services.settings) == "finished"
    services.supervisor.record_ending(claimed, 0)
    return services.store.runs.get(claimed.visitor, run)


def options_of(method: str) -> object:
    """A method's options as they are by default."""
    import adapters

    return adapters.get(method).Options()
