"""What a method costs on a model, before anything is trained: exact counts, and one real block run a few times."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from adapters import get
from adapters.base import Method, Options, target_layers, top_blocks

FLOAT = 4  # bytes
MOMENTS = 2  # numbers that AdamW keeps for every trained one
YARDSTICK = "lora"  # the method whose time is 1
PROBE_TOKENS = 128
REPEATS = 3

_alone = Lock()  # the number of threads is the process's, not the caller's


@dataclass(frozen=True)
class MethodCost:
    """What training with a method takes on one model, in float32.

    `file_bytes` is the size of what a finished run leaves, at most. For the backward pass all blocks together keep
    `activation_bytes_per_token` per token, and `activation_bytes_fixed` for any number of tokens. `slowdown` is a
    block's time forward and backward over LoRA's, measured on this machine. `read_bytes` is the size of the frozen
    weights as they are read, before quantisation.
    """

    trainable: int
    parameters: int
    file_bytes: int
    frozen_bytes: int
    read_bytes: int
    activation_bytes_per_token: int
    activation_bytes_fixed: int
    slowdown: float

    @property
    def share(self) -> float:
        """Trained numbers per number of the model."""
        return self.trainable / self.parameters

    @property
    def optimizer_bytes(self) -> int:
        """AdamW's moments."""
        return MOMENTS * FLOAT * self.trainable

    def peak_bytes(self, tokens: int) -> int:
        """Weights as they were read, gradients, moments, and what `tokens` tokens at once make the blocks keep."""
        learning = 2 * FLOAT * self.trainable + self.optimizer_bytes
        return self.read_bytes + learning + self.activation_bytes_fixed + tokens * self.activation_bytes_per_token


def measure_cost(method: Method[Any], config: PretrainedConfig, options: Options) -> MethodCost:
    """Count on an empty model of this shape, and run one of its blocks for what cannot be counted.

    Raises:
        MethodError: the options do not fit the model, or the method cannot run here.
    """
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config)
    blocks = len(top_blocks([name for name, _ in empty.named_parameters()], options.top_layers))
    model, plain = (few_blocks(*each, config) for each in ((method, options), yardstick()))
    half, whole = (_block_keeps(model, tokens) for tokens in (PROBE_TOKENS // 2, PROBE_TOKENS))
    each = (whole - half) // (PROBE_TOKENS - PROBE_TOKENS // 2)
    seconds, usual = _fastest([model, plain])
    trainable = method.trainable(empty, options)
    return MethodCost(
        trainable=trainable,
        parameters=empty.num_parameters(),
        file_bytes=_file_bytes(method, empty, options),
        frozen_bytes=_frozen_bytes(method, empty, options, trainable),
        read_bytes=_read_bytes(method, empty, trainable),
        activation_bytes_per_token=blocks * each,
        activation_bytes_fixed=blocks * (whole - PROBE_TOKENS * each),
        slowdown=seconds / usual,
    )


def yardstick() -> tuple[Method[Any], Options]:
    """The method whose time is 1, with its options."""
    method = get(YARDSTICK)
    return method, method.Options()


def _file_bytes(method: Method[Any], empty: PreTrainedModel, options: Options) -> int:
    """A baseline leaves the whole model, an adapter its stored parts."""
    if method.baseline:
        return FLOAT * empty.num_parameters()
    shapes = _adapted(method, empty, options).values()
    return FLOAT * sum(part.numbers for shape in shapes for part in method.parts(*shape, options) if part.stored)


def _frozen_bytes(method: Method[Any], empty: PreTrainedModel, options: Options, trainable: int) -> int:
    """The weights that stay as they are: all but those in squeezed layers at four bytes each."""
    shapes = target_layers(empty).values()
    weights = [part for shape in shapes for part in method.parts(*shape, options)[:1]]
    saved = sum(part.numbers * (FLOAT - part.bits / 8) for part in weights)
    return round(_read_bytes(method, empty, trainable) - saved)


def _read_bytes(method: Method[Any], empty: PreTrainedModel, trainable: int) -> int:
    return FLOAT * (empty.num_parameters() - (trainable if method.baseline else 0))


def _adapted(method: Method[Any], empty: nn.Module, options: Options) -> dict[str, tuple[int, int]]:
    targets = {each: value for each, value in vars(options).items() if each in ("top_layers", "targets")}
    return target_layers(empty, **targets)


def few_blocks(method: Method[Any], options: Options, config: PretrainedConfig, blocks: int = 1) -> nn.Module:
    """Blocks of the model's shape with a method, ready to be trained; their input asks for a gradient."""
    base = bare_blocks(config, blocks)
    base.get_input_embeddings().register_forward_hook(lambda _module, _inputs, output: output.requires_grad_())
    return method.attach(base, replace(options, top_layers=0), seed=0, steps=2).train()


def bare_blocks(config: PretrainedConfig, blocks: int = 1) -> PreTrainedModel:
    """Blocks of the model's shape behind a tiny vocabulary."""
    small = deepcopy(config)
    small.num_hidden_layers, small.vocab_size = blocks, 8
    small.bos_token_id = small.eos_token_id = small.pad_token_id = 0
    with torch.random.fork_rng(devices=[]):
        base: PreTrainedModel = AutoModelForCausalLM.from_config(small, dtype=torch.float32)
    return base


class _SavedTensor:
    """What autograd holds on to in place of a tensor; it goes when the part of the graph that needs it goes."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def activation_bytes(layer: nn.Module, forward: Callable[[], object]) -> int:
    """Bytes that a layer, called by `forward`, keeps until its backward pass; parameters are there anyway."""
    there = {each.untyped_storage().data_ptr() for each in [*layer.parameters(), *layer.buffers()]}
    held: WeakSet[_SavedTensor] = WeakSet()

    def pack(tensor: Tensor) -> _SavedTensor:
        kept = _SavedTensor(tensor)
        held.add(kept)
        return kept

    watch = saved_tensors_hooks(pack, lambda kept: kept.tensor)
    begin = layer.register_forward_pre_hook(lambda *_: watch.__enter__())
    end = layer.register_forward_hook(lambda *_: watch.__exit__())
    output = forward()  # keeps the graph alive until all is counted
    begin.remove()
    end.remove()
    storages = {kept.tensor.untyped_storage().data_ptr(): kept.tensor.untyped_storage() for kept in held}
    del output
    return sum(storage.nbytes() for pointer, storage in storages.items() if pointer not in there)


def _fastest(models: list[nn.Module]) -> list[float]:
    """Each model's fastest pass of a few, in processor seconds: what else the machine does shall not count.

    On one thread, since several that wait for each other burn processor time; they take turns between models.
    """
    with _alone:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            rounds = [[_pass(model) for model in models] for _ in range(REPEATS)]
        finally:
            torch.set_num_threads(threads)
    return [min(times) for times in zip(*rounds, strict=True)]


def _block_keeps(model: nn.Module, tokens: int) -> int:
    blocks = next(each for each in model.modules() if isinstance(each, nn.ModuleList))
    return activation_bytes(blocks[0], lambda: _forward(model, tokens))


def _forward(model: nn.Module, tokens: int) -> Tensor:
    logits: Tensor = model(input_ids=torch.zeros(1, tokens, dtype=torch.long)).logits
    return logits


def _pass(model: nn.Module) -> float:
    began = time.thread_time()
    _forward(model, PROBE_TOKENS).sum().backward()
    return time.thread_time() - began
