"""The results of an exam by arm and question, and the statistics over them. Knows no words and no model."""

import math
from collections.abc import Callable, Mapping, Sequence

from playground.chat.turns import BASE, BOTH, RAG, TUNED
from playground.evaluation.bootstrap import Difference, Figure, Sections, holm
from playground.evaluation.questions import Question
from playground.evaluation.results import ArmResult

Values = Mapping[str, float]  # one value per question, by the question's id
PLANNED = ((TUNED, RAG), (BOTH, RAG), (TUNED, BASE))  # few, as each further comparison weakens all of them
NO_FIGURE = Figure(math.nan, math.nan, math.nan, 0)


class ResultsByArm:
    """The results of an exam by arm and question, and the statistics over its sections."""

    def __init__(self, questions: Sequence[Question], results: Sequence[ArmResult], seed: int) -> None:
        self.questions = {each.id: each for each in questions}
        self._seed = seed
        self.by_arm: dict[str, dict[str, ArmResult]] = {}
        for each in results:
            if each.question in self.questions:
                self.by_arm.setdefault(each.arm, {})[each.question] = each

    def values(self, arm: str, kinds: Sequence[str], read: Callable[[ArmResult], float]) -> dict[str, float]:
        """One value per question of these kinds for an arm, by the question's id."""
        mine = self.by_arm.get(arm, {})
        return {key: read(each) for key, each in mine.items() if self.questions[key].kind in kinds}

    def sentence_values(self, arm: str, read: Callable[[ArmResult], float]) -> dict[str, float]:
        """One value per question that wants a sentence, by the question's id."""
        mine = self.by_arm.get(arm, {})
        return {key: read(each) for key, each in mine.items() if self.questions[key].wants_sentence}

    def figure(self, values: Values) -> Figure:
        """The mean with its interval; NO_FIGURE for no values."""
        return self._sections(list(values)).figure(list(values.values())) if values else NO_FIGURE

    def difference(self, first: str, second: str, one: Values, two: Values) -> Difference:
        """The paired difference on the questions for which both have a value."""
        shared = [key for key in one if key in two and not math.isnan(one[key]) and not math.isnan(two[key])]
        if not shared:
            return Difference(first, second, math.nan, math.nan, math.nan, 1.0, 1.0, math.inf, 0)
        return self._sections(shared).difference(
            first, second, [one[key] for key in shared], [two[key] for key in shared]
        )

    def planned_differences(self, reads: Mapping[str, Callable[[str], Values]]) -> dict[str, list[Difference]]:
        """The PLANNED contests by each of the values that `reads` gives of an arm, corrected all together."""
        contests = [pair for pair in PLANNED if set(pair) <= set(self.by_arm)]
        found = [self.difference(one, two, read(one), read(two)) for read in reads.values() for one, two in contests]
        corrected = iter(holm(found))
        return {name: [next(corrected) for _ in contests] for name in reads}

    def _sections(self, ids: Sequence[str]) -> Sections:
        return Sections([self.questions[each].section or each for each in ids], self._seed)
