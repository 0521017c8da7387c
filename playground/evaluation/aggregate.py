"""The numbers of an exam: what each arm reached, with intervals, and which arms differ. Knows no words and no model."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from playground.evaluation.arms import BASE, BOTH, GOLD, RAG, RETRIEVING, TUNED, TUNING
from playground.evaluation.bootstrap import Difference, Figure, Sections, holm
from playground.evaluation.metrics import BROKEN, WORDED, abstention
from playground.evaluation.questions import GENERAL, OF_THE_TEXT, RECALL, REWORDED, UNANSWERABLE, Question
from playground.evaluation.results import NO_CHOICE, ArmResult

Values = Mapping[str, float]  # a value a question, by its id
PLANNED = ((TUNED, RAG), (BOTH, RAG), (TUNED, BASE))  # few, as every comparison more makes all of them less sure
NO_FIGURE = Figure(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class ArmFigures:
    """One arm on the questions of the text; `kinds` is the share of right choices by kind of question.

    `right` is the share of free answers that say the truth, `worded` of those that say it among other words, `broken`
    of those without a usable form. `recall` is the share of questions whose right passage is among the first k.
    """

    arm: str
    questions: int
    choice: Figure
    right: Figure
    exact: Figure
    f1: Figure
    rouge_l: Figure
    worded: Figure
    broken: Figure
    perplexity: Figure
    invention: Figure
    abstention_precision: float
    abstention_recall: float
    support: Figure
    recall: Mapping[int, Figure]
    kinds: Mapping[str, Figure]
    general_choice: Figure
    general_loss: Figure
    seconds: float
    tokens: float
    prompt_tokens: float
    memory_bytes: float

    @property
    def shares(self) -> dict[str, Figure]:
        """The figures that lie in 0…1, by name."""
        return {
            "choice": self.choice,
            "right": self.right,
            "exact": self.exact,
            "f1": self.f1,
            "rouge_l": self.rouge_l,
            "worded": self.worded,
            "broken": self.broken,
            "invention": self.invention,
            "support": self.support,
        }


@dataclass(frozen=True)
class Figures:
    """All of an exam. Differences are corrected within each list; `by_kind` compares fine-tuned with retrieval.

    `readings` are free answers that are right, their F1, and the true answers' loss, of the PLANNED contests, corrected
    all together. `without_leaks` is the share of right choices without the questions that the adapter was taught, by
    tuned arm.
    """

    arms: Mapping[str, ArmFigures]
    choices: Sequence[Difference]
    readings: Mapping[str, Sequence[Difference]]
    by_kind: Mapping[str, Difference]
    reworded: Mapping[str, Difference]
    forgetting: Mapping[str, Difference]
    on_leaks: Mapping[str, Figure]
    without_leaks: Mapping[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, ready for JSON."""
        return asdict(self)


class ResultsByArm:
    """The results of an exam by arm, and the sections of its questions."""

    def __init__(self, questions: Sequence[Question], results: Sequence[ArmResult], seed: int) -> None:
        self.questions = {each.id: each for each in questions}
        self._seed = seed
        self.by_arm: dict[str, dict[str, ArmResult]] = {}
        for each in results:
            if each.question in self.questions:
                self.by_arm.setdefault(each.arm, {})[each.question] = each

    def values(self, arm: str, kinds: Sequence[str], read: Callable[[ArmResult], float]) -> dict[str, float]:
        """One arm's values on the questions of these kinds."""
        mine = self.by_arm.get(arm, {})
        return {key: read(each) for key, each in mine.items() if self.questions[key].kind in kinds}

    def figure(self, values: Values) -> Figure:
        """Their mean."""
        return self._sections(list(values)).figure(list(values.values())) if values else NO_FIGURE

    def difference(self, first: str, second: str, one: Values, two: Values) -> Difference:
        """On the questions that both have a value for."""
        shared = [key for key in one if key in two and not math.isnan(one[key]) and not math.isnan(two[key])]
        if not shared:
            return Difference(first, second, math.nan, math.nan, math.nan, 1.0, 1.0, math.inf, 0)
        return self._sections(shared).difference(
            first, second, [one[key] for key in shared], [two[key] for key in shared]
        )

    def _sections(self, ids: Sequence[str]) -> Sections:
        return Sections([self.questions[each].section or each for each in ids], self._seed)


def aggregate_results(
    questions: Sequence[Question], results: Sequence[ArmResult], leaked: set[str], seed: int
) -> Figures:
    """Everything that can be counted; a figure over no question has no value."""
    data = ResultsByArm(questions, results, seed)
    names = list(data.by_arm)
    choices = {name: data.values(name, OF_THE_TEXT, choice) for name in names}
    tuned = [name for name in names if name in TUNING]
    return Figures(
        arms={name: _of_arm(data, name) for name in names},
        choices=_all_pairs(data, choices),
        readings=_readings(data),
        by_kind=_by_kind(data, names),
        reworded={name: _reworded(data, name) for name in names if name != GOLD},
        forgetting=_forgetting(data, names),
        on_leaks={name: data.figure(_only(choices[name], leaked, inside=True)) for name in tuned},
        without_leaks={name: data.figure(_only(choices[name], leaked, inside=False)) for name in tuned},
    )


def choice(result: ArmResult) -> float:
    """1 where the truth was the likeliest choice, 0 where another was, no number where there was none."""
    return math.nan if result.choice == NO_CHOICE else float(result.choice == 0)


def _of_arm(data: ResultsByArm, name: str) -> ArmFigures:
    def mean(read: Callable[[ArmResult], float], kinds: Sequence[str] = OF_THE_TEXT) -> Figure:
        return data.figure(data.values(name, kinds, read))

    mine = [each for key, each in data.by_arm[name].items() if data.questions[key].kind != GENERAL]
    unanswerable = [data.questions[each.question].kind == UNANSWERABLE for each in mine]
    precision, recall = abstention([each.abstained for each in mine], unanswerable)
    return ArmFigures(
        arm=name,
        questions=len(mine),
        choice=mean(choice),
        right=mean(lambda each: float(each.right)),
        exact=mean(lambda each: each.exact),
        f1=mean(lambda each: each.f1),
        rouge_l=mean(lambda each: each.rouge_l),
        worded=mean(lambda each: float(each.outcome == WORDED)),
        broken=mean(lambda each: float(each.outcome == BROKEN)),
        perplexity=_perplexity(mean(_loss)),
        invention=mean(lambda each: float(each.invented), (UNANSWERABLE,)),
        abstention_precision=precision,
        abstention_recall=recall,
        support=mean(lambda each: math.nan if each.support is None else each.support),
        recall=_recall(data, name) if name in RETRIEVING else {},
        kinds={kind: mean(choice, (kind,)) for kind in OF_THE_TEXT},
        general_choice=mean(choice, (GENERAL,)),
        general_loss=mean(_loss, (GENERAL,)),
        seconds=_average([each.seconds for each in mine]),
        tokens=_average([each.tokens for each in mine]),
        prompt_tokens=_average([each.prompt_tokens for each in mine]),
        memory_bytes=_average([each.memory_bytes for each in mine]),
    )


def _recall(data: ResultsByArm, name: str) -> dict[int, Figure]:
    """Of the questions whose right passage is known, how often one is among the first k."""
    placed = {
        key: each
        for key, each in data.by_arm[name].items()
        if data.questions[key].kind in OF_THE_TEXT and data.questions[key].places
    }
    return {
        k: data.figure({key: float(any(rank <= k for rank in each.ranks)) for key, each in placed.items()})
        for k in (1, 3, 5)
    }


def _all_pairs(data: ResultsByArm, values: Mapping[str, Values]) -> list[Difference]:
    """Every arm against every later one, corrected together."""
    return holm([data.difference(one, two, values[one], values[two]) for one, two in combinations(values, 2)])


def _readings(data: ResultsByArm) -> dict[str, list[Difference]]:
    reads: Mapping[str, Callable[[ArmResult], float]] = {
        "right": lambda each: float(each.right),
        "f1": lambda each: each.f1,
        "loss": _loss,
    }
    contests = [pair for pair in PLANNED if set(pair) <= set(data.by_arm)]
    found = [
        data.difference(one, two, data.values(one, OF_THE_TEXT, read), data.values(two, OF_THE_TEXT, read))
        for read in reads.values()
        for one, two in contests
    ]
    corrected = iter(holm(found))
    return {name: [next(corrected) for _ in contests] for name in reads}


def _by_kind(data: ResultsByArm, names: Sequence[str]) -> dict[str, Difference]:
    """Fine-tuned against retrieval for every kind of question that both were asked."""
    if TUNED not in names or RAG not in names:
        return {}
    found = {
        kind: data.difference(TUNED, RAG, data.values(TUNED, (kind,), choice), data.values(RAG, (kind,), choice))
        for kind in OF_THE_TEXT
    }
    invented = [data.values(name, (UNANSWERABLE,), lambda each: float(not each.invented)) for name in (TUNED, RAG)]
    found[UNANSWERABLE] = data.difference(TUNED, RAG, invented[0], invented[1])
    asked = {kind: each for kind, each in found.items() if each.questions}
    return dict(zip(asked, holm(list(asked.values())), strict=True))


def _reworded(data: ResultsByArm, name: str) -> Difference:
    """Recall less reworded: two sets of questions, so that sections are all that pairs them.

    The error of the difference is that of two independent means.
    """
    recall, other = (data.figure(data.values(name, (kind,), choice)) for kind in (RECALL, REWORDED))
    value = recall.value - other.value
    below = math.hypot(recall.value - recall.low, other.high - other.value)
    above = math.hypot(recall.high - recall.value, other.value - other.low)
    count = recall.questions + other.questions
    return Difference(RECALL, REWORDED, value, value - below, value + above, 1.0, 0.0, math.inf, count)


def _forgetting(data: ResultsByArm, names: Sequence[str]) -> dict[str, Difference]:
    """What the general questions lost: right choices, and nats a token of the true answers."""
    if TUNED not in names or BASE not in names:
        return {}
    found = [
        data.difference(TUNED, BASE, data.values(TUNED, (GENERAL,), read), data.values(BASE, (GENERAL,), read))
        for read in (choice, _loss)
    ]
    return dict(zip(("choice", "loss"), holm(found), strict=True))


def _only(values: Values, ids: set[str], inside: bool) -> Values:
    return {key: value for key, value in values.items() if (key in ids) == inside}


def _loss(result: ArmResult) -> float:
    return math.nan if result.loss is None else result.loss


def _perplexity(loss: Figure) -> Figure:
    """E to the mean loss of the answers, each counting once."""
    value, low, high = (math.exp(min(each, 50.0)) for each in (loss.value, loss.low, loss.high))
    return Figure(value, low, high, loss.questions)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
