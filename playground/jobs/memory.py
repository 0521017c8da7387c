"""How much memory a run may take at most, by what lies in its folder; a cluster reserves it. Knows no queue."""

from pathlib import Path

import torch
from transformers import AutoConfig, PretrainedConfig

from adapters.cost import FLOAT
from playground.device import Device
from playground.evaluation.config import ExamSettings
from playground.evaluation.exam_plan import Plan
from playground.models import chat_choice, registry
from playground.models.architectures import head_size
from playground.models.chat_choice import facts_of, listed_source
from playground.models.registry import ModelSource
from playground.settings import Settings
from playground.storage.run_folder import holds_run, read_base, read_config
from playground.training.config import RunConfig
from playground.training.estimate import RUNTIME_BYTES, memory_needed

PROMPT_TOKENS = 160  # of an exam's prompt beside its passages: instructions, chat template and question
CHOICE_TOKENS = 64  # of a question's choices together
NUMBERS = Device("cpu", torch.float32, 1.0)  # a node may have no GPU


def memory_of(folder: Path, settings: Settings) -> int:
    """Bytes that a run's worker takes at its peak, with the longest passes that its settings allow.

    Raises:
        UserError: its chat model is not on this machine.
    """
    config, source = read_config(folder), listed_source(settings, read_base(folder))
    model = AutoConfig.from_pretrained(source.folder, local_files_only=True)
    if config["kind"] == "exam":
        return _exam_memory(Plan.from_dict(config), model, source, settings)
    return memory_needed(RunConfig.from_dict(config), model)


def _exam_memory(plan: Plan, model: PretrainedConfig, source: ModelSource, settings: Settings) -> int:
    """The chat model while it answers a batch, and the embedder; a drill trains a copy beside them."""
    parameters = facts_of(source.name, source).parameters
    needed = RUNTIME_BYTES + chat_choice.memory_bytes(parameters, NUMBERS, settings.answer_bits)
    needed += _batch_bytes(plan.settings, model)
    if plan.index:
        embedder = registry.installed_embedder(settings, plan.embedder)
        needed += sum(each.stat().st_size for each in embedder.folder.glob("*.safetensors"))
    run = plan.adapter.parent if plan.drill and plan.adapter else None
    if run and holds_run(run):
        needed += memory_needed(RunConfig.from_dict(read_config(run)), model) - RUNTIME_BYTES
    return needed


def _batch_bytes(settings: ExamSettings, model: PretrainedConfig) -> int:
    """Keys and values of all rows, and the logits of their choices."""
    width = head_size(model) * model.num_key_value_heads
    cached = 2 * model.num_hidden_layers * width * (settings.passage_tokens + settings.answer_tokens + PROMPT_TOKENS)
    return settings.rows * FLOAT * (cached + CHOICE_TOKENS * model.vocab_size)
