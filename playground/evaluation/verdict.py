"""What the figures mean, as sentences for people: which arm serves which questions better, how sure, why, at what cost.

A sentence is a key and its values, said in a language by `words`; nothing is claimed that the intervals do not allow.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from playground.evaluation.aggregate import ArmFigures, Figures
from playground.evaluation.arms import BASE, BOTH, FEW_SHOT, GOLD, RAG, TUNED, TUNING
from playground.evaluation.bootstrap import Difference, Figure
from playground.evaluation.costs import BreakEven, Costs
from playground.evaluation.knowledge_edit import NEITHER, Drill
from playground.evaluation.questions import UNANSWERABLE

Value = str | int | float
CONTESTS = ((TUNED, RAG), (BOTH, RAG), (BOTH, TUNED), (RAG, BASE), (TUNED, BASE), (FEW_SHOT, BASE), (GOLD, RAG))
TOPICS = ("who", "words", "kinds", "learnt", "why", "cost", "change", "mind")  # in this order
ENOUGH = 20  # questions of a kind below which no sentence is made of it
LOSS_KEPT = 0.05  # nats a token that general answers may lose without a word


@dataclass(frozen=True)
class Statement:
    """One thing that can be said: `topic` is who, words, kinds, learnt, why, cost, change or mind."""

    topic: str
    key: str
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class VerdictInput:
    """What the sentences are made of."""

    figures: Figures
    causes: Mapping[str, Counter[str]]
    costs: Costs
    even: BreakEven | None
    leaked: int
    known: int
    drill: Drill | None = None
    undrilled: bool = False


def draw_verdict(found: VerdictInput) -> list[Statement]:
    """The verdict, the most important first."""
    return [
        *_who(found.figures),
        *_words(found.figures),
        *_kinds(found.figures),
        *_learnt(found.figures),
        *_why(found.causes),
        *_cost(found),
        *_drilled(found),
        *_change(found),
        *_mind(found),
    ]


def render_statement(sentence: Statement, language: str = "en") -> str:
    """The sentence in words; names of arms, kinds and causes are translated, numbers are rounded."""
    words = catalogue(language)
    said = {name: words.get(f"name.{value}", value) for name, value in sentence.values.items()}
    return words[sentence.key].format(**said)


@cache
def catalogue(language: str) -> dict[str, str]:
    """The words of one language; English where there are none."""
    folder = Path(__file__).parent / "words"
    file = folder / f"{language}.json"
    return json.loads((file if file.exists() else folder / "en.json").read_text(encoding="utf-8"))


def share_text(figure: Figure) -> str:
    """“42 % (35–50)”."""
    return f"{100 * figure.value:.0f} % ({100 * figure.low:.0f}–{100 * figure.high:.0f})"


def _who(figures: Figures) -> Iterator[Statement]:
    """Each contest that both arms took part in."""
    by_pair = {(each.first, each.second): each for each in figures.choices if each.questions}
    for one, two in CONTESTS:
        found = by_pair.get((one, two)) or _turned(by_pair.get((two, one)))
        if found is not None:
            yield _contest(found, figures.arms)


def _contest(found: Difference, arms: Mapping[str, ArmFigures]) -> Statement:
    better, worse = (found.first, found.second) if found.value >= 0 else (found.second, found.first)
    values: dict[str, Value] = {
        "better": better,
        "worse": worse,
        "one": share_text(arms[better].choice),
        "two": share_text(arms[worse].choice),
        **_gap(found),
    }
    return Statement("who", "who.equal" if found.value == 0 else f"who.{_sure(found)}", values)


def _sure(found: Difference) -> str:
    """Better, too close to call, or leaning: the interval leaves out zero, the test corrected for many does not."""
    return "better" if found.differs else "close" if found.low <= 0 <= found.high else "leaning"


def _words(figures: Figures) -> Iterator[Statement]:
    """What the choice among given answers does not show: free answers, and how likely the true ones are."""
    differing = [(name, each) for name, found in figures.readings.items() for each in found if each.differs]
    for name, each in differing:
        ahead = (each.value < 0) if name == "loss" else (each.value > 0)
        better, worse = (each.first, each.second) if ahead else (each.second, each.first)
        values: dict[str, Value] = {"better": better, "worse": worse, **_gap(each)}
        if name == "loss":
            yield Statement("words", "words.loss", values | _times(each))
        else:
            one, two = (figures.arms[arm].shares[name] for arm in (better, worse))
            yield Statement(
                "words",
                f"words.{name}",
                values | {"one": share_text(one), "two": share_text(two)},
            )
    if any(name == "loss" for name, _ in differing):
        yield Statement("words", "words.manner")
    if not differing and any(each.questions for found in figures.readings.values() for each in found):
        yield Statement("words", "words.level")


def _times(loss: Difference) -> dict[str, Value]:
    """How much likelier a token is: e to the difference in nats, with its interval."""
    low, high = sorted((abs(loss.low), abs(loss.high)))
    shown = {"times": abs(loss.value), "least": low, "most": high}
    return {name: f"{math.exp(min(nats, 50.0)):.2f}" for name, nats in shown.items()}


def _gap(found: Difference) -> dict[str, Value]:
    """Size, interval and p in points, turned so that the gap is not negative."""
    sign = 1 if found.value >= 0 else -1
    low, high = sorted((100 * sign * found.low, 100 * sign * found.high))
    enough = "∞" if math.isinf(found.needed) else f"{found.needed:,.0f}"
    return {
        "gap": _points(abs(100 * found.value)),
        "low": _points(low),
        "high": _points(high),
        "p": f"{found.adjusted:.3f}" if found.adjusted >= 0.001 else "< 0.001",
        "questions": found.questions,
        "needed": enough,
    }


def _points(value: float) -> str:
    """A whole number, never "-0"."""
    return str(round(value)) if math.isfinite(value) else "–"


def _turned(found: Difference | None) -> Difference | None:
    if found is None:
        return None
    return Difference(
        found.second, found.first, -found.value, -found.high, -found.low, found.p, found.adjusted, found.needed,
        found.questions,
    )  # fmt: skip


def _kinds(figures: Figures) -> Iterator[Statement]:
    """Fine-tuned against retrieval by kind of question, and what each arm invents."""
    for kind, found in figures.by_kind.items():
        better, worse = (found.first, found.second) if found.value >= 0 else (found.second, found.first)
        values: dict[str, Value] = {"kind": kind, "better": better, "worse": worse, **_gap(found)}
        safer = found.differs and kind == UNANSWERABLE
        yield Statement("kinds", "kinds.safer" if safer else f"kinds.{_sure(found)}", values)
    for name, arm in figures.arms.items():
        if arm.invention.questions:
            shown: dict[str, Value] = {
                "arm": name,
                "share": share_text(arm.invention),
                "questions": arm.invention.questions,
            }
            yield Statement("kinds", "kinds.invention", shown)


def _learnt(figures: Figures) -> Iterator[Statement]:
    """Memorised or understood, and what was forgotten."""
    for name, found in figures.reworded.items():
        kinds = figures.arms[name].kinds
        recall, reworded = kinds["recall"], kinds["reworded"]
        if name not in TUNING or not recall.questions or not reworded.questions:
            continue
        values: dict[str, Value] = {
            "arm": name,
            "recall": share_text(recall),
            "reworded": share_text(reworded),
        }
        key = "unsure" if found.low <= 0 <= found.high else "memorised" if found.value > 0 else "understood"
        yield Statement("learnt", f"learnt.{key}", values)
    if lost := figures.forgetting.get("choice"):
        loss = figures.forgetting["loss"]
        values = {**_gap(lost), "loss": f"{loss.value:+.2f}", "loss_low": f"{loss.low:+.2f}"}
        values["loss_high"] = f"{loss.high:+.2f}"
        forgot = (lost.differs and lost.value < 0) or (loss.differs and loss.value > LOSS_KEPT)
        yield Statement("learnt", "learnt.forgot" if forgot else "learnt.kept", values)


def _why(causes: Mapping[str, Counter[str]]) -> Iterator[Statement]:
    """The most frequent cause of each arm's wrong answers, and how often it is."""
    for name, counted in causes.items():
        if name in (BASE, FEW_SHOT) or not counted:
            continue
        (cause, count), total = counted.most_common(1)[0], counted.total()
        yield Statement("why", "why.most", {"arm": name, "cause": cause, "count": count, "total": total})


def _cost(found: VerdictInput) -> Iterator[Statement]:
    for name, arm in found.figures.arms.items():
        if name != GOLD:
            yield Statement(
                "cost",
                "cost.answer",
                {
                    "arm": name,
                    "seconds": f"{arm.seconds:.1f}",
                    "prompt": f"{arm.prompt_tokens:.0f}",
                    "tokens": f"{arm.tokens:.0f}",
                    "megabytes": f"{arm.memory_bytes / 1e6:.0f}",
                },
            )
    even, costs = found.even, found.costs
    if even is None:
        return
    ready = {"training": f"{costs.training:.0f}", "indexing": f"{costs.indexing:.1f}"}
    if even.saved <= 0:
        yield Statement("cost", "cost.never", ready)
    else:
        many = math.ceil(even.questions_a_day(10))
        yield Statement("cost", "cost.even", {**ready, "saved": f"{even.saved:.1f}", "edits": 10, "many": f"{many:,}"})


def _drilled(judged: VerdictInput) -> Iterator[Statement]:
    """How long a changed fact takes, and which arms go on with the old one; or that the drill could not be done."""
    found = judged.drill
    if judged.undrilled:
        yield Statement("cost", "drill.none", {})
    if found is None:
        return
    yield Statement("cost", "drill.time", {"indexing": f"{found.indexing:.1f}", "training": f"{found.training:.0f}"})
    for each in found.arms:
        if each.says != NEITHER:
            yield Statement("cost", f"drill.says_{each.says}", {"arm": each.arm})
        else:
            yield Statement("cost", f"drill.likelier_{each.likelier}", {"arm": each.arm})


def _change(found: VerdictInput) -> Iterator[Statement]:
    """What would change the verdict: more questions, or what the most frequent causes ask for."""
    close = [each for each in found.figures.choices if GOLD not in (each.first, each.second) and not each.differs]
    reachable = [each for each in close if math.isfinite(each.needed)]
    if reachable:
        nearest = min(reachable, key=lambda each: each.needed)
        values = {"one": nearest.first, "two": nearest.second, "needed": f"{nearest.needed:,.0f}"}
        yield Statement("change", "change.questions", values)
    asked = set()
    for name, counted in found.causes.items():
        if name in (BASE, FEW_SHOT, GOLD) or not counted:
            continue
        cause = counted.most_common(1)[0][0]
        if cause not in asked and f"change.{cause}" in catalogue("en"):
            asked.add(cause)
            yield Statement("change", f"change.{cause}", {"arm": name})


def _mind(found: VerdictInput) -> Iterator[Statement]:
    """What a reader must know before believing a figure."""
    figures = found.figures
    if found.leaked:
        yield Statement("mind", "mind.leaked", {"count": found.leaked})
        for name, on in figures.on_leaks.items():
            if on.questions:
                rest = figures.without_leaks[name]
                shown = share_text(rest) if rest.questions else "–"
                yield Statement("mind", "mind.on_leaks", {"arm": name, "on": share_text(on), "rest": shown})
    if found.known:
        yield Statement("mind", "mind.known", {"count": found.known})
    most = max((each.questions for each in figures.choices), default=0)
    if most < ENOUGH:
        yield Statement("mind", "mind.few", {"count": most})
    worded: Sequence[ArmFigures] = [each for each in figures.arms.values() if each.arm == GOLD]
    for arm in worded:
        yield Statement(
            "mind",
            "mind.ceiling",
            {"choice": share_text(arm.choice), "right": share_text(arm.right)},
        )


def statement_record(sentence: Statement) -> dict[str, Any]:
    """JSON form, with the English words beside the key."""
    return {
        "topic": sentence.topic,
        "key": sentence.key,
        "values": dict(sentence.values),
        "text": render_statement(sentence),
    }
