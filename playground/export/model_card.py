"""The model card of an export: its provenance, its training and how to load it.

It identifies the training text by a hash only: whoever gets the adapter does not learn what the visitor uploaded.
"""

from collections.abc import Mapping
from typing import Any

from huggingface_hub import ModelCardData

import adapters
from playground.models.wheels import CHAT_MODEL

CARD = "README.md"
LICENSES = {CHAT_MODEL: "apache-2.0"}
LIBRARIES = {"native": "peft", "plain": "peft", "merged": "transformers", "gguf": "gguf"}
_USE_ADAPTER = """from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "FOLDER")
tokenizer = AutoTokenizer.from_pretrained("{base}")"""
_USE_MODEL = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("FOLDER"{more})
tokenizer = AutoTokenizer.from_pretrained("{tokenizer}")"""
CONTENTS = {
    "native": "It is the adapter in the form that its method saves",
    "plain": "It is the adapter as a plain LoRA, with all scales folded into its matrices",
    "merged": "It is the whole model in float32, with the adapter merged into its weights",
    "gguf": "It is the whole model with the adapter merged into its weights, as a GGUF file in float32",
}
FIGURES = {
    "heldout_before": "Held-out loss before training, nats per token",
    "heldout_after": "Held-out loss after training, nats per token",
    "step": "Training steps",
    "tokens": "Training tokens",
    "trainable": "Trainable parameters",
    "seconds": "Training time, seconds",
}


def render_card(form: str, record: Mapping[str, Any], base: str, name: str) -> str:
    """Markdown with the Hub's front matter.

    `form` is one of the export's forms, `record` the run's record, `base` the base model's id. `name` is the visitor's
    title, which is reduced to plain text.
    """
    method = adapters.get(record.get("method", "lora"))
    whole = form in ("merged", "gguf") or method.weights_file == "model.safetensors"
    data = ModelCardData(
        base_model=base,
        base_model_relation="finetune" if whole else "adapter",
        library_name="transformers" if whole and form == "native" else LIBRARIES[form],
        license=LICENSES.get(base, "other"),
        pipeline_tag="text-generation",
        tags=sorted({"gradio-playground", method.id.replace("_", "-"), *(["lora"] if form == "plain" else [])}),
    )
    parts = [
        f"---\n{data.to_yaml()}\n---\n\n# {_plain_text(name)}",
        f"This is `{base}`, fine-tuned with {method.label} ({method.paper.title}, [arXiv {method.paper.arxiv}]"
        f"({method.paper.url})). {CONTENTS[form]}.",
        f"## How to use\n\n```python\n{_use(form, whole, base)}\n```",
        _table("Training", _training(record, base)),
        _table("Figures", _figures(record)),
        f"## Licence\n\n{_license(base)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _use(form: str, whole: bool, base: str) -> str:
    if form == "native" and whole:  # its folder has no tokenizer
        return _USE_MODEL.format(more="", tokenizer=base)
    if whole:
        return _USE_MODEL.format(more=', gguf_file="model.gguf"' if form == "gguf" else "", tokenizer="FOLDER")
    return _USE_ADAPTER.format(base=base)


def _license(base: str) -> str:
    known = LICENSES.get(base)
    terms = f"under {known}, the licence of the base model" if known else "under the licence of its base model"
    return f"This model is {terms}. The text that it was trained on may have a licence of its own."


def _training(record: Mapping[str, Any], base: str) -> dict[str, Any]:
    return {
        "Base model": f"{base}, weights {record.get('base', {}).get('hash', 'unknown')}",
        "Training text, SHA-256 of names and content": record.get("data_hash", "unknown (trained elsewhere)"),
        "Method": record.get("method", "lora"),
        **({"Products with frozen weights": record["products"]} if "products" in record else {}),
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
    lines = [f"| {_plain_text(key)} | {_plain_text(str(value))} |" for key, value in rows.items()]
    return "\n".join([f"## {title}\n", "| | |", "|---|---|", *lines])


def _plain_text(text: str) -> str:
    """One line of letters, digits and harmless signs, so that no name or value can become markup."""
    letters = "".join(letter if letter.isalnum() or letter in " .,:;+-_/()=%" else " " for letter in text)
    return " ".join(letters.split())
