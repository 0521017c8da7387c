"""Are 16-bit and 8-bit weights as good, and faster? `python -m benchmarks.eight_bits`, on the real model.

Each product of `playground.inference.decoder_forward` is replaced: weights in float32, in 16 bits, eight
bits with inputs of 16, and eight bits with inputs quantized on the fly, with one scale for all rows or one per row.
"""

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.chat import forbid_end, random_lora, texts, timed
from playground.device import Device
from playground.inference import decoder_forward, scheduler
from playground.inference.decoder_forward import OurForward
from playground.inference.engine import Decoding, Prompt
from playground.inference.forward import forward_of
from playground.inference.fp16_weights import Fp16Weight
from playground.inference.kv_cache import KVCache
from playground.inference.matmul import fast_linear
from playground.inference.ragged_batch import Segment
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import chat_source
from playground.settings import Settings
from retrieval.readers.dispatch import read_document

TEXT = Path(__file__).parents[1] / "playground" / "data" / "example_texts" / "us_constitution.txt"
READ, WINDOW = 2_000, 500  # tokens that are read, and at once
Product = Callable[[Tensor, Any], Tensor]


def main() -> None:
    """Print one row per kind of product."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=64, help="new tokens in each answer")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chat = load_chat(chat_source(Settings.from_environment()), Device("cpu", torch.float32, 0.0))
    forbid_end(chat)
    scheduler.MAX_DRAFT = 0  # so that no guess helps
    forward = forward_of(chat.model)
    assert isinstance(forward, OurForward)
    print(
        "| products | tokens/s, one row | four rows, two with LoRA | long prompt read | perplexity | alone = in batch "
        "| logits, the prompt cut otherwise |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, (multiply, pack) in KINDS.items():
        packed = {weight.data_ptr(): pack(weight) for weight in weights(forward)}
        decoder_forward.fast_linear = exchanged(multiply, packed)
        print(row(name, chat, forward, Decoding(max_new_tokens=chosen.tokens, repetition_penalty=1.0)), flush=True)


def row(name: str, chat: ChatModel, forward: OurForward, settings: Decoding) -> str:
    """The table's row for the products that are active."""
    short, lora = texts(chat)[0], random_lora(chat.model)
    rows = [Prompt(short, adapter) for adapter in (None, lora, None, lora)]
    timed(chat, rows[:1], settings)
    alone, four = (
        max((timed(chat, some, settings) for _ in range(3)), key=lambda each: each.pace) for some in (rows[:1], rows)
    )
    same = timed(chat, rows[1:2], settings).said == four.said
    long = timed(chat, [Prompt(texts(chat)[1])], Decoding(max_new_tokens=2)).first
    figures = f"{alone.pace:.1f} | {four.pace:.1f} | {long:.2f} s | {perplexity(chat, forward):.3f}"
    return f"| {name} | {figures} | {same} | {moved(chat, forward):.2g} |"


def moved(chat: ChatModel, forward: OurForward) -> float:
    """How much the last logits of a long prompt depend on how it was cut, as a share of the largest."""
    ids, found = texts(chat)[1], []
    for cut in (256, 250):
        memory = KVCache(len(ids))
        forward([Segment(ids[:cut], memory)])
        memory.length = cut
        found.append(forward([Segment(ids[cut:], memory, keep=8)])[0])
    return float((found[0] - found[1]).abs().max() / found[0].abs().max())


def perplexity(chat: ChatModel, forward: OurForward) -> float:
    """Perplexity of the text's first READ tokens, in independent windows."""
    ids, loss, told = chat.tokenizer(read_document(TEXT).text)["input_ids"][:READ], 0.0, 0
    for first in range(0, len(ids), WINDOW):
        part = ids[first : first + WINDOW]
        with torch.inference_mode():
            logits = forward([Segment(part, KVCache(len(part)), keep=len(part))])[0]
        loss += float(torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(part[1:]), reduction="sum"))
        told += len(part) - 1
    return math.exp(loss / told)


def weights(forward: OurForward) -> list[Tensor]:
    """Every matrix that the engine multiplies by."""
    parts = [each for layer in forward._layers for each in (layer.qkv, layer.o, layer.gate_up, layer.down)]
    return [each._weight.detach() for each in (*parts, forward._head)]


def exchanged(multiply: Product, packed: Mapping[int, Any]) -> Callable[[Tensor, Tensor], Tensor]:
    """A product that looks its own form of a weight up."""
    return lambda x, weight: multiply(x, packed[weight.data_ptr()])


def whole_numbers(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight in eight bits with one scale per row."""
    scales = weight.abs().amax(dim=1) / 127
    return (weight / scales[:, None]).round().to(torch.int8), scales


def prepacked(weight: Tensor) -> Any:
    """A weight in the form that PyTorch's dynamic products read."""
    numbers, scales = whole_numbers(weight)
    held = torch._make_per_channel_quantized_tensor(numbers, scales.double(), torch.zeros(len(scales)).long(), 0)
    return torch.ops.quantized.linear_prepack(held, None)


def weight_only(x: Tensor, packed: tuple[Tensor, Tensor]) -> Tensor:
    """Eight-bit weights with 16-bit inputs; with 32-bit inputs it is slower than unquantised weights."""
    numbers, scales = packed
    return torch._weight_int8pack_mm(x.bfloat16().contiguous(), numbers, scales.bfloat16()).float()


def dynamic(x: Tensor, packed: Any) -> Tensor:
    """Inputs quantised with one scale for all rows."""
    return torch.ops.quantized.linear_dynamic(x.contiguous(), packed, False)


def dynamic_by_row(x: Tensor, packed: Any) -> Tensor:
    """Inputs quantised with one scale per row, so that no row depends on another."""
    return torch.cat([dynamic(each, packed) for each in x.split(1)])


KINDS: Mapping[str, tuple[Product, Callable[[Tensor], Any]]] = {
    "float32": (fast_linear, lambda weight: weight),
    "weights of 16 bits": (lambda x, narrow: narrow.product(x), Fp16Weight),
    "weights of 8 bits": (weight_only, whole_numbers),
    "8 bits, one scale": (dynamic, prepacked),
    "8 bits, a scale a row": (dynamic_by_row, prepacked),
}


if __name__ == "__main__":
    main()
