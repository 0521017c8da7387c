"""The batched engine against PEFT's generate, arm by arm, on the real chat model: `python -m benchmarks.chat`.

The adapter is a random LoRA of rank 8 on all linear layers: its values cost no time. Answers run to their full length.
"""

import argparse
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from itertools import islice, takewhile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gguf
import numpy as np
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from adapters.base import PlainLora, target_layers
from playground import prompts
from playground.device import Device
from playground.export.gguf import write_gguf
from playground.inference import scheduler
from playground.inference.engine import Decoding, Prompt, generate
from playground.inference.forward import forward_of
from playground.models.chat_model import ChatModel, load_chat
from playground.models.registry import ModelSource, chat_source
from playground.settings import Settings
from retrieval.chunks import Passage

SHORT, LONG, NEXT = 40, 520, 30  # tokens of a prompt without and with passages, and of a second question
TEXT = "The museum keeps letters, maps and tools of the town, and opens every day but Monday from nine to five. "
QUESTIONS = 16  # with passages
ASKED = ("What is the capital of France?", "Why is the sky blue?", "Write a short poem about two rivers.")
ROOM = 300_000_000  # bytes that are read to time the memory


def main() -> None:
    """Print one run's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=64, help="new tokens in each answer")
    parser.add_argument(
        "--passages", type=Path, help="XQuAD's English file: answers with passages, with and without guesses"
    )
    parser.add_argument("--llama", type=Path, help="a Python that has xllamacpp: llama.cpp beside one arm")
    parser.add_argument("--bits", type=int, default=32, choices=(32, 16), help="of the weights that answers come from")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    source = chat_source(Settings.from_environment())
    chat = load_chat(source, Device("cpu", torch.float32, 0.0), chosen.bits)
    forbid_end(chat)
    forward = forward_of(chat.model, chat.bits)
    lora = random_lora(chat.model)
    rows = [Prompt(ids, each) for each in (None, lora) for ids in texts(chat)]
    settings = Decoding(max_new_tokens=chosen.tokens, repetition_penalty=1.0)
    most, scheduler.MAX_DRAFT = (
        scheduler.MAX_DRAFT,
        0,
    )  # so that no guess helps: a text that repeats itself would be guessed
    print(
        f"{chat.name}, {forward.weight_dtype}, {chosen.threads} threads, {type(forward).__name__}, "
        f"{SHORT} and {LONG} + {chosen.tokens} tokens"
    )
    against_peft(chat, source, lora, rows, settings)
    second_turn(chat, rows, settings)
    if chosen.llama:
        against_llama(chat, chosen.llama, settings, chosen.threads)
    if chosen.passages:
        guesses(load_chat(source, Device("cpu", torch.float32, 0.0), chosen.bits), chosen.passages, most)


def against_peft(chat: ChatModel, source: ModelSource, lora: PlainLora, rows: list[Prompt], settings: Decoding) -> None:
    """Four arms in one batch and one arm alone; tokens per second are counted from an answer's second token on."""
    with tempfile.TemporaryDirectory() as folder:
        lora.save(Path(folder), chat.name)
        peer = PeftModel.from_pretrained(reload(source), folder).eval()
    theirs = [by_peft(peer, each, settings) for each in rows]
    print(f"PEFT, arm after arm: {sum(each.whole for each in theirs):.1f} s; each: {shown(theirs)}")
    alone = [timed(chat, [each], settings) for each in rows]
    together = timed(chat, rows, settings)
    print(f"alone: {shown(alone)}")
    print(f"in one batch: {together.whole:.1f} s, first token after {together.first:.2f} s")
    slowest = max(each.whole for each in alone)
    print(
        f"PEFT / batch {sum(each.whole for each in theirs) / together.whole:.2f}; "
        f"batch / slowest {together.whole / slowest:.2f}"
    )
    bound = sum(each.nbytes for each in chat.model.parameters()) / bytes_per_second()
    for name, mine, peers in zip(("short", "long", "short LoRA", "long LoRA"), alone, theirs, strict=True):
        ratio, share = mine.pace / peers.pace, mine.pace * bound
        print(f"{name}: {mine.pace:.1f} tokens/s, {ratio:.2f} of PEFT's {peers.pace:.1f}, {share:.0%} of the bound")


def against_llama(chat: ChatModel, python: Path, settings: Decoding, threads: int) -> None:
    """The exported base in llama.cpp, with matrices of 32 and of 8 bits: its pace, and whether it says the same.

    The first prompt is the short one as ids; the others are questions, which llama.cpp cuts into tokens itself.
    """
    asked = [chat.tokenizer.decode(prompts.render(chat.tokenizer, prompts.messages(each))) for each in ASKED]
    ids = [texts(chat)[0], *(chat.tokenizer(each, add_special_tokens=False)["input_ids"] for each in asked)]
    ours = [timed(chat, [Prompt(each)], settings) for each in ids]
    print(f"here: {', '.join(f'{each.pace:.1f}' for each in ours)} tokens/s")
    for writer in (gguf.GGUFWriter, EightBits):
        with tempfile.TemporaryDirectory() as folder, patch.object(gguf, "GGUFWriter", writer):
            file = Path(folder) / "model.gguf"
            write_gguf(chat.model, chat.tokenizer, file, chat.name)
            words = [python, Path(__file__).with_name("llama_cpp.py"), file, threads, settings.max_new_tokens]
            given = json.dumps([ids[0], *asked])
            told = subprocess.run([*map(str, words)], input=given, capture_output=True, text=True, check=True).stdout
        theirs = json.loads(told.splitlines()[-1])
        same = [each["text"].startswith(to_end(chat, mine.said)) for mine, each in zip(ours, theirs, strict=True)]
        read = [len(mine) == each["read"] for mine, each in zip(ids, theirs, strict=True)]
        paces = ", ".join(f"{each['pace']:.1f}" for each in theirs)
        print(f"llama.cpp, {writer.__name__}: {paces} tokens/s; as many tokens read {read}, the same said {same}")


def to_end(chat: ChatModel, said: list[int]) -> str:
    """An answer up to its end token; llama.cpp, made to continue, has another token there."""
    return str(chat.tokenizer.decode([*takewhile(lambda each: each != chat.model.config.eos_token_id, said)]))


class EightBits(gguf.GGUFWriter):
    """Writes matrices as Q8_0: eight bits, and one scale per 32 numbers."""

    def add_tensor(self, name: str, tensor: np.ndarray, **more: Any) -> None:
        """Vectors stay as they are."""
        kind = gguf.GGMLQuantizationType.Q8_0
        if tensor.ndim == 2:
            super().add_tensor(name, gguf.quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            super().add_tensor(name, tensor, **more)


def second_turn(chat: ChatModel, rows: list[Prompt], settings: Decoding) -> None:
    """Time to the first token where the second prompt continues the first and its answer."""
    for prompt in rows:
        first = Prompt(prompt.ids, prompt.adapter, scope="somebody")
        begun = timed(chat, [first], settings)
        said = [*begun.said, *texts(chat)[1][:NEXT]]
        again = timed(chat, [Prompt([*first.ids, *said], prompt.adapter, scope="somebody")], settings)
        print(
            f"second turn after {len(first.ids)} tokens: {begun.first:.2f} s, then {again.first:.2f} s, "
            f"{again.first / begun.first:.2f}"
        )


def guesses(chat: ChatModel, file: Path, most: int) -> None:
    """Prompt lookup: greedy answers with passages at the page's settings, which must be the same tokens."""
    asked = [Prompt(each) for each in with_passages(chat, file)]
    runs: dict[int, list[Timed]] = {}
    for scheduler.MAX_DRAFT in (0, most):
        runs[scheduler.MAX_DRAFT] = [timed(chat, [each], Decoding(max_new_tokens=64)) for each in asked]
    plain, guessed = runs[0], runs[most]
    same = sum(a.said == b.said for a, b in zip(plain, guessed, strict=True))
    whole, steps = (
        [sum(each.whole for each in some) for some in (plain, guessed)],
        [sum(each.whole - each.first for each in some) for some in (plain, guessed)],
    )
    print(
        f"guesses: {same} of {len(asked)} answers the same; {whole[0]:.1f} s without, {whole[1]:.1f} s with, "
        f"{whole[0] / whole[1]:.2f}; after reading {steps[0] / steps[1]:.2f}"
    )


def with_passages(chat: ChatModel, file: Path) -> list[list[int]]:
    """Prompts with one question per article of XQuAD and its paragraph between its two neighbours."""
    found = []
    for article in json.loads(file.read_text(encoding="utf-8"))["data"][:QUESTIONS]:
        texts = [each["context"] for each in article["paragraphs"][:3]]
        passages = [Passage(each, "article", "", "", 0, len(each), 0) for each in texts]
        question = article["paragraphs"][1]["qas"][0]["question"]
        found.append(prompts.render(chat.tokenizer, prompts.messages(question, (), passages)))
    return found


@dataclass(frozen=True)
class Timed:
    """Seconds of one run, seconds to its first token, tokens per second after that, and the last row's answer."""

    whole: float
    first: float
    pace: float
    said: list[int]


def timed(chat: ChatModel, rows: list[Prompt], settings: Decoding) -> Timed:
    """Time one run of the batch."""
    started = time.perf_counter()
    tokens = generate(chat, rows, settings)
    came = list(islice(tokens, 1))
    first = time.perf_counter() - started
    came += tokens
    whole = time.perf_counter() - started
    said = [each.id for each in came if each.row == len(rows) - 1]
    return Timed(whole, first, (len(came) - 1) / (whole - first), said)


def by_peft(model: PeftModel, prompt: Prompt, settings: Decoding) -> Timed:
    """One answer by PEFT's generate, without the adapter for a base arm; a one-token answer times the prefill."""
    model.base_model.disable_adapter_layers() if prompt.adapter is None else model.base_model.enable_adapter_layers()
    ids, seconds = torch.tensor([list(prompt.ids)]), []
    for length in (1, settings.max_new_tokens):
        started = time.perf_counter()
        out = model.generate(input_ids=ids, do_sample=False, max_new_tokens=length)
        seconds.append(time.perf_counter() - started)
    first, whole = seconds
    said = out[0, len(prompt.ids) :].tolist()
    assert len(said) == settings.max_new_tokens
    return Timed(whole, first, (len(said) - 1) / (whole - first), said)


def shown(runs: list[Timed]) -> str:
    """The seconds of some runs as text."""
    return ", ".join(f"{each.whole:.2f} s" for each in runs)


def bytes_per_second() -> float:
    """Memory bandwidth: the best of a few sums over more bytes than any cache holds."""
    room, best = torch.ones(ROOM // 4), float("inf")
    for _ in range(5):
        started = time.perf_counter()
        room.sum()
        best = min(best, time.perf_counter() - started)
    return ROOM / best


def random_lora(model: PreTrainedModel) -> PlainLora:
    """A LoRA of rank 8 on all linear layers with random values."""
    random = torch.Generator().manual_seed(0)
    shapes = target_layers(model)
    return PlainLora(
        {
            name: (torch.randn(8, wide, generator=random) / 50, torch.randn(high, 8, generator=random) / 50)
            for name, (wide, high) in shapes.items()
        }
    )


def texts(chat: ChatModel) -> list[list[int]]:
    """A short and a long prompt."""
    ids = chat.tokenizer(TEXT * 30)["input_ids"]
    return [ids[:SHORT], ids[:LONG]]


def forbid_end(chat: ChatModel) -> None:
    """Prevent the end token, so that every answer has its full length."""
    chat.tokenizer.eos_token = None
    chat.model.generation_config.eos_token_id = None


def reload(source: ModelSource) -> PreTrainedModel:
    """A second copy, because PEFT changes the model that it wraps."""
    model = AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32, local_files_only=True)
    model.generation_config.eos_token_id = None
    return model


if __name__ == "__main__":
    main()
