"""The chat models that a host offers where it names none: small ones, tuned to chat, with what their authors say.

Only attention may join the tokens of a row, as in these: a model that carries more, such as LFM2, cannot answer here.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownChat:
    """A chat model on the Hub. `languages` counts those that its authors name; `context` is in tokens.

    `megabytes` are fetched; the authors of a `gated` one ask for a login first.
    """

    name: str
    parameters: int
    megabytes: int
    licence: str
    languages: int
    context: int
    gated: bool = False


APACHE = "Apache-2.0"
CHAT_MODELS = (
    KnownChat("HuggingFaceTB/SmolLM2-135M-Instruct", 134_515_008, 271, APACHE, 1, 8_192),
    KnownChat("google/gemma-3-270m-it", 268_098_176, 570, "Gemma", 140, 32_768, gated=True),
    KnownChat("HuggingFaceTB/SmolLM2-360M-Instruct", 361_821_120, 728, APACHE, 1, 8_192),
    KnownChat("Qwen/Qwen2.5-0.5B-Instruct", 494_032_768, 995, APACHE, 29, 32_768),
    KnownChat("Qwen/Qwen3-0.6B", 596_049_920, 1_515, APACHE, 119, 40_960),
    KnownChat("google/gemma-3-1b-it", 999_885_952, 2_035, "Gemma", 1, 32_768, gated=True),
    KnownChat("meta-llama/Llama-3.2-1B-Instruct", 1_235_814_400, 2_480, "Llama 3.2", 8, 131_072, gated=True),
    KnownChat("Qwen/Qwen2.5-1.5B-Instruct", 1_543_714_304, 3_100, APACHE, 29, 32_768),
    KnownChat("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1_711_376_384, 3_425, APACHE, 1, 8_192),
)
