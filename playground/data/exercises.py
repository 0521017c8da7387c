"""Reading exercises: short texts of the project's own, with questions as people ask them, answered from three passages.

A question made by rule repeats the words of its sentence; these do not. They teach to find the sentence that answers.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, cycle
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from playground.data.packing import pack_length
from playground.data.tokenize import INSTRUCTION, MAX_GROUP_WINDOWS, Example, TrainingPair, pair_example
from playground.prompts import Turn
from retrieval.chunks import Passage

FOLDER = Path(__file__).parent / "exercise_texts"
UNCUT = 1 << 20  # tokens of a window that cuts no passage: what is cut off might be the answer


@dataclass(frozen=True)
class Exercise:
    """A text's passages and the questions about each of them."""

    title: str
    passages: tuple[Passage, ...]
    questions: tuple[tuple[Turn, ...], ...]


def languages() -> list[str]:
    """The languages that there are exercises in."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


@lru_cache
def read_exercises(language: str) -> tuple[Exercise, ...]:
    """All exercises in a language; none where there are none."""
    file = FOLDER / f"{language}.json"
    return tuple(_exercise(each) for each in json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else ()


def exercise_examples(
    exercises: Iterable[Exercise], tokenizer: PreTrainedTokenizerBase, window: int, tokens: float, seed: int
) -> list[Example]:
    """Exercises in an order drawn from `seed`, until about `tokens` tokens are read; again from the first if need be.

    The questions about a text are a group with all of its passages. Where these are too long for a group, the
    questions about each passage are one, with as many of the others as fit.
    """
    listed, examples = list(exercises), list[Example]()
    random.Random(seed).shuffle(listed)
    groups = chain.from_iterable(_groups(each, tokenizer, window, seed) for each in listed)
    for place, group in enumerate(cycle(groups)):
        if tokens <= 0:
            break
        examples += [replace(each, group=f"exercise {place}") for each in group]
        tokens -= pack_length(group)
    return examples


def prepare_exercises(tokenizer: PreTrainedTokenizerBase, window: int, seed: int) -> Iterator[str]:
    """Build the examples of all exercises, one exercise per step, so that texts of any language find them built."""
    for exercise in chain.from_iterable(map(read_exercises, languages())):
        _groups(exercise, tokenizer, window, seed)
        yield exercise.title


@lru_cache(maxsize=1_024)
def _groups(
    exercise: Exercise, tokenizer: PreTrainedTokenizerBase, window: int, seed: int
) -> tuple[list[Example], ...]:
    """The examples that are read together; made once, as every text of a language has the same exercises."""
    return tuple(_made_groups(exercise, tokenizer, window, seed))


def _made_groups(
    exercise: Exercise, tokenizer: PreTrainedTokenizerBase, window: int, seed: int
) -> Iterator[list[Example]]:
    draw = random.Random(f"{seed} {exercise.title}")
    room = MAX_GROUP_WINDOWS * window
    texts = [each.text for each in exercise.passages]
    sizes = [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]

    def fitting(turns: Sequence[Turn], places: Sequence[int]) -> list[Example]:
        """The examples of questions about these passages; none where they do not fit."""
        if sum(sizes[place] for place in places) > room - INSTRUCTION:
            return []
        shown = [exercise.passages[place] for place in draw.sample(places, len(places))]
        pairs = [TrainingPair("exercise", turn.question, turn.answer, -1, -1) for turn in turns]
        made = [pair_example(pair, tokenizer, UNCUT, shown) for pair in pairs]
        return made if pack_length(made) <= room else []

    if whole := fitting(list(chain(*exercise.questions)), range(len(sizes))):
        yield whole
        return
    for place, turns in enumerate(exercise.questions):
        own_first = [*range(place, len(sizes)), *range(place)]
        tries = (fitting(turns, own_first[:count]) for count in range(len(sizes), 0, -1))
        if group := next(filter(None, tries), None):
            yield group


def _exercise(stored: dict[str, Any]) -> Exercise:
    title, passages = stored["title"], stored["passages"]
    asked: list[list[Turn]] = [[] for _ in passages]
    for each in stored["questions"]:
        asked[each["passage"]].append(Turn(each["question"], each["answer"]))
    return Exercise(title, tuple(_passage(title, **each) for each in passages), tuple(map(tuple, asked)))


def _passage(title: str, heading: str, text: str) -> Passage:
    return Passage(text, title, "", heading, 0, len(text), tokens=0)
