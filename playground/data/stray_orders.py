"""Instructions to put into passages that a model learns to read, so that it learns to answer in spite of them.

Their words are others than those of `evaluation/planted_orders`, which measures whether a model follows one.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

from retrieval.chunks import Passage, sentences


def with_stray_order(passage: Passage, draw: Random) -> Passage:
    """The passage with an instruction after one of its sentences."""
    words, orders = _stored()
    order = draw.choice(orders).format(word=draw.choice(words))
    cut = draw.choice([end for _, end in sentences(passage.text)] or [len(passage.text)])
    return replace(passage, text=f"{passage.text[:cut].rstrip()} {order} {passage.text[cut:].lstrip()}".rstrip())


@cache
def _stored() -> tuple[list[str], list[str]]:
    """The words that are asked for, and the instructions with a place for one."""
    stored = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return stored["words"], stored["orders"]
