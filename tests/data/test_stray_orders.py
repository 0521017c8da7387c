"""Instructions in the passages of some exercises: others than those that are measured, and never followed."""

import json
import re
from itertools import product
from pathlib import Path
from random import Random

import pytest
from transformers import PreTrainedTokenizerFast

from playground.data import stray_orders
from playground.data.exercises import ORDERED, exercise_examples, read_exercises
from playground.data.packing import join_groups
from playground.data.stray_orders import with_stray_order
from playground.evaluation.planted_orders import planted_orders
from retrieval.chunks import Passage

STORED = json.loads(Path(stray_orders.__file__).with_suffix(".json").read_text(encoding="utf-8"))
LONG = 1_024  # tokens of a window that holds whole exercises
TEXT = "The mill stands by the river. It grinds oats. Nobody lives there."


@pytest.mark.parametrize("seed", range(20))
def test_an_order_stands_between_whole_sentences(seed: int) -> None:
    text = with_stray_order(Passage(TEXT, "mill.txt", "", "", 0, len(TEXT), tokens=0), Random(seed)).text
    rest = next(
        text.replace(filled, "")
        for filled in (order.format(word=word) for order, word in product(STORED["orders"], STORED["words"]))
        if filled in text
    )
    assert " ".join(rest.split()) == TEXT


def test_a_share_of_the_exercises_has_orders_that_no_answer_follows(tokenizer: PreTrainedTokenizerFast) -> None:
    exercises = read_exercises("en")
    groups = join_groups(exercise_examples(exercises, tokenizer, LONG, 200_000, seed=0))
    word = re.compile("|".join(STORED["words"]), re.IGNORECASE)
    ordered = [group for group in groups if word.search(tokenizer.decode(group[0].input_ids))]
    assert ORDERED / 2 < len(ordered) / len(groups) < ORDERED * 2
    assert not [each for group in ordered for each in group if each.pair and word.search(each.pair.answer)]


def test_what_is_taught_is_not_what_is_measured() -> None:
    measured = {" ".join(each.instruction.casefold().split()[:4]) for each in planted_orders()}
    assert not measured & {" ".join(each.casefold().split()[:4]) for each in STORED["orders"]}
    assert not [word for word in STORED["words"] if any(word in each.marker for each in planted_orders())]
