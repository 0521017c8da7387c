"""The verdict of an exam: which arm serves which questions better, how sure that is, why, and at what cost.

It is a list of statements without words; none claims more than the intervals allow.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from playground.chat.turns import BASE, BOTH, FEW_SHOT, RAG, TUNED, TUNING
from playground.evaluation.arm_models import OWN_BASE, ModelNames
from playground.evaluation.arms import GOLD
from playground.evaluation.bootstrap import Difference
from playground.evaluation.costs import BreakEven, Costs
from playground.evaluation.degenerate import warn_of_degenerate
from playground.evaluation.fact_test import FactTest
from playground.evaluation.figures import ArmFigures, Figures
from playground.evaluation.knowledge_edit import NEITHER, Drill
from playground.evaluation.questions import UNANSWERABLE
from playground.evaluation.statements import Statement, Value, catalogue, share_text

CONTESTS = ((TUNED, RAG), (BOTH, RAG), (BOTH, TUNED), (RAG, BASE), (TUNED, BASE), (FEW_SHOT, BASE), (GOLD, RAG))
ENOUGH = 20  # questions below which the verdict warns that nearly all is too close to call
LOSS_KEPT = 0.05  # nats per token that general answers may lose without being called forgetting
EDITS = 10  # per month, of the sentence on costs


@dataclass(frozen=True)
class VerdictInput:
    """All that the verdict rests on; `undrilled` says that a drill failed.

    `leaked`, `known` and `kept` count questions: those that the adapter was trained on, those left out because the base
    model knows them, and those that it knows and that count all the same. `models` names each arm's if there are two.
    """

    figures: Figures
    causes: Mapping[str, Counter[str]]
    costs: Costs
    even: BreakEven | None
    leaked: int
    known: int
    drill: Drill | None = None
    undrilled: bool = False
    facts: FactTest | None = None
    kept: int = 0
    models: ModelNames = field(default_factory=dict)


def draw_verdict(found: VerdictInput) -> list[Statement]:
    """The statements by topic, the most important topic first: no winner is named before the warnings."""
    return [
        *_two_models(found.models),
        *warn_of_degenerate(found.figures, found.models),
        *_compare_choices(found.figures),
        *_compare_free_answers(found.figures),
        *_compare_kinds(found.figures),
        *_inventions(found.figures),
        *_memorisation(found.figures),
        *_facts_told_apart(found.facts),
        *_forgetting(found.figures),
        *_frequent_causes(found.causes),
        *_answer_costs(found.figures),
        *_break_even(found),
        *_drill_outcome(found),
        *_advice(found),
        *_caveats(found),
    ]


def _two_models(models: ModelNames) -> Iterator[Statement]:
    """That the arms with and without an adapter answered with different models, which every contest mixes up."""
    if models:
        yield Statement("models", "models.two", {"with_adapter": models[TUNED], "without_adapter": models[BASE]})


def _compare_choices(figures: Figures) -> Iterator[Statement]:
    """Each contest that both arms took part in."""
    by_pair = {(each.first, each.second): each for each in figures.choices if each.questions}
    for one, two in CONTESTS:
        found = by_pair.get((one, two)) or _swap(by_pair.get((two, one)))
        if found is not None:
            yield _compare(found, figures.arms)


def _compare(found: Difference, arms: Mapping[str, ArmFigures]) -> Statement:
    better, worse = _rank(found)
    values: dict[str, Value] = {
        "better": better,
        "worse": worse,
        "one": share_text(arms[better].choice),
        "two": share_text(arms[worse].choice),
        **_gap(found),
    }
    return Statement("who", "who.equal" if found.value == 0 else f"who.{_certainty(found)}", values)


def _rank(found: Difference) -> tuple[str, str]:
    """The better arm, then the worse one."""
    return (found.first, found.second) if found.value >= 0 else (found.second, found.first)


def _certainty(found: Difference) -> str:
    """Better, close, or leaning: the interval excludes zero, but the test corrected for all comparisons does not."""
    return "better" if found.differs else "close" if found.low <= 0 <= found.high else "leaning"


def _compare_free_answers(figures: Figures) -> Iterator[Statement]:
    """What choices do not show: useful and right free answers, and the likelihood of the true ones."""
    measures = {**figures.qualities, **figures.readings}
    differing = [(name, each) for name, found in measures.items() for each in found if each.differs]
    for name, each in differing:
        better, worse = _rank(each)
        if name == "loss":  # the lower the better
            better, worse = worse, better
            more = _likelihood_ratio(each)
        else:
            shares = {arm: {**(of := figures.arms[arm]).shares, **of.quality.shares}[name] for arm in (better, worse)}
            more = {"one": share_text(shares[better]), "two": share_text(shares[worse])}
        yield Statement("words", f"words.{name}", {"better": better, "worse": worse, **_gap(each), **more})
    if any(name == "loss" for name, _ in differing):
        yield Statement("words", "words.manner")
    if not differing and any(each.questions for found in measures.values() for each in found):
        yield Statement("words", "words.level")


def _likelihood_ratio(loss: Difference) -> dict[str, str]:
    """The ratio of probabilities per token: e to the difference in nats, with its interval."""
    low, high = sorted((abs(loss.low), abs(loss.high)))
    nats = {"times": abs(loss.value), "least": low, "most": high}
    return {name: f"{math.exp(min(each, 50.0)):.2f}" for name, each in nats.items()}


def _gap(found: Difference) -> dict[str, Value]:
    """Size, interval and p in points, turned so that the size is not negative."""
    sign = 1 if found.value >= 0 else -1
    low, high = sorted((100 * sign * found.low, 100 * sign * found.high))
    return {
        "gap": _points(abs(100 * found.value)),
        "low": _points(low),
        "high": _points(high),
        "p": f"{found.adjusted:.3f}" if found.adjusted >= 0.001 else "< 0.001",
        "questions": found.questions,
        "needed": "∞" if math.isinf(found.needed) else f"{found.needed:,.0f}",
    }


def _points(value: float) -> str:
    """A whole number, never "-0"."""
    return str(round(value)) if math.isfinite(value) else "–"


def _swap(found: Difference | None) -> Difference | None:
    """The same difference seen from the other arm."""
    if found is None:
        return None
    return Difference(
        found.second, found.first, -found.value, -found.high, -found.low, found.p, found.adjusted, found.needed,
        found.questions,
    )  # fmt: skip


def _compare_kinds(figures: Figures) -> Iterator[Statement]:
    """Fine-tuned against retrieval, by kind of question."""
    for kind, found in figures.by_kind.items():
        better, worse = _rank(found)
        values: dict[str, Value] = {"kind": kind, "better": better, "worse": worse, **_gap(found)}
        safer = found.differs and kind == UNANSWERABLE
        yield Statement("kinds", "kinds.safer" if safer else f"kinds.{_certainty(found)}", values)


def _inventions(figures: Figures) -> Iterator[Statement]:
    """How often each arm answers what the text cannot answer."""
    for name, arm in figures.arms.items():
        if count := arm.invention.questions:
            values: dict[str, Value] = {"arm": name, "share": share_text(arm.invention), "questions": count}
            yield Statement("kinds", "kinds.invention", values)


def _memorisation(figures: Figures) -> Iterator[Statement]:
    """Whether a tuned arm memorised the text's sentences or understood what they say."""
    for name, found in figures.reworded.items():
        kinds = figures.arms[name].kinds
        recall, reworded = kinds["recall"], kinds["reworded"]
        if name not in TUNING or not recall.questions or not reworded.questions:
            continue
        values: dict[str, Value] = {"arm": name, "recall": share_text(recall), "reworded": share_text(reworded)}
        key = "unsure" if found.low <= 0 <= found.high else "memorised" if found.value > 0 else "understood"
        yield Statement("learnt", f"learnt.{key}", values)


def _facts_told_apart(found: FactTest | None) -> Iterator[Statement]:
    """Whether fine-tuning made true sentences likelier than the same with a fact exchanged, in the adapter's model."""
    if found is None or found.gain is None:
        return
    better, worse = _rank(found.gain)
    shares = {"one": share_text(found.shares[better]), "two": share_text(found.shares[worse])}
    names = {TUNED: TUNED, BASE: OWN_BASE}
    values: dict[str, Value] = {"better": names[better], "worse": names[worse], **_gap(found.gain), **shares}
    yield Statement("learnt", "facts.better" if found.gain.differs else "facts.close", values)


def _forgetting(figures: Figures) -> Iterator[Statement]:
    """Whether fine-tuning cost the model what it knew of other matters."""
    choice, loss = figures.forgetting.get("choice"), figures.forgetting.get("loss")
    if choice is None or loss is None:
        return
    values: dict[str, Value] = {
        **_gap(choice),
        "loss": f"{loss.value:+.2f}",
        "loss_low": f"{loss.low:+.2f}",
        "loss_high": f"{loss.high:+.2f}",
    }
    forgot = (choice.differs and choice.value < 0) or (loss.differs and loss.value > LOSS_KEPT)
    yield Statement("learnt", "learnt.forgot" if forgot else "learnt.kept", values)


def _frequent_causes(causes: Mapping[str, Counter[str]]) -> Iterator[Statement]:
    """The most frequent cause of each arm's wrong answers, with its count."""
    for name, counts in causes.items():
        if name in (BASE, FEW_SHOT) or not counts:
            continue
        (cause, count), total = counts.most_common(1)[0], counts.total()
        yield Statement("why", "why.most", {"arm": name, "cause": cause, "count": count, "total": total})


def _answer_costs(figures: Figures) -> Iterator[Statement]:
    for name, arm in figures.arms.items():
        if name == GOLD:
            continue
        values: dict[str, Value] = {
            "arm": name,
            "seconds": f"{arm.seconds:.1f}",
            "prompt": f"{arm.prompt_tokens:.0f}",
            "tokens": f"{arm.tokens:.0f}",
            "megabytes": f"{arm.memory_bytes / 1e6:.0f}",
        }
        yield Statement("cost", "cost.answer", values)


def _break_even(found: VerdictInput) -> Iterator[Statement]:
    """The questions per day from which fine-tuning costs less, at EDITS edits per month."""
    even, costs = found.even, found.costs
    if even is None:
        return
    values: dict[str, Value] = {"training": f"{costs.training:.0f}", "indexing": f"{costs.indexing:.1f}"}
    if even.saved <= 0:
        yield Statement("cost", "cost.never", values)
        return
    questions = math.ceil(even.questions_per_day(EDITS))
    values |= {"saved": f"{even.saved:.1f}", "edits": EDITS, "many": f"{questions:,}"}
    yield Statement("cost", "cost.even", values)


def _drill_outcome(judged: VerdictInput) -> Iterator[Statement]:
    """How long a changed fact takes and which arms keep the old one, or that the drill was not possible."""
    found = judged.drill
    if judged.undrilled:
        yield Statement("cost", "drill.none")
    if found is None:
        return
    yield Statement("cost", "drill.time", {"indexing": f"{found.indexing:.1f}", "training": f"{found.training:.0f}"})
    for each in found.arms:
        key = f"drill.says_{each.says}" if each.says != NEITHER else f"drill.likelier_{each.likelier}"
        yield Statement("cost", key, {"arm": each.arm})


def _advice(found: VerdictInput) -> Iterator[Statement]:
    """What would change the verdict: more questions, or a remedy for the most frequent causes."""
    close = [each for each in found.figures.choices if GOLD not in (each.first, each.second) and not each.differs]
    reachable = [each for each in close if math.isfinite(each.needed)]
    if reachable:
        nearest = min(reachable, key=lambda each: each.needed)
        values: dict[str, Value] = {"one": nearest.first, "two": nearest.second, "needed": f"{nearest.needed:,.0f}"}
        yield Statement("change", "change.questions", values)
    covered = set()
    for name, counts in found.causes.items():
        if name in (BASE, FEW_SHOT, GOLD) or not counts:
            continue
        cause = counts.most_common(1)[0][0]
        if cause not in covered and f"change.{cause}" in catalogue("en"):
            covered.add(cause)
            yield Statement("change", f"change.{cause}", {"arm": name})


def _caveats(found: VerdictInput) -> Iterator[Statement]:
    """What a reader must know before believing a figure."""
    figures = found.figures
    if found.leaked:
        yield Statement("mind", "mind.leaked", {"count": found.leaked})
        yield from _leak_scores(figures)
    if found.known:
        yield Statement("mind", "mind.known", {"count": found.known})
    if found.kept:
        yield Statement("mind", "mind.kept", {"count": found.kept})
    most = max((each.questions for each in figures.choices), default=0)
    if most < ENOUGH:
        yield Statement("mind", "mind.few", {"count": most})
    if ceiling := figures.arms.get(GOLD):
        values: dict[str, Value] = {"choice": share_text(ceiling.choice), "right": share_text(ceiling.right)}
        yield Statement("mind", "mind.ceiling", values)


def _leak_scores(figures: Figures) -> Iterator[Statement]:
    """Each tuned arm's right choices on the leaked questions beside those on the others."""
    for name, on_leaks in figures.on_leaks.items():
        if on_leaks.questions:
            rest = figures.without_leaks[name]
            values: dict[str, Value] = {
                "arm": name,
                "on": share_text(on_leaks),
                "rest": share_text(rest) if rest.questions else "–",
            }
            yield Statement("mind", "mind.on_leaks", values)
