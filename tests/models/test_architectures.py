"""The table of architectures: which settings a row covers, and what sets a model's layers apart."""

from typing import Any

import pytest
from transformers import Gemma3TextConfig, LlamaConfig, Qwen2Config, SmolLM3Config

from playground.models.architectures import LayerPlan, architecture_of, known_row, layer_plans
from tests.fakes.architectures import GEMMA, SHAPE, strong

LONG = {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}


@pytest.mark.parametrize(
    ("config", "covered"),
    [
        (LlamaConfig(**SHAPE), True),
        (LlamaConfig(**SHAPE, hidden_act="relu"), False),
        (LlamaConfig(**SHAPE, rope_parameters=LONG), False),
        (Gemma3TextConfig(**GEMMA), True),
        (Gemma3TextConfig(**GEMMA, final_logit_softcapping=30.0), False),
        (Gemma3TextConfig(**GEMMA, attn_logit_softcapping=50.0), False),
        (Gemma3TextConfig(**GEMMA, use_bidirectional_attention=True), False),
    ],
)
def test_a_setting_that_computes_something_else_has_no_row(config: Any, covered: bool) -> None:
    assert (architecture_of(config) is not None) is covered


def plans(config: Any) -> list[LayerPlan]:
    row = architecture_of(config)
    assert row is not None
    return layer_plans(config, row)


def test_each_layer_has_its_window_and_its_kind_of_positions() -> None:
    assert plans(LlamaConfig(**SHAPE)) == [LayerPlan(0, "")] * 2
    assert plans(Qwen2Config(**SHAPE)) == [LayerPlan(0, "")] * 2
    windows = {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}
    assert plans(Qwen2Config(**SHAPE, **windows)) == [LayerPlan(0, ""), LayerPlan(7, "")]
    types = ["sliding_attention", "full_attention"]
    gemma = plans(Gemma3TextConfig(**GEMMA, sliding_window=9, layer_types=types))
    assert gemma == [LayerPlan(9, types[0]), LayerPlan(0, types[1])]
    assert plans(SmolLM3Config(**SHAPE, no_rope_layers=[1, 0])) == [LayerPlan(0, ""), LayerPlan(0, "none")]


def test_a_model_without_a_row_is_not_taken_apart() -> None:
    with pytest.raises(ValueError, match="No row of the table is for GPT2LMHeadModel"):
        known_row(strong("gpt2"))
