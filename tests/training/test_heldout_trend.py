"""What a run's held-out tests are said to show: no claim from one test, nor from less than their noise."""

import math

import pytest

from playground.training.heldout_trend import Trend, heldout_noise, heldout_trend

# Recorded: the Debian FAQ, LoRA, Quick. The second test was worse than the first, the fourth the best.
NOISY = [2.8815, 2.4776, 2.5521, 2.5229, 2.445]
RISING = [2.95, 2.45, 2.30, 2.25, 2.24, 2.26, 2.31, 2.38, 2.46]


def trends(losses: list[float]) -> list[Trend]:
    """What is said after each test."""
    return [heldout_trend(losses[:count]) for count in range(1, len(losses) + 1)]


def test_a_noisy_test_is_never_called_rising() -> None:
    assert trends(NOISY) == ["early", "early", "improving", "flat", "improving"]


def test_a_true_rise_is_named_once_two_tests_show_it() -> None:
    assert trends(RISING) == ["early", "early", *["improving"] * 4, "flat", "rising", "rising"]


def test_a_rise_within_the_noise_of_the_tests_is_not_named() -> None:
    wavering = [2.9, 2.5, 2.4, 2.5, 2.38, 2.49, 2.41, 2.48, 2.46]
    assert "rising" not in trends(wavering)


def test_a_loss_that_falls_again_is_no_longer_called_rising() -> None:
    assert heldout_trend([*RISING, 2.30]) != "rising"


@pytest.mark.parametrize(("losses", "trend"), [([], "early"), ([3.0, 2.0], "early"), ([3.0, 2.0, 2.0], "improving")])
def test_few_tests_claim_little(losses: list[float], trend: Trend) -> None:
    assert heldout_trend(losses) == trend


def test_noise_is_what_a_steady_course_leaves() -> None:
    assert heldout_noise([2.0, 1.9, 1.8]) == math.inf
    assert heldout_noise([2.0, 1.9, 1.8, 1.7]) == pytest.approx(0, abs=1e-9)
    assert 0.02 < heldout_noise([2.0, 2.1, 2.0, 2.1, 2.0]) < 0.2
