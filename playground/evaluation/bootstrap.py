"""Uncertainty of an exam's figures: cluster-bootstrap intervals, paired differences and tests. Knows no model.

Answers within one section are correlated, so whole sections are resampled, not questions. With few sections the plain
percentile interval is too narrow; it is expanded as in Hesterberg 2015 (arXiv 1411.5279, section 5.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import binomtest

RESAMPLES = 2_000
LEVEL = 0.95
POWER = 0.8  # of the test that `questions_needed` plans for


@dataclass(frozen=True)
class Figure:
    """A mean over `questions` with its 95 % interval."""

    value: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True)
class Difference:
    """The mean of arm `first` minus that of `second` on the same questions, with its 95 % interval.

    `p` is uncorrected, `adjusted` is after Holm's correction for all differences of the exam. `needed` questions would
    detect a difference of this size in four of five exams; it is infinite where the difference is 0.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    p: float
    adjusted: float
    needed: float
    questions: int

    @property
    def differs(self) -> bool:
        """Whether it is significant, both by the corrected test and by the interval."""
        return self.adjusted < 1 - LEVEL and not self.low <= 0 <= self.high


class Sections:
    """The sections of a list of questions, and the bootstrap over them; the same seed gives the same resamples."""

    def __init__(self, sections: Sequence[str], seed: int = 0) -> None:
        """`sections` names the section of each question, in the order of the values that follow."""
        self.names, self._member = np.unique(np.asarray(sections, dtype=str), return_inverse=True)
        self._seed = seed

    @cached_property
    def _draws(self) -> np.ndarray:
        """How often each resample draws each section, (RESAMPLES, sections)."""
        count = len(self.names)
        chance = np.random.default_rng(self._seed)
        return chance.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)

    def figure(self, values: Sequence[float]) -> Figure:
        """The mean of one value per question with its interval; NaN marks a question without a value.

        Where every answer is right, or every one wrong, all resamples agree and the exact interval of Clopper and
        Pearson is given instead, each section counting once. One section alone says nothing of others: its interval
        holds all possible values.
        """
        array = np.asarray(values, dtype=float)
        known = ~np.isnan(array)
        if not known.any():
            return Figure(math.nan, math.nan, math.nan, 0)
        if len(self.names) < 2:
            return Figure(float(array[known].mean()), *_possible_range(array[known], 0.0), int(known.sum()))
        means = self._means(array, known)
        low, high = np.quantile(means, self._tails())
        if low == high and set(array[known]) <= {0.0, 1.0}:
            low, high = self._exact_interval(all_right=low == 1)
        return Figure(float(array[known].mean()), float(low), float(high), int(known.sum()))

    def difference(self, first: str, second: str, one: Sequence[float], two: Sequence[float]) -> Difference:
        """The mean of `one` minus that of `two`, paired by question; NaN marks a question without a value.

        The p-value is the bootstrap's; for values of 0 and 1 it is at least that of McNemar's exact test.
        """
        pairs = np.asarray(one, dtype=float), np.asarray(two, dtype=float)
        gaps = pairs[0] - pairs[1]
        known = ~np.isnan(gaps)
        if not known.any():
            return Difference(first, second, math.nan, math.nan, math.nan, 1.0, 1.0, math.inf, 0)
        if len(self.names) < 2:
            value, bounds = float(gaps[known].mean()), _possible_range(np.concatenate(pairs)[np.tile(known, 2)], -1.0)
            return Difference(first, second, value, *bounds, 1.0, 1.0, math.inf, int(known.sum()))
        means = self._means(gaps, known)
        low, high = np.quantile(means, self._tails())
        p = self._bootstrap_p(means)
        if set(pairs[0][known]) | set(pairs[1][known]) <= {0.0, 1.0}:
            p = max(p, mcnemar(pairs[0][known] > 0, pairs[1][known] > 0))
        value, count = float(gaps[known].mean()), int(known.sum())
        needed = questions_needed(value, float(means.std()), count)
        return Difference(first, second, value, float(low), float(high), p, p, needed, count)

    def _means(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The mean of each resample that has a known value."""
        size = len(self.names)
        sums = np.bincount(self._member, np.where(known, values, 0.0), size)
        counts = np.bincount(self._member, known, size)
        sizes = self._draws @ counts
        return (self._draws @ sums)[sizes > 0] / sizes[sizes > 0]

    def _tails(self) -> tuple[float, float]:
        """The two quantiles of the interval, further out the fewer sections there are."""
        count = len(self.names)
        tail = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, (1 - LEVEL) / 2)))
        return tail, 1 - tail

    def _bootstrap_p(self, means: np.ndarray) -> float:
        """The level at which the interval would just touch zero."""
        count = len(self.names)
        # Half a resample is added, as no finite number of them can show a probability of 0.
        side = (min((means <= 0).sum(), (means >= 0).sum()) + 0.5) / (len(means) + 1)
        if side >= 0.5:
            return 1.0
        return float(min(1.0, 2 * stdtr(count - 1, ndtri(side) / math.sqrt(count / (count - 1)))))

    def _exact_interval(self, all_right: bool) -> tuple[float, float]:
        """Clopper and Pearson's interval for all or none of the sections right."""
        count = len(self.names)
        interval = binomtest(count if all_right else 0, count).proportion_ci(LEVEL, method="exact")
        return float(interval.low), float(interval.high)


def _possible_range(values: np.ndarray, least: float) -> tuple[float, float]:
    """From `least` to 1 for values in 0…1, else the whole real line."""
    return (least, 1.0) if values.min() >= 0 and values.max() <= 1 else (-math.inf, math.inf)


def wilson(yes: int, of: int) -> Figure:
    """The share of independent trials with Wilson's interval (1927), which holds for few trials and for none or all."""
    if not of:
        return Figure(math.nan, math.nan, math.nan, 0)
    interval = binomtest(yes, of).proportion_ci(LEVEL, method="wilson")
    return Figure(yes / of, float(interval.low), float(interval.high), of)


def mcnemar(one: np.ndarray, two: np.ndarray) -> float:
    """The p-value of McNemar's exact test (1947) for paired booleans, each (n,)."""
    only_one, only_two = int((one & ~two).sum()), int((two & ~one).sum())
    if only_one + only_two == 0:
        return 1.0
    return float(binomtest(only_one, only_one + only_two, 0.5).pvalue)


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """The differences with `adjusted` p-values, for a family-wise error of at most 5 % (Holm 1979)."""
    order = sorted(range(len(differences)), key=lambda place: differences[place].p)
    corrected = list(differences)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * differences[place].p))
        corrected[place] = replace(differences[place], adjusted=largest)
    return corrected


def questions_needed(difference: float, error: float, questions: int) -> float:
    """Questions that detect a difference with 80 % power; `error` is its standard error on `questions` of them."""
    if difference == 0:
        return math.inf
    reach = float(ndtri((1 + LEVEL) / 2) + ndtri(POWER))
    return max(2, math.ceil(questions * (reach * error / difference) ** 2))
