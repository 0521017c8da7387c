"""Where fine-tuning and retrieval break even."""

import math

import pytest

from playground.evaluation.costs import Costs, break_even, questions_per_day


def test_fine_tuning_breaks_even_where_its_answers_have_saved_its_training() -> None:
    even = break_even(Costs(training=100, indexing=10), tuned_seconds=0.5, rag_seconds=2)
    assert even is not None
    assert even.questions_per_day(10) == pytest.approx(10 * 90 / (30 * 1.5))
    assert even.questions_per_day(0) == 0
    assert math.isinf(questions_per_day(-0.5, 90, 1))
    assert break_even(Costs(100, None), 1, 2) is None
