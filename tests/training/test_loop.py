"""The loop with every method on a tiny model: it learns, stops, resumes bit for bit and leaves the base untouched."""

import errno
import gc
import json
import math
import shutil
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import adapters
from adapters.compat import check_peft
from adapters.options import build
from playground.data.tokenize import TrainingPair
from playground.errors import UserError
from playground.models.chat_model import ChatModel
from playground.settings import Settings
from playground.training import checkpoints
from playground.training import loop as training_loop
from playground.training.best_adapter import Finished
from playground.training.config import RunConfig, TrainSettings, check_limits
from playground.training.heldout import HeldoutTests
from playground.training.interrupt import Interrupted, interruptible
from playground.training.loop import Progress
from playground.training.state import HeldoutResult
from retrieval.document import Document
from tests.fakes.chat_model import tiny_chat
from tests.fakes.texts import house_rules
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer

METHODS = sorted(adapters.methods())


def config(method: str, steps: int = 6, **options: Any) -> RunConfig:
    settings = TrainSettings(steps=steps, batch_tokens=128, window=64, evaluations=2, checkpoint_every=2)
    return RunConfig(method, build(adapters.get(method).Options, options), settings)


def run(config_: RunConfig, out: Path, **more: Any) -> tuple[list[Progress], Finished]:
    *progress, end = training_loop.train(config_, tiny_chat(), [house_rules()], out, **more)
    assert isinstance(end, Finished)
    return [each for each in progress if isinstance(each, Progress)], end


def adapter(end: Finished) -> bytes:
    """The adapter's weights as they lie on disk."""
    return next(end.adapter.glob("*.safetensors")).read_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_heldout_loss_falls_and_the_adapter_says_how_it_came_to_be(method: str, tmp_path: Path) -> None:
    progress, end = run(config(method, steps=12), tmp_path)
    assert end.heldout_after < end.heldout_before
    assert (end.reason, end.step, len(progress)) == ("done", 12, 13)
    record = json.loads((end.adapter / "run.json").read_text())
    assert record["method"] == method
    assert record["base"] == {"name": "tiny", "hash": "0" * 16}
    assert record["products"] == "float32"
    assert record["figures"]["heldout_after"] == end.heldout_after
    assert (end.adapter / adapters.get(method).weights_file).exists()


@pytest.mark.parametrize("method", METHODS)
def test_a_run_stopped_anywhere_resumes_bit_for_bit(method: str, tmp_path: Path) -> None:
    whole, end = run(config(method), tmp_path / "whole")
    parts: dict[int, Progress] = {}
    asks, stops = 5, 0
    ended = None
    while ended is None or ended.reason == "stopped":
        progress, ended = run(config(method), tmp_path / "parts", should_stop=_after(asks), resume=stops > 0)
        parts |= {each.step: each for each in progress}
        asks, stops = asks + 7, stops + 1
    assert stops > 3
    assert [(each.loss, each.heldout_loss) for each in parts.values()] == [
        (each.loss, each.heldout_loss) for each in whole
    ]
    assert adapter(ended) == adapter(end)
    assert (ended.best_step, ended.tokens) == (end.best_step, end.tokens)


def test_dropout_resumes_too(tmp_path: Path) -> None:
    whole, _ = run(config("lora", dropout=0.3), tmp_path / "whole")
    run(config("lora", dropout=0.3), tmp_path / "parts", should_stop=_after(20))
    rest, _ = run(config("lora", dropout=0.3), tmp_path / "parts", resume=True)
    assert 0 < rest[0].step < 6
    assert [each.loss for each in rest] == [each.loss for each in whole[rest[0].step :]]


def test_the_first_run_of_a_process_draws_the_same_numbers_as_later_ones() -> None:
    config = RunConfig("lora", adapters.get("lora").Options(), TrainSettings(seed=3))
    drawn = []
    for _ in range(2):
        check_peft.cache_clear()
        torch.manual_seed(len(drawn))  # whatever was drawn before
        training_loop.prepare_run(config, tiny_chat())
        drawn.append(torch.rand(4))
    training_loop.prepare_run(config, tiny_chat())  # the libraries are known by now
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], torch.rand(4))


def test_a_stop_comes_in_the_middle_of_a_pass_forward_and_backward() -> None:
    model = tiny_llama()
    ids = torch.zeros(1, 8, dtype=torch.long)
    passes = 0
    for asks in range(1, 5):  # two blocks: two asks on the way there, two on the way back
        with interruptible(model, _after(asks - 1)), suppress(Interrupted):
            logits = model(input_ids=ids).logits
            passes += 1
            logits.sum().backward()
            pytest.fail("it was not interrupted")
    assert passes == 2
    with interruptible(model, _after(4)):
        model(input_ids=ids).logits.sum().backward()


def heldout_losses(monkeypatch: pytest.MonkeyPatch, *losses: float) -> None:
    """Held-out tests find these losses, the first before the first step."""
    found = iter(losses)
    monkeypatch.setattr(HeldoutTests, "measure", lambda *_, **__: HeldoutResult(next(found)))


def test_the_best_adapter_is_kept_and_usable_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heldout_losses(monkeypatch, 5.0, 4.0, math.nan, 4.5)
    made = config("lora", steps=6)
    made = replace(made, settings=replace(made.settings, evaluations=3))
    seen: dict[int, tuple[dict[str, Any], bytes]] = {}
    for event in training_loop.train(made, tiny_chat(), [house_rules()], tmp_path):
        if isinstance(event, Progress) and event.step in (3, 6):
            record = json.loads((tmp_path / "adapter/run.json").read_text())["figures"]
            seen[event.step] = record, (tmp_path / "adapter/adapter_model.safetensors").read_bytes()
    assert isinstance(event, Finished)
    assert [(each["reason"], each["best_step"], each["heldout_after"]) for each, _ in seen.values()] == [
        ("running", 2, 4.0)
    ] * 2
    assert (event.reason, event.best_step, event.step, event.heldout_after) == ("done", 2, 6, 4.0)
    assert adapter(event) == seen[3][1] == seen[6][1]
    assert json.loads((event.adapter / "run.json").read_text())["figures"]["reason"] == "done"


def test_clearly_better_answers_outweigh_a_lower_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([(5.0, None), (4.0, None), (3.5, 0.2), (3.6, 0.8), (3.4, 0.5), (3.7, 0.7)])
    monkeypatch.setattr(HeldoutTests, "measure", lambda *_, **__: HeldoutResult(*next(found)))
    made = config("lora", steps=10)
    made = replace(made, settings=replace(made.settings, evaluations=5))
    seen, end = run(made, tmp_path)
    assert (end.best_step, end.heldout_after, end.answers) == (6, 3.6, 0.8)
    assert [each.answers for each in seen if each.heldout_loss is not None] == [None, None, 0.2, 0.8, 0.5, 0.7]


def test_a_run_asks_heldout_questions_in_its_second_half_and_passes_the_answers_on(tmp_path: Path) -> None:
    asked: list[str] = []

    def judge(pair: TrainingPair, answer: str, ended: bool) -> float:
        asked.append(pair.question)
        return 0.5

    made = config("lora", steps=4)
    made = replace(made, settings=replace(made.settings, evaluations=4, test_questions=3, window=256))
    *seen, end = training_loop.train(made, tiny_chat(), [house_rules()], tmp_path, judge=judge)
    assert [each.answers for each in seen] == [None, None, None, 0.5, 0.5]
    half = len(asked) // 2
    assert half > 0
    assert asked[:half] == asked[half:]
    assert end.answers == 0.5


def test_patience_ends_a_run_that_no_longer_improves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heldout_losses(monkeypatch, 5.0, 4.0, 4.2, 3.0, 3.0, 3.1, 2.0)
    made = config("lora", steps=40)
    made = replace(made, settings=replace(made.settings, evaluations=20, patience=2))
    _, end = run(made, tmp_path)
    assert (end.reason, end.best_step, end.step, end.heldout_after) == ("early", 6, 10, 3.0)


@pytest.mark.parametrize("method", METHODS)
def test_a_best_adapter_that_a_kill_kept_from_the_disk_is_written_and_changes_nothing(
    method: str, tmp_path: Path
) -> None:
    """As after a kill between the checkpoint of the best step so far and its adapter."""
    made = config(method, **({"dropout": 0.1} if method == "lora" else {}))
    whole, end = run(made, tmp_path / "whole")
    events = training_loop.train(made, tiny_chat(), [house_rules()], tmp_path / "parts")
    for _ in range(5):  # to the step after the best so far
        next(events)
    del events
    shutil.rmtree(tmp_path / "parts/adapter")
    rest, ended = run(made, tmp_path / "parts", resume=True)
    assert [each.loss for each in rest] == [each.loss for each in whole[4:]]
    assert adapter(ended) == adapter(end)


def test_a_run_stopped_before_its_first_test_leaves_an_adapter_without_a_loss(tmp_path: Path) -> None:
    _, end = run(config("lora"), tmp_path, should_stop=_after(1))
    assert (end.reason, end.best_step, end.heldout_after) == ("stopped", 0, None)
    assert adapter(end)


def test_a_full_disk_leaves_the_checkpoint_before_intact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, end = run(config("lora"), tmp_path / "whole")
    write, calls = checkpoints.save_file, 0

    def full(tensors: Any, path: Path) -> None:
        nonlocal calls
        calls += 1
        path.write_bytes(b"half")
        if calls > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(tensors, path)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full)
        with pytest.raises(OSError, match="No space"):
            run(config("lora"), tmp_path / "parts")
    assert [each.name for each in (tmp_path / "parts/checkpoint").iterdir()] == ["step-000002"]
    rest, ended = run(config("lora"), tmp_path / "parts", resume=True)
    assert rest[0].step == 3
    assert adapter(ended) == adapter(end)


def test_the_base_is_bit_identical_after_a_run(tmp_path: Path) -> None:
    resident = tiny_chat()
    before = {name: each.clone() for name, each in resident.model.state_dict().items()}
    list(training_loop.train(config("delta_lora", steps=30, start_step=1), resident, [house_rules()], tmp_path))
    after = {name.replace(".base_layer", ""): each for name, each in resident.model.state_dict().items()}
    assert all(torch.equal(after[name], each) for name, each in before.items())


def test_the_time_limit_ends_a_run_with_a_usable_adapter(tmp_path: Path) -> None:
    short = RunConfig("lora", config("lora").options, TrainSettings(steps=10_000, window=64, max_seconds=1))
    _, end = run(short, tmp_path)
    assert end.reason == "time"
    assert 0 < end.step < 10_000
    assert (end.adapter / "adapter_model.safetensors").exists()


def test_a_text_that_is_too_short_is_refused(tmp_path: Path) -> None:
    tiny = Document("a.txt", "Too short.", (), (), (), (), ())
    with pytest.raises(UserError, match="too short"):
        list(training_loop.train(config("lora"), tiny_chat(), [tiny], tmp_path))


def test_a_config_survives_json() -> None:
    made = config("lora_plus", rank=4)
    assert RunConfig.from_dict(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.parametrize(
    ("stored", "share"), [({}, 0.0), ({"with_passages": False}, 0.0), ({"with_passages": True}, 1.0)]
)
def test_a_run_of_before_keeps_what_its_questions_brought(stored: dict[str, bool], share: float) -> None:
    before = config("lora").to_dict()
    del before["settings"]["passages_share"]
    before["settings"].update(stored)
    for name in ("text_form", "gaps", "replay_share"):
        del before["settings"][name]
    settings = RunConfig.from_dict(before).settings
    assert settings.passages_share == share
    assert (settings.text_form, settings.gaps, settings.replay_share) == ("windows", True, 0.0)


def test_limits_are_named_all_at_once() -> None:
    large = config("lora", steps=50, rank=64)
    with pytest.raises(UserError, match=r"steps is 50, at most 10.*rank is 64, at most 8"):
        check_limits(large, Settings(max_steps=10, max_rank=8))


def test_a_method_that_trains_over_a_copy_lets_the_original_go(tmp_path: Path) -> None:
    started = ChatModel(tiny_llama(), tiny_tokenizer(), "0" * 16, "tiny", torch.device("cpu"), 2048)
    original = weakref.ref(started.model)
    events = training_loop.train(config("full"), started, [house_rules()], tmp_path)
    del started
    next(events)
    gc.collect()
    assert original() is None


def _after(times: int) -> Callable[[], bool]:
    """A stop signal that comes once it was asked so many times."""
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > times

    return should_stop
