"""What the steps of a run read is counted by part of the mix and by section, and kept as it is."""

import pytest

from playground.data.coverage import Chapter
from playground.data.dataset import ExampleSplit
from playground.data.mix import part_of
from playground.data.reading import PartTokens, Reading, outline_of
from playground.data.sampler import BatchSampler
from playground.data.sections import Section
from playground.data.split import SplitDocument
from playground.data.tokenize import NO_LOSS, Example
from retrieval.document import Document

IDS, LABELS = [1, 2, 3, 4], [NO_LOSS, NO_LOSS, 3, 4]
CHAPTERS = (Chapter("a.txt", "One", 4, 400, ("First", "Second"), 200), Chapter("a.txt", "Two", 1, 600, (), 0))


def book(sections: int = 40) -> SplitDocument:
    """A text of sections of ten characters each."""
    cut = [Section(10 * n, 10 * n, 10 * n + 10, "") for n in range(sections)]
    return SplitDocument(0, Document("a.txt", "a b c d e " * sections), cut, frozenset())


def split(sections: int = 40, is_part: bool = False) -> ExampleSplit:
    """Two examples per section."""
    sources = [f"a.txt:{10 * n}-{10 * n + 9}" for n in range(sections) for _ in range(2)]
    return ExampleSplit([Example(IDS, LABELS, "topic", each) for each in sources], [], (book(),), is_part)


def test_every_example_counts_in_one_part() -> None:
    kinds = ["text", "explain", "given", "replay", "heading", "definition", "item", "statement", "topic", "written"]
    parts = [part_of(Example(IDS, LABELS, kind)) for kind in kinds]
    assert parts == ["text", "explain", "given", "replay", *["questions"] * 6]
    shown = [Example(IDS, LABELS, "given", prompt_kind=each) for each in ("passages", "refusal")]
    assert [part_of(each) for each in shown] == ["passages", "passages"]


def test_a_part_counts_what_is_read_and_what_is_trained_on() -> None:
    made = ExampleSplit([Example(IDS, LABELS, "topic"), Example(IDS, IDS), Example(IDS, LABELS, "cloze")], [])
    assert outline_of(made).reading(9, 12, 0).mix == {"text": PartTokens(4, 3), "questions": PartTokens(8, 4)}


@pytest.mark.parametrize("seed", [0, 5])
def test_the_sections_named_are_those_that_the_steps_read(seed: int) -> None:
    made, steps = split(), 7
    reading = outline_of(made).reading(steps, 8, seed)
    sampler = BatchSampler(made.train, 8, seed)
    read = {each.source for step in range(steps) for each in sampler.batch(step)}
    assert (reading.sections, reading.all_sections) == (len(read), 40)
    assert reading.share == pytest.approx(14 / 80)


def test_whoever_reads_everything_names_no_sections() -> None:
    assert outline_of(split()).reading(40, 8, 0).chapters == ()
    assert outline_of(split()).reading(39, 8, 0).chapters


def test_a_chosen_part_is_named_even_when_it_is_read_whole() -> None:
    reading = outline_of(split(10, is_part=True)).reading(400, 8, 0)
    assert (reading.sections, reading.all_sections, reading.share) == (10, 40, 0.25)


def test_a_reading_is_stored_whole_and_leaves_without_the_text_s_words() -> None:
    reading = Reading({"explain": PartTokens(9, 7)}, 0.2, CHAPTERS)
    assert Reading.from_dict(reading.to_dict()) == reading
    assert (reading.sections, reading.all_sections) == (2, 5)
    assert "First" not in str(reading.counts())
    assert Reading.from_dict({}) == Reading({})
