"""The notes under a pane: a warning in words and not by colour alone, and what was searched for."""

from dataclasses import replace

import pytest

from playground.chat.turns import Record
from playground.evaluation.answer_warnings import SAME, SHORT
from playground.ui.compare.answer_notes import draw_notes
from playground.ui.shared.i18n import languages

TURN = Record("and how do I remove one?", "apt", 9, 0.1, 5.0, True, 0, True, False, "id", {})


def test_a_pane_without_a_fault_and_a_question_of_its_own_has_no_notes() -> None:
    for turn in (None, TURN):
        assert [each["visible"] for each in draw_notes("en", "rag", turn)] == [False, False]


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("warning", [SAME, SHORT])
def test_a_warning_says_what_it_means_and_what_to_do(language: str, warning: str) -> None:
    told = {arm: draw_notes(language, arm, replace(TURN, warning=warning))[0] for arm in ("tuned:r", "both:r", "base")}
    assert all(each["visible"] and each["value"].startswith("⚠") for each in told.values())
    assert told["tuned:r"] == told["both:r"] != told["base"]
    assert {"en": "train again", "vi": "huấn luyện lại"}[language] in told["tuned:r"]["value"]


def test_what_was_searched_for_is_shown_where_it_differs_from_the_question() -> None:
    searched = draw_notes("en", "rag", replace(TURN, left_out=["install", "packages"]))[1]
    assert searched["visible"]
    assert searched["value"] == "and how do I remove one? + install packages"
