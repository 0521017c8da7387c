"""All that differs on a GPU, checked and timed in one run: `python -m benchmarks.gpu --model FOLDER`.

Needs no network: the model is a folder, the text comes with the playground. Prints a line of JSON per part, each with
`ok`, and ends with code 1 if a check failed. On a CPU the same parts run in small: `--steps 2 --tokens 8`.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

import adapters
from adapters.base import PlainLora
from benchmarks.chat import forbid_end, random_lora, texts, timed
from benchmarks.teaching_questions import EXAMPLES
from playground.data.tokenize import NO_LOSS, Example
from playground.device import Device, find_device, product_gflops, read_rate
from playground.inference.engine import Decoding, Prompt
from playground.inference.self_test import run_self_test
from playground.inference.served_adapter import load_adapter
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource
from playground.training.best_adapter import Finished
from playground.training.config import RunConfig, TrainSettings
from playground.training.loop import load_examples, train
from retrieval.document import Document
from retrieval.readers.dispatch import read_document

NEAR = {torch.float32: 1e-3, torch.bfloat16: 0.02}  # largest share by which a mean loss may differ from float32's
BATCH, PEER_RANK = 8, 8
SLICES = 3  # of a run
FLOPS = 6  # per weight and token of a training step, after Kaplan et al. 2020 (arXiv 2001.08361), section 2.1

Row = dict[str, Any]


class Bench:
    """The device, the model's folder and what all parts share."""

    def __init__(self, folder: Path, steps: int, tokens: int, methods: Sequence[str], scratch: Path) -> None:
        self.device, self.source = find_device(), ModelSource("chat", folder.name, "folder", folder)
        self.steps, self.tokens, self.methods, self.scratch = steps, tokens, methods, scratch
        self.documents: list[Document] = [read_document(EXAMPLES / "us_constitution.txt")]

    def chat(self, device: Device | None = None) -> ChatModel:
        """The model anew, on the device."""
        return load_chat(self.source, device or self.device)

    def config(self, method: str, steps: int = 0) -> RunConfig:
        """A short run of a method."""
        settings = TrainSettings(
            steps=steps or self.steps, batch_tokens=512, evaluations=1, checkpoint_every=1, max_seconds=600
        )
        return RunConfig(method, adapters.get(method).Options(), settings)

    def trained(self, method: str, chat: ChatModel, name: str) -> Finished:
        """The end of a run whose folder is `name`."""
        *_, end = train(self.config(method), chat, self.documents, self.scratch / name)
        assert isinstance(end, Finished)
        return end


def machine(bench: Bench) -> Row:
    """What the device is, and its limits: products of matrices, and reading of weights."""
    device = bench.device
    name = torch.cuda.get_device_name() if device.name == "cuda" else device.name
    rates = {"gflops": round(product_gflops(device.name, device.dtype)), "read_gb_s": round(read_rate(device) / 1e9, 1)}
    return {"ok": True, "device": name, "dtype": str(device.dtype), "torch": torch.__version__, **rates}


def number_type(bench: Bench) -> Row:
    """The held-out loss before and after a LoRA run in the device's number type, against float32 on the same device."""
    ends = {}
    for dtype in (torch.float32, bench.device.dtype):
        end = bench.trained("lora", bench.chat(replace(bench.device, dtype=dtype)), f"type-{dtype}")
        ends[dtype] = (end.heldout_before, end.heldout_after or math.nan)
    exact, own = ends[torch.float32], ends[bench.device.dtype]
    apart = max(abs(mine / theirs - 1) for mine, theirs in zip(own, exact, strict=True))
    return {"ok": apart <= NEAR[bench.device.dtype], "float32": exact, "own": own, "apart": apart}


def method(name: str, bench: Bench) -> Row:
    """A method trains, is read again, and answers in one batch with the base as it does alone and merged."""
    _forget_peak(bench.device)
    end = bench.trained(name, bench.chat(), f"method-{name}")
    peak, chat = _peak(bench.device), bench.chat()
    served = load_adapter(bench.scratch / f"method-{name}" / "adapter", chat)
    report = run_self_test(chat, [served], bench.source.folder)
    failed = [
        f"{each.what} {each.arm} {each.difference:.2g} > {each.limit:.2g}" for each in report.checks if not each.passed
    ]
    effect = min(report.effects.values())
    pace = end.tokens / end.seconds
    losses = (end.heldout_before, end.heldout_after)
    return {"ok": report.passed, "failed": failed, "effect": effect, "losses": losses, "pace": pace, "peak_mb": peak}


def slices(bench: Bench) -> Row:
    """A run in slices, each from the last one's checkpoint as on a lent GPU, ends with the bytes of a run at one go."""
    steps = max(bench.steps, SLICES)
    whole = _until(bench, "whole", steps, steps)
    reasons = [_until(bench, "sliced", steps, steps * number // SLICES) for number in range(1, SLICES + 1)]
    first, second = (
        (bench.scratch / each / "adapter" / "adapter_model.safetensors").read_bytes() for each in ("whole", "sliced")
    )
    return {"ok": first == second and reasons[:-1] == ["stopped"] * (SLICES - 1), "reasons": [whole, *reasons]}


def training(bench: Bench) -> Row:
    """Tokens per second of the loop, against PEFT's LoRA with padded batches of the same examples."""
    chat = bench.chat()
    examples = load_examples(bench.config("lora"), chat, bench.documents).train[: BATCH * bench.steps]
    end = bench.trained("lora", chat, "pace")
    ours = end.tokens / end.seconds
    theirs = _peft_training(bench, examples)
    limit = bench.device.gflops * 1e9 / (FLOPS * sum(each.numel() for each in chat.model.parameters()))
    return {"ok": True, "ours": ours, "peft": theirs, "ratio": ours / theirs, "limit": limit, "share": ours / limit}


def answers(bench: Bench) -> Row:
    """Four arms in one batch: each says what it says alone; the pace, against PEFT's generate, arm after arm."""
    chat = bench.chat()
    forbid_end(chat)
    lora = random_lora(chat.model)
    rows = [Prompt(ids, each) for each in (None, lora) for ids in texts(chat)]
    decoding = Decoding(max_new_tokens=bench.tokens, repetition_penalty=1.0)
    timed(chat, rows, decoding)  # the first run of a shape is slower
    together = timed(chat, rows, decoding)
    alone = [timed(chat, [each], decoding) for each in rows]
    theirs = _peft_answers(bench, rows, lora)
    same = together.said == alone[-1].said
    limit = read_rate(bench.device) / sum(each.nbytes for each in chat.model.parameters())
    return {
        "ok": same or bench.device.dtype != torch.float32,  # in 16 bits a near tie may fall either way
        "same": same,
        "batch_s": together.whole,
        "alone_pace": [each.pace for each in alone],
        "peft_s": theirs,
        "peft_over_batch": theirs / together.whole,
        "one_row_of_limit": alone[0].pace / limit,
    }


def _until(bench: Bench, name: str, steps: int, last: int) -> str:
    """Go on with the run in this folder until a step, with the model loaded anew; why it ended."""
    reached = 0
    run = train(
        bench.config("lora", steps),
        bench.chat(),
        bench.documents,
        bench.scratch / name,
        should_stop=lambda: last <= reached < steps,
        resume=True,
    )
    for event in run:
        if isinstance(event, Finished):
            return event.reason
        reached = event.step
    raise AssertionError("the run did not end")


def _peft_training(bench: Bench, examples: Sequence[Example]) -> float:
    """Tokens per second of a plain loop over PEFT's LoRA; the first step is not timed."""
    model = _peer(bench)
    wrapped = get_peft_model(model, LoraConfig(r=PEER_RANK, target_modules="all-linear", task_type="CAUSAL_LM"))
    optimizer = torch.optim.AdamW([each for each in wrapped.parameters() if each.requires_grad], lr=1e-3)
    began, tokens = 0.0, 0
    for first in range(0, len(examples), BATCH):
        batch = examples[first : first + BATCH]
        loss = wrapped(**_padded(batch, bench.device.name)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        float(loss.detach())  # waits for the device
        tokens = tokens + sum(len(each.input_ids) for each in batch) if began else 0
        began = began or time.perf_counter()
    return tokens / (time.perf_counter() - began)


def _padded(batch: Sequence[Example], device: str) -> dict[str, torch.Tensor]:
    """Examples as the Trainer lays them side by side, each (batch, longest)."""
    longest = max(len(each.input_ids) for each in batch)
    rows: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "attention_mask": []}
    for each in batch:
        rest = longest - len(each.input_ids)
        rows["input_ids"].append(each.input_ids + [0] * rest)
        rows["labels"].append(each.labels + [NO_LOSS] * rest)
        rows["attention_mask"].append([1] * len(each.input_ids) + [0] * rest)
    return {name: torch.tensor(values, device=device) for name, values in rows.items()}


def _peft_answers(bench: Bench, rows: Sequence[Prompt], lora: PlainLora) -> float:
    """Seconds of all answers by PEFT, one after another."""
    folder = bench.scratch / "peer"
    lora.save(folder, bench.source.name)
    model = PeftModel.from_pretrained(_peer(bench), folder).eval()
    model.generation_config.eos_token_id = None
    began = time.perf_counter()
    for each in rows:
        model.base_model.enable_adapter_layers() if each.adapter else model.base_model.disable_adapter_layers()
        ids = torch.tensor([list(each.ids)], device=bench.device.name)
        said = model.generate(input_ids=ids, do_sample=False, max_new_tokens=bench.tokens)
        assert said.shape[1] == len(each.ids) + bench.tokens
    return time.perf_counter() - began


def _peer(bench: Bench) -> Any:
    """The model as transformers alone has it."""
    loaded = AutoModelForCausalLM.from_pretrained(bench.source.folder, dtype=bench.device.dtype, local_files_only=True)
    return loaded.to(bench.device.name)


def _forget_peak(device: Device) -> None:
    if device.name == "cuda":
        torch.cuda.reset_peak_memory_stats()


def _peak(device: Device) -> int:
    """Megabytes: the most since `_forget_peak` on a GPU, what the process has now elsewhere."""
    used = torch.cuda.max_memory_allocated() if device.name == "cuda" else psutil.Process().memory_info().rss
    return int(used // 1_000_000)


def parts(bench: Bench) -> Iterator[tuple[str, Callable[[Bench], Row]]]:
    """Every part by name."""
    yield from (("machine", machine), ("number type", number_type))
    yield from ((f"method {each}", partial(method, each)) for each in bench.methods)
    yield from (("slices", slices), ("training", training), ("answers", answers))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every part, also after one that failed; the exit code says whether all were passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the chat model")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--methods", nargs="*", default=[*adapters.methods()])
    chosen = parser.parse_args(arguments)
    passed = True
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(chosen.model, chosen.steps, chosen.tokens, chosen.methods, Path(scratch))
        for name, part in parts(bench):
            began = time.perf_counter()
            try:
                row = part(bench)
            except Exception as fault:  # the other parts are worth their time
                row = {"ok": False, "error": f"{type(fault).__name__}: {fault}"}
            passed &= bool(row["ok"])
            print(json.dumps({"part": name, "seconds": round(time.perf_counter() - began, 1), **row}), flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
