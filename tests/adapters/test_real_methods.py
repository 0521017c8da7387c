"""Every method on the real model and a real text, through the command line as a person would type it."""

import pytest

import adapters
from playground.models.registry import ModelSource
from tests.fakes.real_runs import RealRuns, run_command

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real runs")]


@pytest.mark.parametrize("method", adapters.methods())
def test_every_method_learns_a_text_in_six_steps(method: str, real_runs: RealRuns) -> None:
    last = real_runs.end(method)
    assert (last["reason"], last["step"]) == ("done", 6)
    assert last["heldout_after"] < last["heldout_before"]


def test_a_trained_adapter_answers_beside_the_base(
    real_runs: RealRuns, real_source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAYGROUND_CHAT_MODEL", str(real_source.folder))
    question = "What does the Constitution say about the age of the President?"
    run = real_runs.adapter("lora").parent
    base, tuned = run_command("ask", question, "--adapter", str(run), "--max-new-tokens", "24")
    assert (base["arm"], tuned["arm"]) == ("base", "tuned")
    assert base["answer"].strip()
    assert tuned["answer"].strip()
    assert tuned["stamp"]["method"] == "lora"
    assert tuned["stamp"]["base_hash"] == base["stamp"]["base_hash"]
