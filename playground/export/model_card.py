"""The model card of an export: where it came from, how it was trained, how to load it. Knows no file but its own text.

It names the text by its hash alone: what a visitor brought is not told to whoever gets the adapter.
"""

from collections.abc import Mapping
from typing import Any

from huggingface_hub import ModelCardData

import adapters
from playground.models.wheels import CHAT_MODEL

CARD = "README.md"
LICENCES = {CHAT_MODEL: "apache-2.0"}
LIBRARIES = {"native": "peft", "plain": "peft", "merged": "transformers", "gguf": "gguf"}
_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "FOLDER")
tokenizer = AutoTokenizer.from_pretrained("{base}")"""
_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("FOLDER"{more})
tokenizer = AutoTokenizer.from_pretrained("{tokenizer}")"""
WHAT = {
    "native": "the adapter in its method's own form",
    "plain": "the adapter as a plain LoRA, every scale already in its matrices",
    "merged": "the whole model, float32, with the adapter in its weights",
    "gguf": "the whole model with the adapter in its weights, as a GGUF file in float32",
}
FIGURES = {
    "heldout_before": "Held-out loss before, nats a token",
    "heldout_after": "Held-out loss after, nats a token",
    "step": "Steps made",
    "tokens": "Tokens read",
    "trainable": "Numbers trained",
    "seconds": "Seconds",
}


def render_card(form: str, record: Mapping[str, Any], base: str, name: str) -> str:
    """Markdown with the Hub's front matter. `record` is the run's own; `name` is a visitor's word and made plain."""
    method = adapters.get(record.get("method", "lora"))
    whole = form in ("merged", "gguf") or method.weights_file == "model.safetensors"
    data = ModelCardData(
        base_model=base,
        base_model_relation="finetune" if whole else "adapter",
        library_name="transformers" if whole and form == "native" else LIBRARIES[form],
        license=LICENCES.get(base, "other"),
        pipeline_tag="text-generation",
        tags=sorted({"gradio-playground", method.id.replace("_", "-"), *(["lora"] if form == "plain" else [])}),
    )
    parts = [
        f"---\n{data.to_yaml()}\n---\n\n# {_plain(name)}",
        f"`{base}` fine-tuned with {method.label} ({method.paper.title}, [arXiv {method.paper.arxiv}]"
        f"({method.paper.url})); this is {WHAT[form]}.",
        f"## How to use it\n\n```python\n{_use(form, whole, base)}\n```",
        _table("How it was trained", _training(record, base)),
        _table("Figures", _figures(record)),
        f"## Licence\n\n{_licence(base)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _use(form: str, whole: bool, base: str) -> str:
    if form == "native" and whole:  # its folder has no tokenizer
        return _MODEL.format(more="", tokenizer=base)
    if whole:
        return _MODEL.format(more=', gguf_file="model.gguf"' if form == "gguf" else "", tokenizer="FOLDER")
    return _ADAPTER.format(base=base)


def _licence(base: str) -> str:
    known = LICENCES.get(base)
    terms = f"The base model is under {known}" if known else "The base model's own licence holds"
    return f"{terms}, and so is what was made of it. The text it learnt from may have a licence of its own."


def _training(record: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {
        "Base model": f"{base}, weights {record.get('base', {}).get('hash', 'unknown')}",
        "Text, SHA-256 over names and content": record.get("data_hash", "unknown: it was made elsewhere"),
        "Method": record.get("method", "lora"),
        **{f"Option {key}": value for key, value in record.get("options", {}).items()},
        **{f"Setting {key}": value for key, value in record.get("settings", {}).items()},
        **{f"Version of {key}": value for key, value in record.get("versions", {}).items()},
    }


def _figures(record: Mapping[str, Any]) -> dict[str, Any]:
    figures = record.get("figures", {})
    return {
        label: f"{figures[key]:,.4g}" if isinstance(figures[key], float) else f"{figures[key]:,}"
        for key, label in FIGURES.items()
        if isinstance(figures.get(key), (int, float))
    }


def _table(title: str, rows: Mapping[str, Any]) -> str:
    if not rows:
        return ""
    lines = [f"| {_plain(key)} | {_plain(str(value))} |" for key, value in rows.items()]
    return "\n".join([f"## {title}\n", "| | |", "|---|---|", *lines])


def _plain(text: str) -> str:
    """One line of letters, digits and harmless signs: a name or a value must not become markup on somebody's page."""
    kept = "".join(letter if letter.isalnum() or letter in " .,:;+-_/()=%" else " " for letter in text)
    return " ".join(kept.split())
