"""Planning a visitor's run: within what the host allows, whatever the preset and the machine's speed."""

from dataclasses import replace

import pytest

from playground.errors import UserError
from playground.services.app import Services
from playground.settings import Settings
from playground.storage.store import new_secret
from playground.training import throughput
from playground.training.config import RunConfig
from playground.training.estimate import MIN_STEPS
from playground.training.throughput import assumed_speed
from retrieval.document import Document
from tests.fakes.texts import CLUB_RULES

MACHINE_GFLOPS = 0.05  # so slow that the time, and not the text, decides on the steps


def planned(settings: Settings, **run_values: object) -> RunConfig:
    """A run of a visitor with a text, as a host with these settings plans it."""
    services = Services(settings)
    visitor = services.store.visitor(new_secret())
    text = Document("club.txt", CLUB_RULES).to_dict()
    services.store.add_document(visitor, "club.txt", text, len(CLUB_RULES), len(CLUB_RULES))
    return services.runs.plan(visitor, "lora", "thorough", {}, run_values)[0]


def test_a_preset_takes_no_more_steps_than_the_host_allows(settings: Settings) -> None:
    assert planned(settings).settings.steps > 3
    few = replace(settings, max_steps=3)
    assert planned(few).settings.steps == planned(few, steps=0).settings.steps == 3
    with pytest.raises(UserError, match="steps is 4, at most 3 is allowed here"):
        planned(few, steps=4)


def test_a_preset_is_planned_for_no_more_time_than_the_host_allows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throughput, "training_speed", lambda model, _: assumed_speed(model.config, MACHINE_GFLOPS))
    most, fewer = (planned(replace(settings, max_seconds=each)).settings.steps for each in (3_600, 300))
    assert MIN_STEPS < fewer < most


def test_a_host_may_allow_more_than_a_day(settings: Settings) -> None:
    made = planned(replace(settings, max_seconds=200_000))
    assert made.settings.max_seconds == 200_000
    assert RunConfig.from_dict(made.to_dict()) == made, "as the worker reads it"
