"""Aggregates the results of an exam into its figures. Knows no words and no model."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from playground.chat.turns import BASE, RAG, RETRIEVING, TUNED, TUNING
from playground.evaluation.arm_models import ONE_MODEL, ModelNames, counterparts
from playground.evaluation.arms import GOLD
from playground.evaluation.bootstrap import Difference, Figure, holm
from playground.evaluation.figures import ArmFigures, Figures
from playground.evaluation.metrics import BROKEN, WORDED, abstention
from playground.evaluation.quality_figures import compare_quality, quality_figures
from playground.evaluation.questions import GENERAL, OF_THE_TEXT, RECALL, REWORDED, UNANSWERABLE, Question
from playground.evaluation.results import NO_CHOICE, ArmResult
from playground.evaluation.results_by_arm import ResultsByArm, Values


def aggregate_results(
    questions: Sequence[Question],
    results: Sequence[ArmResult],
    leaked: set[str],
    seed: int,
    models: ModelNames = ONE_MODEL,
) -> Figures:
    """All figures of an exam.

    `leaked` are the ids of the questions that the adapter was trained on; the seed is the bootstrap's. A figure over
    no question is NaN. Forgetting is measured only where the same of the `models` answers with and without adapter.
    """
    data = ResultsByArm(questions, results, seed)
    names = list(data.by_arm)
    choices = {name: data.values(name, OF_THE_TEXT, choice) for name in names}
    tuned = [name for name in names if name in TUNING]
    return Figures(
        arms={name: _arm_figures(data, name) for name in names},
        choices=_compare_all_pairs(data, choices),
        readings=_compare_free_answers(data),
        qualities=compare_quality(data),
        by_kind=_compare_kinds(data, names),
        reworded={name: _recall_minus_reworded(data, name) for name in names if name != GOLD},
        forgetting=_measure_forgetting(data, names) if counterparts(models) else {},
        on_leaks={name: data.figure(_select(choices[name], leaked, inside=True)) for name in tuned},
        without_leaks={name: data.figure(_select(choices[name], leaked, inside=False)) for name in tuned},
    )


def choice(result: ArmResult) -> float:
    """1 where the true answer was the likeliest choice, 0 where another was, NaN where there was no choice."""
    return math.nan if result.choice == NO_CHOICE else float(result.choice == 0)


def _arm_figures(data: ResultsByArm, name: str) -> ArmFigures:
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
        quality=quality_figures(data, name),
    )


def _recall(data: ResultsByArm, name: str) -> dict[int, Figure]:
    """Recall at k, over the questions whose right passage is known."""
    with_place = {
        key: each
        for key, each in data.by_arm[name].items()
        if data.questions[key].kind in OF_THE_TEXT and data.questions[key].places
    }
    return {
        k: data.figure({key: float(any(rank <= k for rank in each.ranks)) for key, each in with_place.items()})
        for k in (1, 3, 5)
    }


def _compare_all_pairs(data: ResultsByArm, values: Mapping[str, Values]) -> list[Difference]:
    """Every arm against every later one, corrected all together."""
    return holm([data.difference(one, two, values[one], values[two]) for one, two in combinations(values, 2)])


def _compare_free_answers(data: ResultsByArm) -> dict[str, list[Difference]]:
    """The planned contests by right free answers, F1 and loss, corrected all together."""
    reads: Mapping[str, Callable[[str], Values]] = {
        "right": lambda arm: data.values(arm, OF_THE_TEXT, lambda each: float(each.right)),
        "f1": lambda arm: data.values(arm, OF_THE_TEXT, lambda each: each.f1),
        "loss": lambda arm: data.values(arm, OF_THE_TEXT, _loss),
    }
    return data.planned_differences(reads)


def _compare_kinds(data: ResultsByArm, names: Sequence[str]) -> dict[str, Difference]:
    """Fine-tuned against retrieval for every kind of question that both were asked."""
    if TUNED not in names or RAG not in names:
        return {}
    found = {
        kind: data.difference(TUNED, RAG, data.values(TUNED, (kind,), choice), data.values(RAG, (kind,), choice))
        for kind in OF_THE_TEXT
    }
    honest = [data.values(name, (UNANSWERABLE,), lambda each: float(not each.invented)) for name in (TUNED, RAG)]
    found[UNANSWERABLE] = data.difference(TUNED, RAG, honest[0], honest[1])
    compared = {kind: each for kind, each in found.items() if each.questions}
    return dict(zip(compared, holm(list(compared.values())), strict=True))


def _recall_minus_reworded(data: ResultsByArm, name: str) -> Difference:
    """The share right on continuations minus that on reworded questions, as two independent means."""
    recall, other = (data.figure(data.values(name, (kind,), choice)) for kind in (RECALL, REWORDED))
    value = recall.value - other.value
    below = math.hypot(recall.value - recall.low, other.high - other.value)
    above = math.hypot(recall.high - recall.value, other.value - other.low)
    count = recall.questions + other.questions
    return Difference(RECALL, REWORDED, value, value - below, value + above, 1.0, 0.0, math.inf, count)


def _measure_forgetting(data: ResultsByArm, names: Sequence[str]) -> dict[str, Difference]:
    """Fine-tuned against base on general questions: right choices, and nats per token of the true answers."""
    if TUNED not in names or BASE not in names:
        return {}
    found = [
        data.difference(TUNED, BASE, data.values(TUNED, (GENERAL,), read), data.values(BASE, (GENERAL,), read))
        for read in (choice, _loss)
    ]
    return dict(zip(("choice", "loss"), holm(found), strict=True))


def _select(values: Values, ids: set[str], inside: bool) -> Values:
    return {key: value for key, value in values.items() if (key in ids) == inside}


def _loss(result: ArmResult) -> float:
    return math.nan if result.loss is None else result.loss


def _perplexity(loss: Figure) -> Figure:
    """E to the power of the mean loss per answer, with its interval."""
    value, low, high = (math.exp(min(each, 50.0)) for each in (loss.value, loss.low, loss.high))
    return Figure(value, low, high, loss.questions)


def _average(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
