"""The part of a text that is too long for a run: spread over its chapters, rich sections first, as long as asked."""

from collections.abc import Sequence

from playground.data.coverage import fit_sections, list_chapters, rank_sections, without_others
from playground.data.sections import Section
from playground.data.split import SplitDocument
from playground.data.tokenize import Example
from retrieval.document import TRAIL, Document

SIZE = 100  # characters of a section


def book(chapters: Sequence[int], heldout: Sequence[int] = (), number: int = 0, named: bool = True) -> SplitDocument:
    """A document of chapters with so many sections each."""
    headings = [
        f"Chapter {chapter}{TRAIL}Part {part}" if named else ""
        for chapter, sections in enumerate(chapters)
        for part in range(sections)
    ]
    sections = [Section(SIZE * place, SIZE * place, SIZE * (place + 1), each) for place, each in enumerate(headings)]
    text = "".join(f"section {place:03} has some words of its own.".ljust(SIZE) for place in range(len(sections)))
    return SplitDocument(number, Document(f"{number}.txt", text), sections, frozenset(heldout))


def test_any_first_part_of_the_order_is_spread_over_all_chapters() -> None:
    texts = [book([10, 20]), book([10], number=1)]
    first = rank_sections(texts, {}, seed=0)[:20]
    read = [len(each.read) for each in list_chapters(texts, first)]
    assert read == [5, 10, 5]


def test_the_sections_with_most_questions_come_first_in_their_chapter() -> None:
    richness = {(0, 3): 4, (0, 7): 2, (0, 12): 1}
    first = rank_sections([book([10, 10])], richness, seed=0)
    assert set(first[:2]) == {(0, 3), (0, 12)}
    assert first.index((0, 7)) < 4


def test_heldout_sections_are_never_chosen_and_all_others_are_ranked_once() -> None:
    ranked = rank_sections([book([6], heldout=[1, 4])], {}, seed=0)
    assert sorted(ranked) == [(0, place) for place in (0, 2, 3, 5)]


def test_the_seed_alone_decides_among_equal_sections() -> None:
    orders = [rank_sections([book([5, 5, 5])], {}, seed) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]


def test_a_text_without_headings_counts_ten_sections_as_a_chapter() -> None:
    chapters = list_chapters([book([25], named=False)], {(0, 0)})
    assert [each.title for each in chapters] == ["1–10", "11–20", "21–30"]
    assert [each.sections for each in chapters] == [10, 10, 5]
    assert chapters[0].read == ("section 000 has some words of …",)
    assert (chapters[0].read_chars, chapters[0].chars) == (SIZE, 10 * SIZE)


def test_what_was_not_chosen_is_skipped_and_held_out_sections_stay() -> None:
    (part,) = without_others([book([4], heldout=[3])], {(0, 1)})
    assert [place for place, _ in part.on_side(False)] == [1]
    assert [place for place, _ in part.on_side(True)] == [3]


def test_the_part_is_as_long_as_asked_whatever_its_sections_cost() -> None:
    ranked = [(0, place) for place in range(300)]
    asked = list[int]()

    def build(chosen: set[tuple[int, int]]) -> list[Example]:
        asked.append(len(chosen))
        return [Example([0] * (90 + place % 20), []) for _, place in sorted(chosen)]

    fitted = fit_sections(ranked, 10_000, build)
    assert abs(sum(len(each.input_ids) for each in fitted.examples) - 10_000) <= 500
    assert len(asked) <= 3
    assert len(fit_sections(ranked, 10**9, build).chosen) == len(ranked)
    assert len(fit_sections(ranked, 1, build).chosen) == 1
