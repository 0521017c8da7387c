"""What the held-out tests of a run say so far; a claim needs two tests, and a rise more than the tests' own noise."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal

Trend = Literal["early", "improving", "flat", "rising"]

LEAST_LOSSES = 3  # the one before training and two tests
LEAST_TESTS = 4  # from which noise is estimated
GAIN = 0.002  # a fall of the lowest loss below this share of it is no gain
NOISE_SPREAD = 0.6745 * math.sqrt(6)  # median size of a second difference of independent normal noise of spread 1
DIFFERENCE_SPREADS = 2 * math.sqrt(2)  # two standard deviations of the difference of two tests


def heldout_trend(losses: Sequence[float]) -> Trend:
    """The trend of held-out losses in their order, the first one measured before training.

    Rising: the last two tests are both above the lowest before them by more than two tests differ by chance, and the
    last one does not fall again by as much. Flat: neither of the last two is a new lowest.
    """
    if len(losses) < LEAST_LOSSES:
        return "early"
    lowest, last_two = min(losses[:-2]), losses[-2:]
    margin = DIFFERENCE_SPREADS * heldout_noise(losses[1:])
    if min(last_two) - lowest > margin and last_two[1] > last_two[0] - margin:
        return "rising"
    return "improving" if min(last_two) < lowest * (1 - GAIN) else "flat"


def heldout_noise(tests: Sequence[float]) -> float:
    """The spread of one test around the run's smooth course in nats; infinite where there are too few tests.

    Estimated from second differences, in which a steady fall or rise cancels out. A bend counts as noise, so the
    estimate is rather too large, and a rise is claimed late rather than wrongly.
    """
    if len(tests) < LEAST_TESTS:
        return math.inf
    bends = [after - 2 * middle + before for before, middle, after in zip(tests, tests[1:], tests[2:], strict=False)]
    return statistics.median(map(abs, bends)) / NOISE_SPREAD
