"""Every architecture of the table with every method: differences from transformers and PEFT, and both ways' speed.

`python -m benchmarks.architectures [--out FILE]` builds a small random model of each architecture. Training: loss and
gradients of packs against the same examples one by one in transformers and PEFT. Answering: logits of a batch against
the saved adapter as PEFT or transformers loads it. Speeds are tokens per second of processor time on one thread, so
that other work on the machine counts little; the general way is what an architecture without a row gets.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

import adapters
from adapters.base import Method, PlainLora
from adapters.options import build
from adapters.peft_method import unwrap
from playground.data.tokenize import NO_LOSS, Example, count_tokens
from playground.inference.decoder_forward import OurForward
from playground.inference.forward import TheirForward, forward_of
from playground.inference.kv_cache import KVCache
from playground.inference.ragged_batch import Forward, Segment
from playground.models.architectures import ARCHITECTURES
from playground.training import fused_decoder
from playground.training.losses import count_targets, summed_losses

SHAPE: dict[str, Any] = {
    "vocab_size": 4_096,
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
SLIDING: dict[str, Any] = {"sliding_window": 48, "layer_types": ["sliding_attention", "full_attention"] * 2}
MORE: dict[str, dict[str, Any]] = {
    "gemma3_text": {**SLIDING, "layer_types": SLIDING["layer_types"][:3], "query_pre_attn_scalar": 64},
    "smollm3": {"no_rope_layers": [1, 0, 1]},
}
SHARED, LENGTHS = 24, (20, 90, 35, 60, 20, 75, 40, 50)  # tokens that the examples begin with, and their own
ROWS, READ, STEPS = 4, 80, 24  # rows that answer, tokens of their prompts, tokens that each says
PASSES = 3


@dataclass(frozen=True)
class Found:
    """A method on an architecture: largest differences, as shares, and tokens per second, fast and general."""

    loss: float
    gradient: float
    logits: float
    training: "Speeds"
    answering: "Speeds"

    def cells(self) -> list[str]:
        """The row of the table."""
        shares = [f"{each:.0e}" for each in (self.loss, self.gradient, self.logits)]
        return [*shares, str(self.training), str(self.answering)]


@dataclass(frozen=True)
class Speeds:
    """Tokens per second, fast and general, and the median ratio of two passes in a row."""

    fast: float
    general: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.fast:,.0f} · {self.general:,.0f} · {self.ratio:.2f} ×"


def main() -> None:
    """Print the table, row by row, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="a file for the table, in markdown")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    for line in table():
        print(line, flush=True)
        lines.append(line)
    if asked.out:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def table() -> Iterator[str]:
    """The table's lines."""
    heads = ["architecture", "method", "loss", "gradient", "logits", "training", "answering"]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for type_ in ARCHITECTURES:
        for method in adapters.methods().values():
            if not method.unavailable():
                yield f"| {' | '.join([type_, method.label, *measured(type_, method).cells()])} |"


def measured(type_: str, method: Method[Any]) -> Found:
    """One row."""
    rows = examples()
    model = method.attach(random_model(type_), build(method.Options, {}), seed=1, steps=4).train()
    move_trained(model)
    assert fused_decoder.is_supported(unwrap(model))
    training = speeds(lambda: backward(model, rows), lambda: general_backward(model, rows), count_tokens(rows))
    loss, gradient = training_differences(model, rows)
    with tempfile.TemporaryDirectory() as folder:
        method.save(model, Path(folder))
        logits, answering = answers(type_, method, Path(folder))
    return Found(loss, gradient, logits, training, answering)


def random_model(type_: str) -> PreTrainedModel:
    """The same weights every time, strong enough that the layers matter."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(type_, **SHAPE, **MORE.get(type_, {}))
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    for each in model.parameters():
        if each.dim() == 2:
            each.data.normal_(0, 0.06)
    return model


def move_trained(model: nn.Module) -> None:
    """Move the method's numbers away from where they have no effect."""
    for each in model.parameters():
        if each.requires_grad:
            each.data.add_(torch.randn(each.shape), alpha=0.01)


def examples() -> list[Example]:
    """Examples with a common beginning without loss."""
    random = torch.Generator().manual_seed(0)
    shared = torch.randint(3, SHAPE["vocab_size"], (SHARED,), generator=random).tolist()
    own = [torch.randint(3, SHAPE["vocab_size"], (length,), generator=random).tolist() for length in LENGTHS]
    return [Example(shared + each, [NO_LOSS] * SHARED + each) for each in own]


def backward(model: nn.Module, rows: Sequence[Example]) -> float:
    """The mean loss of one step, whose gradients are added to the model's."""
    total, count = 0.0, count_targets(rows)
    for loss in summed_losses(unwrap(model), rows):
        (loss / count).backward()
        total += loss.item() / count
    return total


def general_backward(model: nn.Module, rows: Sequence[Example]) -> float:
    """The same, example by example in transformers' own pass."""
    with mock.patch.object(fused_decoder, "is_supported", return_value=False):
        return backward(model, rows)


def training_differences(model: nn.Module, rows: Sequence[Example]) -> tuple[float, float]:
    """Of the loss, and of any gradient as a share of the largest, from transformers and PEFT as they are."""
    model.zero_grad(set_to_none=True)
    found = backward(model, rows), gradients(model)
    for module in model.modules():
        vars(module).pop("forward", None)  # PEFT's own layers, as it made them
    wanted = general_backward(model, rows), gradients(model)
    largest = max(float(each.abs().max()) for each in wanted[1])
    apart = max(float((a - b).abs().max()) for a, b in zip(found[1], wanted[1], strict=True))
    return abs(found[0] - wanted[0]) / wanted[0], apart / largest


def gradients(model: nn.Module) -> list[Tensor]:
    """Those of all trained parameters, which are cleared."""
    found = [each.grad.clone() for each in model.parameters() if each.grad is not None]
    model.zero_grad(set_to_none=True)
    return found


def answers(type_: str, method: Method[Any], folder: Path) -> tuple[float, Speeds]:
    """The largest difference of logits, as a share of the largest, and the speeds."""
    served = method.serving_form(random_model(type_), folder)
    adapter, model = (served, random_model(type_)) if isinstance(served, PlainLora) else (None, served)
    # QLoRA answers over the exact weights, where its file is a LoRA.
    peer = adapters.get("lora" if method.id == "qlora" else method.id).load(random_model(type_), folder).eval()
    ids = [row.input_ids for row in examples()[:ROWS]]
    forward = forward_of(model)
    assert isinstance(forward, OurForward)
    found = forward([Segment(each, KVCache(len(each)), adapter, keep=len(each)) for each in ids])
    with torch.inference_mode():
        wanted = [peer(input_ids=torch.tensor([each])).logits[0] for each in ids]
    apart = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, wanted, strict=True))
    both = sayer(forward, adapter), sayer(TheirForward(model), adapter)
    return apart, speeds(*both, ROWS * STEPS)


def sayer(forward: Forward, adapter: PlainLora | None) -> Callable[[], None]:
    """Lets ROWS rows say STEPS more tokens behind their prompts."""
    caches = [KVCache(READ + STEPS * (PASSES + 1)) for _ in range(ROWS)]
    forward([Segment([7] * READ, each, adapter) for each in caches])
    for each in caches:
        each.length = READ

    def say() -> None:
        for _ in range(STEPS):
            forward([Segment([7], each, adapter) for each in caches])
            for each in caches:
                each.length += 1

    return say


def speeds(fast: Callable[[], object], general: Callable[[], object], tokens: int) -> Speeds:
    """The medians of PASSES passes of so many tokens, the two ways in turn, after one of each that does not count."""
    pairs = [(seconds(fast), seconds(general)) for _ in range(PASSES + 1)][1:]
    ours, theirs = (median(each) for each in zip(*pairs, strict=True))
    return Speeds(tokens / ours, tokens / theirs, median(other / one for one, other in pairs))


def seconds(run: Callable[[], object]) -> float:
    """Processor time of this thread."""
    began = time.thread_time()
    run()
    return time.thread_time() - began


if __name__ == "__main__":
    main()
