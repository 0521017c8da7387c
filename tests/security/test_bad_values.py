"""Every event of the page with values of every wrong kind: a sentence or nothing, never a fault of ours in the log."""

import logging
import random
from typing import Any

import pytest

from playground.services.app import Services
from playground.ui.shared.i18n import say
from tests.security.conftest import Browser
from tests.security.test_other_visitors import events

WRONG: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, 10**30, "", " ", "none such", "\uff11\uff12", "\0", "\ud7ff", "a" * 5_000,
    [], [None], [[]], ["x", 1], {}, {"a": 1}, {"path": None}, {"value": {}}, [{"role": "user"}], {"__type__": "update"},
    "<script>alert(1)</script>", "../../etc/passwd", "tuned:", "both:x", ":", "=1+1", "%s%n{0}{a}",
]  # fmt: skip
TRIES = 6  # of each event, beside one value in all places


@pytest.mark.slow
def test_no_wrong_value_is_a_fault_of_ours(
    playground: tuple[str, Services],
    ben: Browser,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    chance, faults = random.Random(0), []
    ours = say("en", "notice.ours")
    for event, inputs in events(ben.http.get("/config").json()):
        free = [place for place, part in enumerate(inputs) if part["type"] != "state"]
        for number in range(TRIES if free else 1):
            values = [None if part["type"] == "state" else part["props"].get("value") for part in inputs]
            for place in free if number < TRIES // 2 else chance.sample(free, 1):
                values[place] = chance.choice(WRONG)
            caplog.clear()
            with caplog.at_level(logging.ERROR):
                told = ben.call(event, values)
            printed = capfd.readouterr().err
            if caplog.records or "Traceback" in printed or ours in told:
                fault = [str(each.exc_info and each.exc_info[1]) for each in caplog.records] or printed[-300:]
                faults.append((event["api_name"], [values[place] for place in free][:8], fault))
    assert faults == [], "\n".join(map(str, faults))
