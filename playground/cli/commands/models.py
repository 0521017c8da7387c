"""`models`: lists the models that can be used, and the speed of this machine; loads none of them."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import torch

from playground.cli.commands.arguments import Line
from playground.device import Device, choose
from playground.errors import UserError
from playground.models.chat_choice import ChatEntry, facts_of, listed_chats, memory_bytes
from playground.models.registry import (
    EMBEDDERS,
    KnownEmbedder,
    ModelSource,
    chat_source,
    embedder_source,
    find_chat,
    is_installed,
)
from playground.settings import Settings


def run(args: Namespace, settings: Settings) -> Iterator[Line]:
    """One line for the chat model, one per further listed one, and the same for the embedders, which run on the CPU."""
    here = choose()
    yield _model_line("chat", settings.chat_model, chat_source, settings, here, here.gflops)
    for entry in listed_chats(settings)[1:]:
        yield _chat_line(entry, settings, here)
    processor = Device("cpu", torch.float32, here.gflops)
    gflops = here.gflops if here == processor else None
    yield _model_line("embedder", settings.embedder, embedder_source, settings, processor, gflops)
    for known in EMBEDDERS:
        if known.name != settings.embedder:
            yield _embedder_line(known, settings)


def _model_line(
    role: str,
    wanted: str,
    find: Callable[[Settings], ModelSource],
    settings: Settings,
    device: Device,
    gflops: float | None,
) -> Line:
    record: dict[str, Any] = {"role": role, "name": wanted, "origin": None, "folder": None, "available": False}
    try:
        source = find(settings)
        record |= {"name": source.name, "origin": source.origin, "folder": str(source.folder), "available": True}
        text = f"{role}: {source.name}, from the {source.origin}, in {source.folder}"
    except UserError as reason:
        text = f"{role}: not available. {reason}"
    dtype = str(device.dtype).removeprefix("torch.")
    record |= {"dtype": dtype, "device": device.name, "gflops": gflops}
    speed = f" at {gflops:.0f} GFLOP/s" if gflops else ""
    return record, f"{text}\n  runs on {device.name} in {dtype}{speed}"


def _chat_line(entry: ChatEntry, settings: Settings, device: Device) -> Line:
    """The line of another chat model that the host lists."""
    source = find_chat(settings, entry.wanted)
    facts = facts_of(entry.name, source)
    needed = memory_bytes(facts.parameters, device, settings.answer_bits)
    record = {**asdict(facts), "role": "chat", "name": entry.name, "available": source is not None, "memory": needed}
    text = f"chat: {entry.name}, {facts.parameters / 1e6:,.0f} million parameters, {needed / 1e9:.1f} GB of memory"
    text += f", {facts.licence}" if facts.licence else ""
    where = "on this machine" if source else "to be fetched from the Hub"
    return record, f"{text}\n  {where}; `PLAYGROUND_CHAT_MODEL={entry.wanted}` uses it"


def _embedder_line(known: KnownEmbedder, settings: Settings) -> Line:
    """The line of another embedder that `index` can use."""
    here = is_installed(settings, known.name)
    record = {**asdict(known), "role": "embedder", "available": here}
    text = f"embedder: {known.name}, {known.languages} language(s), {known.megabytes} MB, {known.licence}"
    how = "uses it" if here else "fetches it from the Hub and uses it"
    return record, f"{text}\n  not the one in the settings; `index --embedder {known.name}` {how}"
