"""How sure a figure is: intervals by resampling whole sections, paired differences, and tests. Knows no model.

Questions of one section stand or fall together, so sections are drawn, not questions. With few of them the plain
percentile interval is too narrow; it is widened as Hesterberg 2015 does (arXiv 1411.5279, section 5.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import bdtr, ndtr, ndtri, stdtr, stdtrit

RESAMPLES = 2_000
LEVEL = 0.95
POWER = 0.8  # chance to tell two arms apart that the needed number of questions is planned for


@dataclass(frozen=True)
class Figure:
    """A mean over `questions` with its interval at 95 %."""

    value: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True)
class Difference:
    """One arm's mean less another's on the same questions, in the order (first, second).

    `p` is as measured, `adjusted` after Holm's correction for all differences of the exam; `needed` questions would
    tell a difference of this size in four of five exams, infinite where there is none.
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
        """Whether it is more than chance, by the corrected test and by the interval both."""
        return self.adjusted < 1 - LEVEL and not self.low <= 0 <= self.high


class Sections:
    """The sections that a set of questions come from, drawn again and again; the same seed draws the same."""

    def __init__(self, sections: Sequence[str], seed: int = 0) -> None:
        self.names, self._member = np.unique(np.asarray(sections, dtype=str), return_inverse=True)
        self._seed = seed

    @cached_property
    def _draws(self) -> np.ndarray:
        """How often each section is drawn, (resamples, sections)."""
        count = len(self.names)
        chance = np.random.default_rng(self._seed)
        return chance.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(float)

    def figure(self, values: Sequence[float]) -> Figure:
        """The mean of one value a question; values that are no number are left out."""
        array = np.asarray(values, dtype=float)
        known = ~np.isnan(array)
        if not known.any():
            return Figure(math.nan, math.nan, math.nan, 0)
        if len(self.names) < 2:
            return Figure(float(array[known].mean()), *_anything(array[known], 0.0), int(known.sum()))
        means = self._means(array, known)
        low, high = np.quantile(means, self._tails())
        if low == high and set(array[known]) <= {0.0, 1.0}:
            low, high = self._all_alike(low)
        return Figure(float(array[known].mean()), float(low), float(high), int(known.sum()))

    def difference(self, first: str, second: str, one: Sequence[float], two: Sequence[float]) -> Difference:
        """The mean of `one` less that of `two`, question by question; right and wrong are tested by McNemar too."""
        pairs = np.asarray(one, dtype=float), np.asarray(two, dtype=float)
        gaps = pairs[0] - pairs[1]
        known = ~np.isnan(gaps)
        if not known.any():
            return Difference(first, second, math.nan, math.nan, math.nan, 1.0, 1.0, math.inf, 0)
        if len(self.names) < 2:
            value, bounds = float(gaps[known].mean()), _anything(np.concatenate(pairs)[np.tile(known, 2)], -1.0)
            return Difference(first, second, value, *bounds, 1.0, 1.0, math.inf, int(known.sum()))
        means = self._means(gaps, known)
        low, high = np.quantile(means, self._tails())
        p = self._p(means)
        if set(pairs[0][known]) | set(pairs[1][known]) <= {0.0, 1.0}:
            p = max(p, mcnemar(pairs[0][known] > 0, pairs[1][known] > 0))
        value, count = float(gaps[known].mean()), int(known.sum())
        enough = questions_needed(value, float(means.std()), count)
        return Difference(first, second, value, float(low), float(high), p, p, enough, count)

    def _means(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The mean in every resample that holds a known value."""
        size = len(self.names)
        sums = np.bincount(self._member, np.where(known, values, 0.0), size)
        counts = np.bincount(self._member, known, size)
        drawn = self._draws @ counts
        return (self._draws @ sums)[drawn > 0] / drawn[drawn > 0]

    def _tails(self) -> tuple[float, float]:
        """The two quantiles, further out the fewer sections there are."""
        count = len(self.names)
        tail = float(ndtr(math.sqrt(count / (count - 1)) * stdtrit(count - 1, (1 - LEVEL) / 2)))
        return tail, 1 - tail

    def _p(self, means: np.ndarray) -> float:
        """The level at which the interval would just reach zero."""
        count = len(self.names)
        # Half a resample is added, as no number of them can show a chance of nothing.
        side = (min((means <= 0).sum(), (means >= 0).sum()) + 0.5) / (len(means) + 1)
        if side >= 0.5:
            return 1.0
        return float(min(1.0, 2 * stdtr(count - 1, ndtri(side) / math.sqrt(count / (count - 1)))))

    def _all_alike(self, value: float) -> tuple[float, float]:
        """Clopper and Pearson's interval where every answer is right, or every one wrong; a section counts once."""
        room = ((1 - LEVEL) / 2) ** (1 / len(self.names))
        return (0.0, 1 - room) if value == 0 else (room, 1.0)


def _anything(values: np.ndarray, least: float) -> tuple[float, float]:
    """What may be where all questions are of one section, which says nothing of another: all that is possible."""
    return (least, 1.0) if values.min() >= 0 and values.max() <= 1 else (-math.inf, math.inf)


def mcnemar(one: np.ndarray, two: np.ndarray) -> float:
    """The exact test's p for paired right and wrong, (n,) of booleans (McNemar 1947)."""
    only_one, only_two = int((one & ~two).sum()), int((two & ~one).sum())
    if only_one + only_two == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_one, only_two), only_one + only_two, 0.5)))


def holm(differences: Sequence[Difference]) -> list[Difference]:
    """The same with `adjusted` p, so that all of them together err in at most 5 % of exams (Holm 1979)."""
    order = sorted(range(len(differences)), key=lambda place: differences[place].p)
    corrected = list(differences)
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * differences[place].p))
        corrected[place] = replace(differences[place], adjusted=largest)
    return corrected


def questions_needed(difference: float, error: float, questions: int) -> float:
    """Questions that tell a difference apart with 80 % power; `error` is its standard error on `questions`."""
    if difference == 0:
        return math.inf
    reach = float(ndtri((1 + LEVEL) / 2) + ndtri(POWER))
    return max(2, math.ceil(questions * (reach * error / difference) ** 2))
