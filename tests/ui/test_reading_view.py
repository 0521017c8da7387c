"""What a run reads, on the page: the picture of the mix, and the part of a long text by name."""

import pytest

from playground.data.coverage import Chapter
from playground.data.reading import PartTokens, Reading
from playground.ui.train.reading_view import SHOWN_TITLES, mix_picture, part_report, part_sentence

READING = Reading(
    {"explain": PartTokens(300, 200), "replay": PartTokens(100, 50)},
    0.25,
    (Chapter("a.txt", "<b>One</b>", 40, 400, tuple(f"Title {n}" for n in range(SHOWN_TITLES + 2)), 100),),
)


@pytest.mark.parametrize(("language", "words"), [("en", "The text as answers 75 %"), ("vi", "câu trả lời 75 %")])
def test_the_picture_says_its_shares_in_words(language: str, words: str) -> None:
    assert words in mix_picture(language, READING)


def test_nothing_is_drawn_where_nothing_is_known() -> None:
    assert mix_picture("en", Reading({})) == ""


def test_the_part_is_named_with_its_sections_and_escaped() -> None:
    sentence = part_sentence("en", "part.run", READING)
    assert sentence == "This run reads something of 14 of 40 sections, about 25 % of the text."
    report = part_report("en", sentence, READING)
    assert "<b>One" not in report
    assert "&lt;b&gt;One" in report
    assert "14 of 40 sections" in report
    assert "Title 11; and 2 more" in report
