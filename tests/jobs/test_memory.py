"""What an exam's rows take in memory, compared with the keys and values that a model returns."""

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from adapters.cost import FLOAT
from playground.evaluation.config import ExamSettings
from playground.jobs import memory


@pytest.mark.parametrize("head_dim", [16, 32])
def test_a_row_takes_its_keys_and_values_whatever_the_width_of_its_heads(head_dim: int) -> None:
    shape = {"vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    config = Qwen3Config(**shape, num_attention_heads=4, num_key_value_heads=2, head_dim=head_dim)
    settings = ExamSettings(rows=1)
    tokens = settings.passage_tokens + settings.answer_tokens + memory.PROMPT_TOKENS
    cache = Qwen3ForCausalLM(config)(torch.ones(1, tokens, dtype=torch.long), use_cache=True).past_key_values
    held = sum(each.keys.nbytes + each.values.nbytes for each in cache.layers)
    assert memory._batch_bytes(settings, config) == held + FLOAT * memory.CHOICE_TOKENS * config.vocab_size
