"""What a method costs on a model, before anything is trained: exact counts, and one real block run a few times."""

import json
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from adapters import get
from adapters.base import Method, Options, target_layers, top_blocks
from adapters.measure import run_in_child

FLOAT = 4  # bytes
MOMENTS = 2  # numbers that AdamW keeps per trained parameter
YARDSTICK = "lora"  # the method whose slowdown is 1
PROBE_TOKENS = 128
REPEATS = 3
CHILD_SECONDS = 900.0  # for all methods together; a child that takes longer hangs

MethodSetting = tuple[str, Options]  # a method's id and its options


@dataclass(frozen=True)
class MethodFootprint:
    """Memory and disk that training with a method takes on one model, in float32.

    `file_bytes` is the size of what a finished run leaves, at most. For the backward pass all blocks together keep
    `activation_bytes_per_token` per token, and `activation_bytes_fixed` for any number of tokens. `read_bytes` is the
    size of the frozen weights as they are read, before quantisation: as their file stores them, for a method that takes
    them so. `frozen_bytes` is their size after it.
    """

    trainable: int
    parameters: int
    file_bytes: int
    frozen_bytes: int
    read_bytes: int
    activation_bytes_per_token: int
    activation_bytes_fixed: int

    @property
    def share(self) -> float:
        """Trainable parameters per parameter of the model."""
        return self.trainable / self.parameters

    @property
    def optimizer_bytes(self) -> int:
        """AdamW's moments."""
        return MOMENTS * FLOAT * self.trainable

    def peak_bytes(self, tokens: int) -> int:
        """Weights as they were read, gradients, moments, and the activations that `tokens` tokens at once keep."""
        learning = 2 * FLOAT * self.trainable + self.optimizer_bytes
        activations = self.activation_bytes_fixed + tokens * self.activation_bytes_per_token
        return self.read_bytes + learning + activations


@dataclass(frozen=True)
class MethodCost(MethodFootprint):
    """A method's footprint, and its `slowdown`: a block's time forward and backward over LoRA's, on this machine."""

    slowdown: float


def measure_footprint(method: Method[Any], config: PretrainedConfig, options: Options) -> MethodFootprint:
    """Count on an empty model of this shape; one real block shows how many activations it keeps.

    Raises:
        MethodError: the options do not fit the model, or the method cannot run here.
    """
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config)
    blocks = len(top_blocks([name for name, _ in empty.named_parameters()], options.top_layers))
    model = few_blocks(method, options, config)
    half, whole = (_block_activation_bytes(model, tokens) for tokens in (PROBE_TOKENS // 2, PROBE_TOKENS))
    per_token = (whole - half) // (PROBE_TOKENS - PROBE_TOKENS // 2)
    trainable = method.trainable(empty, options)
    return MethodFootprint(
        trainable=trainable,
        parameters=empty.num_parameters(),
        file_bytes=_file_bytes(method, empty, options),
        frozen_bytes=_frozen_bytes(method, empty, options, trainable),
        read_bytes=_read_size(method, config) * _frozen_numbers(method, empty, trainable),
        activation_bytes_per_token=blocks * per_token,
        activation_bytes_fixed=blocks * (whole - PROBE_TOKENS * per_token),
    )


def measure_costs(settings: Sequence[MethodSetting], config: PretrainedConfig) -> list[MethodCost]:
    """The cost of each method with its options, in order; one child process times them all.

    Raises:
        MethodError: options do not fit the model, or a method cannot run here.
        ChildError: the timing failed.
    """
    footprints = [measure_footprint(get(id_), config, options) for id_, options in settings]
    slowdowns = measure_slowdowns(settings, config)
    return [MethodCost(**asdict(each), slowdown=slowdown) for each, slowdown in zip(footprints, slowdowns, strict=True)]


def measure_slowdowns(settings: Sequence[MethodSetting], config: PretrainedConfig) -> list[float]:
    """Each method's time for one block, forward and backward, over LoRA's; the child's start takes some seconds.

    A child process times them because the timing needs one thread: torch's thread number belongs to the whole
    process, and a thread that first computes while it is 1 would keep it.

    Raises:
        ChildError: the timing failed.
    """
    requests = [[id_, asdict(options)] for id_, options in settings]
    slowdowns: list[float] = run_in_child(
        time_slowdowns, requests, config.to_json_string(), seconds=CHILD_SECONDS, background=True
    )
    return slowdowns


def time_slowdowns(requests: Sequence[tuple[str, dict[str, Any]]], config_json: str) -> list[float]:
    """In the child process: the slowdown of each method, given by its id and its options' values, on one thread."""
    torch.set_num_threads(1)  # threads that wait for each other burn processor time
    config = AutoConfig.for_model(**json.loads(config_json))
    plain = few_blocks(*yardstick(), config)
    slowdowns = []
    for id_, values in requests:
        method = get(id_)
        model = few_blocks(method, method.Options(**values), config)
        seconds, usual = _fastest_pass_seconds([model, plain])
        slowdowns.append(seconds / usual)
    return slowdowns


def yardstick() -> tuple[Method[Any], Options]:
    """The method whose slowdown is 1, with its options."""
    method = get(YARDSTICK)
    return method, method.Options()


def _file_bytes(method: Method[Any], empty: PreTrainedModel, options: Options) -> int:
    """Bytes of the whole model for a baseline, of its stored parts for an adapter."""
    if method.baseline:
        return FLOAT * empty.num_parameters()
    shapes = _adapted_layers(empty, options).values()
    return FLOAT * sum(part.size for shape in shapes for part in method.parts(*shape, options) if part.stored)


def _frozen_bytes(method: Method[Any], empty: PreTrainedModel, options: Options, trainable: int) -> int:
    """Bytes of the weights that are not trained; a quantised layer's weight counts fewer than four bytes a number."""
    shapes = target_layers(empty).values()
    weights = [part for shape in shapes for part in method.parts(*shape, options)[:1]]
    saved = sum(part.size * (FLOAT - part.bits / 8) for part in weights)
    return round(FLOAT * _frozen_numbers(method, empty, trainable) - saved)


def _frozen_numbers(method: Method[Any], empty: PreTrainedModel, trainable: int) -> int:
    return empty.num_parameters() - (trainable if method.baseline else 0)


def _read_size(method: Method[Any], config: PretrainedConfig) -> int:
    """Bytes per number of the weights that a run begins with."""
    return config.dtype.itemsize if method.from_stored and isinstance(config.dtype, torch.dtype) else FLOAT


def _adapted_layers(empty: nn.Module, options: Options) -> dict[str, tuple[int, int]]:
    targets = {each: value for each, value in vars(options).items() if each in ("top_layers", "targets")}
    return target_layers(empty, **targets)


def few_blocks(method: Method[Any], options: Options, config: PretrainedConfig, blocks: int = 1) -> nn.Module:
    """Blocks of the model's shape with a method attached, ready to be trained; their input requires a gradient."""
    base = bare_blocks(config, blocks)
    base.get_input_embeddings().register_forward_hook(lambda _module, _inputs, output: output.requires_grad_())
    return method.attach(base, replace(options, top_layers=0), seed=0, steps=2).train()


def bare_blocks(config: PretrainedConfig, blocks: int = 1) -> PreTrainedModel:
    """Blocks of the model's shape behind a tiny vocabulary."""
    small = deepcopy(config)
    per_block = {name: kinds for name, kinds in config.to_dict().items() if _is_per_block(kinds, config)}
    small.update({name: list(islice(cycle(kinds), blocks)) for name, kinds in per_block.items()})
    small.num_hidden_layers, small.vocab_size = blocks, 8
    small.bos_token_id = small.eos_token_id = small.pad_token_id = 0
    with torch.random.fork_rng(devices=[]):
        base: PreTrainedModel = AutoModelForCausalLM.from_config(small, dtype=torch.float32)
    return base


def _is_per_block(value: object, config: PretrainedConfig) -> bool:
    """Whether a field of the configuration says something of each block, such as its kind of attention."""
    return isinstance(value, list) and len(value) == config.num_hidden_layers


class _SavedTensor:
    """What autograd stores in place of a tensor; it is freed with the part of the graph that needs it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def activation_bytes(layer: nn.Module, forward: Callable[[], object]) -> int:
    """Bytes of activations that a layer, called by `forward`, keeps until its backward pass; no parameters."""
    there = {each.untyped_storage().data_ptr() for each in [*layer.parameters(), *layer.buffers()]}
    saved: WeakSet[_SavedTensor] = WeakSet()

    def pack(tensor: Tensor) -> _SavedTensor:
        kept = _SavedTensor(tensor)
        saved.add(kept)
        return kept

    watch = saved_tensors_hooks(pack, lambda kept: kept.tensor)
    begin = layer.register_forward_pre_hook(lambda *_: watch.__enter__())
    end = layer.register_forward_hook(lambda *_: watch.__exit__())
    output = forward()  # keeps the graph alive until all is counted
    begin.remove()
    end.remove()
    storages = {kept.tensor.untyped_storage().data_ptr(): kept.tensor.untyped_storage() for kept in saved}
    del output
    return sum(storage.nbytes() for pointer, storage in storages.items() if pointer not in there)


def _fastest_pass_seconds(models: list[nn.Module]) -> list[float]:
    """Each model's fastest pass of a few, in processor seconds, so that other work of the machine does not count.

    The models take turns.
    """
    rounds = [[_pass_seconds(model) for model in models] for _ in range(REPEATS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def _block_activation_bytes(model: nn.Module, tokens: int) -> int:
    blocks = next(each for each in model.modules() if isinstance(each, nn.ModuleList))
    return activation_bytes(blocks[0], lambda: _forward(model, tokens))


def _forward(model: nn.Module, tokens: int) -> Tensor:
    logits: Tensor = model(input_ids=torch.zeros(1, tokens, dtype=torch.long)).logits
    return logits


def _pass_seconds(model: nn.Module) -> float:
    began = time.thread_time()
    _forward(model, PROBE_TOKENS).sum().backward()
    return time.thread_time() - began
