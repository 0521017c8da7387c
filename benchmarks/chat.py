"""What serving four arms in one batch gains over PEFT's generate, arm after arm: `python -m benchmarks.chat`.

Needs the real chat model. The adapter is a random LoRA of rank 8 on all linear layers: its values cost no time.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from adapters.base import PlainLora, target_layers
from playground import decoding
from playground.decoding import Decoding, Prompt, generate
from playground.device import Device, limit_threads
from playground.models import ChatModel, Source, chat_source, load_chat
from playground.settings import Settings

SHORT, LONG = 40, 520  # tokens of a prompt without and with passages
TEXT = "The museum keeps letters, maps and tools of the town, and opens every day but Monday from nine to five. "


def main() -> None:
    """Print one run's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=64, help="new tokens in each answer")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    chosen = parser.parse_args()
    limit_threads(chosen.threads)
    source = chat_source(Settings.from_environment())
    chat = load_chat(source, Device("cpu", torch.float32, 0.0))
    forbid_end(chat)
    lora = random_lora(chat.model)
    prompts = [Prompt(ids, each) for each in (None, lora) for ids in texts(chat)]
    ours = Decoding(max_new_tokens=chosen.tokens, repetition_penalty=1.0)
    with tempfile.TemporaryDirectory() as folder:
        lora.save(Path(folder), chat.name)
        theirs = timed(lambda: one_after_another(reload(source), Path(folder), prompts, chosen.tokens))
    rows = [("PEFT generate, arm after arm", theirs)]
    rows.append(("the same arms in one batch", timed(lambda: in_one_batch(chat, prompts, ours))))
    with usual_product():
        rows.append(("  without the product for few rows", timed(lambda: in_one_batch(chat, prompts, ours))))
    rows.append(("one arm alone, short prompt", timed(lambda: in_one_batch(chat, prompts[:1], ours))))
    print(f"{chat.name}, {chosen.threads} threads, prompts of {SHORT} and {LONG} tokens, {chosen.tokens} new tokens")
    print("| way | whole, s | first text, s | CPU, s | whole / PEFT | CPU / PEFT |\n|---|---|---|---|---|---|")
    for name, (whole, first, cpu) in rows:
        ratios = f"{whole / theirs[0]:.2f} | {cpu / theirs[2]:.2f}"
        print(f"| {name} | {whole:.1f} | {first:.2f} | {cpu:.1f} | {ratios} |")


def one_after_another(model: PreTrainedModel, folder: Path, prompts: list[Prompt], tokens: int) -> Iterator[None]:
    """Yields after loading, then after each answer, base arms with the adapter switched off."""
    wrapped = PeftModel.from_pretrained(model, folder).eval()
    yield
    for prompt in prompts:
        ids = torch.tensor([list(prompt.ids)])
        if prompt.adapter is None:
            with wrapped.disable_adapter():
                answer = wrapped.generate(input_ids=ids, do_sample=False, max_new_tokens=tokens)
        else:
            answer = wrapped.generate(input_ids=ids, do_sample=False, max_new_tokens=tokens)
        assert answer.shape[1] == ids.shape[1] + tokens
        yield


def in_one_batch(chat: ChatModel, prompts: list[Prompt], settings: Decoding) -> Iterator[None]:
    """Yields at once, then after each token."""
    yield
    for _ in generate(chat, prompts, settings):
        yield


def timed(run: Callable[[], Iterator[None]]) -> tuple[float, float, float]:
    """Wall seconds of all but the preparation, of the first result (for `generate` a whole answer), CPU seconds."""
    steps = run()
    next(steps)
    started, worked = time.perf_counter(), time.process_time()
    next(steps)
    first = time.perf_counter() - started
    for _ in steps:
        pass
    return time.perf_counter() - started, first, time.process_time() - worked


def random_lora(model: PreTrainedModel) -> PlainLora:
    """Rank 8 on all linear layers."""
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
    """Let every answer run to its full length."""
    chat.tokenizer.eos_token = None
    chat.model.generation_config.eos_token_id = None


def reload(source: Source) -> PreTrainedModel:
    """A second copy, because PEFT changes the model that it wraps."""
    model = AutoModelForCausalLM.from_pretrained(source.folder, dtype=torch.float32, local_files_only=True)
    model.generation_config.eos_token_id = None
    return model


@contextmanager
def usual_product() -> Iterator[None]:
    """Within, decoding multiplies as the model itself would."""
    few, decoding.FEW = decoding.FEW, 0
    yield
    decoding.FEW = few


if __name__ == "__main__":
    main()
