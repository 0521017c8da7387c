"""What a run will take, told before it starts: from its packs, the machine's pace and the method's cost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, Qwen3Config, Qwen3ForCausalLM

import adapters
from adapters.options import build
from playground.data.dataset import ExampleSplit
from playground.data.tokenize import NO_LOSS, Example
from playground.device import Device
from playground.models.chat_model import load_chat
from playground.models.registry import ModelSource
from playground.training import loop as training_loop
from playground.training import throughput, workload
from playground.training.best_adapter import Finished
from playground.training.config import PRESETS, RunConfig, TrainSettings
from playground.training.estimate import MIN_STEPS, estimate_run, memory_needed, plan_run
from playground.training.throughput import SUSTAINED, Pace, Speed, assumed_speed, training_speed
from playground.training.workload import ReadVolume, Workload
from retrieval.document import Document
from tests.fakes.chat_model import tiny_chat
from tests.fakes.tiny_model import tiny_llama, tiny_tokenizer


def text() -> Document:
    return Document("house.txt", "\n\n".join(f"Rule {n} is to close door {n} before door {n + 1}." for n in range(40)))


def config(method: str, **options: Any) -> RunConfig:
    settings = TrainSettings(steps=6, batch_tokens=128, window=64, evaluations=2)
    return RunConfig(method, build(adapters.get(method).Options, options), settings)


def load(tokens: int, longest: int = 256) -> Workload:
    """A text of so many tokens, of which a step reads 256 in one pack."""
    step, test = ReadVolume(2, 1, 256, 250, 256), ReadVolume(8, 4, 1_024, 1_000, 1_024)
    return Workload(step.times(tokens / 256), step, test, longest, 0.0)


def test_a_plan_fits_its_preset_and_what_was_asked_wins() -> None:
    model, quick = tiny_chat().model.config, PRESETS["quick"]
    planned = plan_run("lora", quick, {}, {"seed": 5, "steps": 0}, load(10_000), model, assumed_speed(model, 100))
    assert planned.settings.steps == round(quick.epochs * 10_000 / planned.settings.batch_tokens)
    slow = plan_run("lora", quick, {}, {}, load(10_000), model, assumed_speed(model, 0.05))
    assert slow.settings.steps < planned.settings.steps
    longer = replace(slow, settings=replace(slow.settings, steps=slow.settings.steps + 1))
    fits, over = (
        estimate_run(each, load(10_000), model, assumed_speed(model, 0.05)).seconds for each in (slow, longer)
    )
    assert fits <= quick.seconds < over
    busy = plan_run("lora", quick, {}, {}, load(10_000), model, assumed_speed(model, 1e-6))
    assert busy.settings.steps == MIN_STEPS
    short = plan_run("lora", quick, {}, {}, load(300), model, assumed_speed(model, 1e-6))
    assert short.settings.steps < MIN_STEPS
    asked = plan_run("lora", quick, {"rank": 4}, {"steps": 7}, load(10_000), model, assumed_speed(model, 100))
    assert (asked.settings.steps, asked.options.rank, planned.settings.seed) == (7, 4, 5)


def test_a_sketch_adapts_the_top_layers_unless_others_are_asked_for() -> None:
    model = tiny_chat().model.config
    made = [
        plan_run(
            "lora", PRESETS["sketch"], values, {}, load(10_000), model, assumed_speed(model, 100)
        ).options.top_layers
        for values in ({}, {"top_layers": 0}, {"top_layers": 1})
    ]
    assert made == [min(6, model.num_hidden_layers), min(6, model.num_hidden_layers), 1]
    assert (
        plan_run("lora", PRESETS["quick"], {}, {}, load(10_000), model, assumed_speed(model, 100)).options.top_layers
        == 0
    )


def test_no_questions_at_all_can_be_asked_for() -> None:
    wished = {"pairs_share": 0.0, "passages_share": 0.0, "steps": 0}
    model = tiny_chat().model.config
    assert (
        plan_run(
            "lora", PRESETS["quick"], {}, wished, load(10_000), model, assumed_speed(model, 100)
        ).settings.pairs_share
        == 0
    )
    usual = plan_run("lora", PRESETS["quick"], {}, {}, load(10_000), model, assumed_speed(model, 100))
    assert usual.settings.pairs_share == TrainSettings().pairs_share > 0


def test_longer_packs_need_more_memory_and_the_most_is_needed_where_nothing_is_known() -> None:
    model, made = tiny_chat().model.config, config("lora")
    bare, longer = (
        estimate_run(made, load(10_000, each), model, assumed_speed(model, 1)).memory_bytes for each in (64, 128)
    )
    assert bare < longer < memory_needed(made, model)


def test_a_base_stored_in_16_bits_is_counted_so_for_a_method_that_takes_it_as_stored(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    tiny_llama().to(torch.bfloat16).save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    chat = load_chat(ModelSource("chat", "tiny", "folder", tmp_path), Device("cpu", torch.float32, 1.0))
    assert chat.model.dtype == torch.float32
    whole, stored = (
        throughput.footprint_of(each.method, each.options, chat.model.config) for each in map(config, ("lora", "qlora"))
    )
    assert 2 * stored.read_bytes == whole.read_bytes


def test_fewer_layers_take_less_of_a_step_and_read_what_lies_below_once() -> None:
    shape = LlamaConfig(vocab_size=64, hidden_size=256, intermediate_size=512, num_hidden_layers=8)
    pace = Speed(frozen=Pace(0.001, 1e-5), forward=Pace(0.001, 1e-5), both=Pace(0.002, 3e-5), head=0)

    def seconds(steps: int, layers: int) -> float:
        made = replace(config("lora", top_layers=layers), settings=TrainSettings(steps=steps, evaluations=1))
        return estimate_run(made, load(2_560), shape, lambda *_: pace).seconds

    def saving(steps: int) -> float:
        return seconds(steps, 0) - seconds(steps, 2)

    step, lower, test = 6 * (0.002 + 256 * 3e-5), 6 * (2 * 0.001 + 256 * 1e-5), 6 * (4 * 0.001 + 1_024 * 1e-5)
    below = 6 * (8 * 0.001 + 1_024 * 1e-5)  # of what is held out, an example at a time
    assert saving(5) == pytest.approx(5 * (step - lower) + 2 * test - below, abs=0.5)
    assert saving(16) - saving(11) == pytest.approx(5 * step, abs=0.01)  # all has been read after ten


def test_an_estimate_counts_the_trainable_parameters_exactly(tmp_path: Path) -> None:
    made = config("lora", rank=4)
    *_, end = training_loop.train(made, tiny_chat(), [text()], tmp_path)
    assert isinstance(end, Finished)
    cost = estimate_run(made, load(1_000), tiny_chat().model.config, assumed_speed(tiny_chat().model.config, 1))
    assert cost.trainable == end.trainable
    assert cost.disk_bytes == 2 * 4 * end.trainable + 3 * 12 * end.trainable


def test_a_slower_method_gets_fewer_steps_in_the_same_time() -> None:
    shape = LlamaConfig(vocab_size=64, hidden_size=256, intermediate_size=512, num_hidden_layers=8)
    plans = {
        id_: plan_run(id_, PRESETS["quick"], {}, {}, load(10**9), shape, assumed_speed(shape, 50))
        for id_ in ("lora", "dora")
    }
    steps = {id_: each.settings.steps for id_, each in plans.items()}
    assert steps["dora"] < steps["lora"]


def test_a_shared_beginning_is_read_once_in_a_workload() -> None:
    prompt = list(range(50))
    examples = [Example([*prompt, 100 + n, 1], [NO_LOSS] * 50 + [100 + n, 1], "given") for n in range(8)]
    load = workload.measure_examples(ExampleSplit(examples, examples[:3]), batch_tokens=104, seed=0)
    assert load.step == ReadVolume(examples=2, packs=1, tokens=54, loss_tokens=4, unpacked_tokens=104)
    assert load.test == ReadVolume(examples=3, packs=1, tokens=56, loss_tokens=6, unpacked_tokens=156)
    assert (load.steps, load.longest) == (4, 56)
    assert load.first_reads(2).unpacked_tokens == 208
    assert load.first_reads(9).unpacked_tokens == 8 * 52
    assert load.step.unpacked().packs == 2


def test_a_pace_tells_a_pass_from_its_tokens_and_is_not_misled_by_a_busy_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, busy = [0.0], iter([5.0, 0.0, 3.0] * 10)
    monkeypatch.setattr("playground.training.throughput.time.perf_counter", lambda: now[0])

    def way(probe: Example) -> None:
        now[0] += throughput.BLOCKS * (0.01 + 0.001 * len(probe.input_ids)) + next(busy)

    pace = throughput.time_pace(way)
    assert (pace.per_pass, pace.per_token) == (pytest.approx(0.01 * SUSTAINED), pytest.approx(0.001 * SUSTAINED))
    assert pace.seconds(2, 300) == pytest.approx(0.32 * SUSTAINED)


def test_a_methods_pace_is_taken_once_whatever_the_number_of_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    model, timed = tiny_chat().model, []
    monkeypatch.setattr(throughput, "sustained_seconds", lambda run: timed.append(run) or float(len(timed)))
    told = throughput.training_speed(model, Device("cpu", torch.float32, 1.0))
    options = adapters.get("dora").Options(rank=3)
    first = told("dora", options)
    count = len(timed)
    assert told("dora", replace(options, top_layers=1)) == first
    assert len(timed) == count > 0
    told("dora", replace(options, rank=2))
    assert len(timed) == count + 4


def test_a_head_that_learns_takes_its_own_time() -> None:
    told = throughput.training_speed(tiny_chat().model, Device("cpu", torch.float32, 1.0))
    shape = tiny_chat().model.config.to_json_string()
    full = throughput.time_adapted_block("full", adapters.get("full").Options(), shape, 0)
    assert full.trains_head
    assert full.both.per_token > 0
    assert told("full", adapters.get("full").Options()).head > 0
    assert not throughput.time_adapted_block("lora", adapters.get("lora").Options(), shape, 0).trains_head


def test_a_machine_is_timed_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[object] = []
    eras = [7_000_001]
    monkeypatch.setattr(throughput, "current_era", lambda: eras[0])
    monkeypatch.setattr(throughput, "time_pace", lambda way: timed.append(way) or Pace(0, 1e-6))
    told, options = training_speed(tiny_chat().model, Device("cpu", torch.float32, 1.0)), adapters.get("lora").Options()
    told("lora", options)
    count = len(timed)
    told("lora", options)
    assert len(timed) == count > 0
    eras[0] += 1
    told("lora", options)
    assert len(timed) == 2 * count


def test_a_run_that_starts_is_planned_by_a_timing_of_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(throughput, "_validity", throughput.Validity())
    monkeypatch.setattr(throughput.time, "monotonic", lambda: now[0])
    shown = throughput.current_era()
    now[0] += 60
    assert throughput.current_era() == shown
    throughput.time_again()
    assert throughput.current_era() == shown + 1
    throughput.time_again()
    assert throughput.current_era() == shown + 1
    now[0] += throughput.VALID_SECONDS + 1
    assert throughput.current_era() == shown + 2


@pytest.mark.parametrize("head_dim", [None, 32])
def test_the_weights_that_a_token_meets_are_the_models_own_whatever_the_width_of_its_heads(
    head_dim: int | None,
) -> None:
    shape = {"vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 1}
    config = Qwen3Config(**shape, num_attention_heads=4, num_key_value_heads=2, head_dim=head_dim or 16)
    model = Qwen3ForCausalLM(config)
    block, head = throughput._weight_counts(config)
    matrices = [each.numel() for name, each in model.model.layers[0].named_parameters() if each.dim() == 2]
    assert (block, head) == (sum(matrices), model.lm_head.weight.numel())
