"""What is trained on: findings, what is left out and stays so, and a preview that shows the very examples."""

import math
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from playground.data import dataset
from playground.data.mix import MixSettings
from playground.data.packing import pack_examples
from playground.data.preview import preview_examples
from playground.data.sampler import BatchSampler
from playground.data.tokenize import NO_LOSS
from playground.errors import UserError
from playground.services.chat_models import ChatModels
from playground.services.library import Library
from playground.services.training_text import TrainingText
from playground.settings import Settings
from playground.storage.store import Store, new_secret
from playground.training import workload
from playground.training.config import TrainSettings
from playground.training.losses import count_targets
from retrieval.readers.dispatch import read_document
from tests.fakes.memory import held_in_memory
from tests.fakes.texts import CLUB_RULES

MAIL = "Write to the keeper at keeper@lamp.example, who answers."
SETTINGS = TrainSettings(window=256, pairs_share=0.3)


@pytest.fixture
def text(library: Library, store: Store, settings: Settings) -> TrainingText:
    return TrainingText(library, store, ChatModels(settings, store))


@pytest.fixture
def visitor(visitor: str, library: Library) -> str:
    library.add_text(visitor, f"{CLUB_RULES}\n\n{MAIL}")
    return visitor


def test_what_is_left_out_is_not_trained_on_and_can_be_taken_back(
    text: TrainingText, library: Library, visitor: str
) -> None:
    assert MAIL in text.documents(visitor)[0].text
    text.exclude_kind(visitor, "email", True)
    assert "keeper@" not in text.documents(visitor)[0].text
    assert "Rule 59" in text.documents(visitor)[0].text
    assert MAIL in library.documents(visitor)[0].text
    text.exclude_kind(visitor, "email", False)
    assert MAIL in text.documents(visitor)[0].text


def test_a_choice_outlives_the_server_and_is_one_visitors_alone(
    text: TrainingText,
    library: Library,
    store: Store,
    settings: Settings,
    visitor: str,
) -> None:
    other = store.visitor(new_secret())
    library.add_text(other, f"{CLUB_RULES}\n\n{MAIL}")
    text.exclude_kind(visitor, "email", True)
    later = TrainingText(library, Store(settings), ChatModels(settings, store))
    assert later.excluded_kinds(visitor) == {"email"}
    assert "keeper@" not in later.documents(visitor)[0].text
    assert MAIL in later.documents(other)[0].text


@pytest.mark.parametrize("kind", ["little", "iban", "'; DROP TABLE visitors"])
def test_only_what_was_found_can_be_left_out(text: TrainingText, visitor: str, kind: str) -> None:
    with pytest.raises(UserError, match="Nothing of the kind"):
        text.exclude_kind(visitor, kind, True)


def test_findings_follow_the_text(text: TrainingText, library: Library, visitor: str) -> None:
    assert [each.kind for each in text.findings(visitor)] == ["email"]
    library.add_text(visitor, "# More\n\nThe account is DE89 3704 0044 0532 0130 00 at the bank.")
    assert {each.kind for each in text.findings(visitor)} == {"email", "iban"}


def test_starting_over_leaves_nothing_of_a_text_in_memory(text: TrainingText, visitor: str) -> None:
    text.findings(visitor)
    text.preview(visitor, SETTINGS)
    assert held_in_memory(text, visitor)
    text.forget(visitor)
    assert not held_in_memory(text, visitor)


def test_the_preview_is_of_the_examples_that_training_gets(
    text: TrainingText, visitor: str, tokenizer: PreTrainedTokenizerFast
) -> None:
    data = dataset.build_checked_split(text.documents(visitor), tokenizer, SETTINGS.mix)
    rows = text.preview(visitor, SETTINGS)
    assert sum(row.examples for row in rows) == len(data.train)
    assert sum(row.tokens for row in rows) == data.train_tokens
    assert sum(row.loss_tokens for row in rows) == sum(
        label != NO_LOSS for each in data.train for label in each.labels[1:]
    )
    trained = {tokenizer.decode(each.input_ids) for each in data.train}
    for row in rows:
        for shown in row.shown:
            assert "".join(piece for piece, _ in shown.pieces) in trained


def test_the_workload_is_of_the_packs_that_training_reads(
    text: TrainingText,
    library: Library,
    visitor: str,
    tokenizer: PreTrainedTokenizerFast,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workload, "SAMPLE_TOKENS", 10**6)
    settings = TrainSettings(window=256, batch_tokens=600, pairs_share=0.5, seed=3)
    library.add_text(visitor, Path("playground/data/example_texts/us_constitution.txt").read_text()[:3_000])
    load = text.workload(visitor, settings)
    data = dataset.build_checked_split(text.documents(visitor), tokenizer, settings.mix)
    steps = math.ceil(load.steps)
    sampler = BatchSampler(data.train, 600, 3)
    batches = [sampler.batch(step) for step in range(steps)]
    read = [[each for _, each in pack_examples(batch)] for batch in batches]
    assert load.step.examples * steps == pytest.approx(sum(map(len, batches)))
    assert sum(map(len, batches)) >= len(data.train)
    assert load.step.packs * steps == pytest.approx(sum(map(len, read)))
    assert load.step.tokens * steps == pytest.approx(sum(len(each.ids) for each in chain(*read)))
    assert load.step.loss_tokens * steps == pytest.approx(sum(count_targets(batch) for batch in batches))
    assert load.step.loss_tokens < load.step.unpacked_tokens
    tested = [each for _, each in pack_examples(data.heldout)]
    assert (load.test.packs, load.test.tokens) == (len(tested), sum(len(each.ids) for each in tested))
    assert load.test.unpacked_tokens == data.heldout_tokens
    assert load.longest == max(len(each.ids) for each in [*chain(*read), *tested])


def test_a_workload_is_made_once_and_anew_for_another_text_or_step(
    text: TrainingText, library: Library, visitor: str
) -> None:
    load = text.workload(visitor, SETTINGS)
    assert text.workload(visitor, replace(SETTINGS, steps=7)) is load
    assert text.workload(visitor, replace(SETTINGS, batch_tokens=64)).step.tokens < load.step.tokens
    text.exclude_kind(visitor, "email", True)
    assert text.workload(visitor, SETTINGS) is not load
    library.add_text(visitor, CLUB_RULES.replace("biscuit", "cake"))
    assert text.workload(visitor, SETTINGS).text.unpacked_tokens > 1.5 * load.text.unpacked_tokens


def test_a_text_that_is_too_short_is_refused_before_a_run(text: TrainingText, library: Library, store: Store) -> None:
    other = store.visitor(new_secret())
    with pytest.raises(UserError, match="no text"):
        text.workload(other, SETTINGS)
    library.add_text(other, "Only this.")
    with pytest.raises(UserError, match="too short"):
        text.workload(other, SETTINGS)


def test_the_preview_marks_the_answer_and_its_end_alone(tokenizer: PreTrainedTokenizerFast) -> None:
    document = read_document(Path("playground/data/example_texts/us_constitution.txt"))
    made = dataset.build_split([document], tokenizer, MixSettings(1024, 0.1, 0, 0.5))
    by_kind = {row.kind: row for row in preview_examples(made.train, tokenizer)}
    ((stretch, learnt),) = by_kind["text"].shown[0].pieces
    assert learnt
    assert stretch in document.text
    (_, asked), (answer, said) = by_kind["cloze"].shown[0].pieces
    assert (asked, said) == (False, True)
    assert answer.endswith("<|im_end|>")
    assert len(answer) < 60


def test_the_preview_of_no_text_says_so(text: TrainingText, store: Store) -> None:
    with pytest.raises(UserError, match="no text to learn from"):
        text.preview(store.visitor(new_secret()), SETTINGS)
