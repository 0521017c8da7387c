"""Several methods on one text: an equal plan, rows of figures, and who is beaten by nobody."""

import pytest

import adapters
from playground.errors import UserError
from playground.jobs.worker import work
from playground.services.app import Services
from playground.services.experiments import Experiments
from playground.storage.run_folder import read_config
from playground.storage.store import new_secret
from playground.training.config import RunConfig, TrainSettings
from playground.training.method_comparison import AXES, MethodResult, collect_results, equalize_steps, pareto_front
from retrieval.document import Document
from tests.fakes.texts import CLUB_RULES

CORE = [id_ for id_, method in adapters.methods().items() if method.core]


def result(run: str, loss: float | None, seconds: float | None) -> MethodResult:
    return MethodResult(run, "lora", "done", 3.0, loss, seconds, 1, 1, 1)


@pytest.fixture
def experiments(services: Services) -> Experiments:
    return services.experiments


@pytest.fixture
def visitor(visitor: str, services: Services) -> str:
    content = Document("club.txt", CLUB_RULES).to_dict()
    services.store.add_document(visitor, "club.txt", content, len(CLUB_RULES), len(CLUB_RULES))
    return visitor


def test_five_methods_are_compared_unless_others_are_chosen() -> None:
    assert len(CORE) == 5


def test_plans_are_levelled_to_the_shortest() -> None:
    plans = [RunConfig(id_, adapters.get(id_).Options(), TrainSettings(steps=n)) for n, id_ in enumerate(CORE, start=3)]
    assert {plan.settings for plan in equalize_steps(plans)} == {TrainSettings(steps=3)}
    assert [plan.method for plan in equalize_steps(plans)] == CORE


def test_the_front_holds_those_that_no_other_beats() -> None:
    found = [
        result("best", 2.0, 90.0),
        result("fast", 2.2, 30.0),
        result("beaten", 2.2, 31.0),
        result("twin", 2.2, 30.0),
        result("waiting", None, None),
    ]
    assert pareto_front(found, "seconds") == {"best", "fast", "twin"}
    assert pareto_front(found, "trainable") == {"best"}


def test_a_bake_off_queues_equal_runs_and_a_double_click_makes_no_more(experiments: Experiments, visitor: str) -> None:
    runs = experiments.start_bake_off(visitor, CORE, "quick", {"seed": 3}, kept=True)
    assert experiments.start_bake_off(visitor, CORE, "quick", {}, kept=False) == runs
    rows = experiments.last_bake_off(visitor)
    assert [(row.id, row.method, row.kept) for row in rows] == [(r, m, True) for r, m in zip(runs, CORE, strict=True)]
    assert all(row.expected > 0 for row in rows)
    configs = [RunConfig.from_dict(read_config(row.folder)) for row in rows]
    assert len({each.settings for each in configs}) == 1
    assert configs[0].settings.seed == 3


def test_one_method_is_no_bake_off(experiments: Experiments, visitor: str) -> None:
    with pytest.raises(UserError, match="at least two"):
        experiments.plan_bake_off(visitor, ["lora"], "quick", {})


def test_what_came_out_is_told_a_row_a_method(services: Services, experiments: Experiments, visitor: str) -> None:
    experiments.start_bake_off(visitor, ["lora", "vera"], "quick", {"steps": 3, "window": 64}, kept=False)
    row = services.store.runs.claim_next()
    assert row
    assert work(row.folder, services.settings) == "finished"
    services.supervisor.record_ending(row, 0)
    done, waiting = collect_results(experiments.last_bake_off(visitor))
    assert (done.method, done.state, waiting.state) == ("lora", "done", "queued")
    assert done.heldout_after is not None
    assert all(vars(done)[axis] > 0 for axis in AXES)
    assert {vars(waiting)[axis] for axis in AXES} == {None}


def test_a_rerun_has_the_settings_and_the_text_of_the_first_and_gives_the_same_weights(
    services: Services, experiments: Experiments, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, _ = services.runs.plan(visitor, "lora", "quick", {"rank": 2}, {"steps": 3, "seed": 5})
    first = services.runs.start(visitor, config, "mine")

    def finish(run: str) -> bytes:
        row = services.store.runs.claim_next()
        assert row
        assert row.id == run
        assert work(row.folder, services.settings) == "finished"
        services.supervisor.record_ending(row, 0)
        return next((row.folder / "adapter").glob("*.safetensors")).read_bytes()

    weights = finish(first)
    services.store.remove_document(visitor, services.store.documents(visitor)[0].id)
    again = experiments.rerun(visitor, first, kept=False)
    assert again != first
    assert finish(again) == weights
    with pytest.raises(UserError, match="not found"):
        experiments.rerun(services.store.visitor(new_secret()), first, kept=False)
