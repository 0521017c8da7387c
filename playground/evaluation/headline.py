"""A verdict in one sentence: the way of answering that serves the text best, or that none can be named."""

from collections.abc import Sequence

from playground.chat.turns import BASE, BOTH, RAG, TUNED
from playground.evaluation.arms import GOLD
from playground.evaluation.degenerate import TOPIC as FORM
from playground.evaluation.statements import Statement, Value

TOPIC = "headline"
WAYS = (RAG, TUNED, BOTH)  # between which an exam decides


def draw_headline(verdict: Sequence[Statement]) -> Statement | None:
    """The sentence for a verdict's statements; None where no two ways of answering were compared.

    It names a way only if no other is better, if it is better than the base model, and if its answers are in form.
    """
    contests = [each for each in verdict if each.topic == "who" and GOLD not in _pair(each)]
    if not contests:
        return None
    shares = _shares(contests)
    ways = [way for way in WAYS if way in shares]
    ways = ways if len(ways) > 1 else list(shares)
    leaders = _unbeaten(ways, contests)
    first, second = leaders[0], next(way for way in [*leaders[1:], *_ranked(ways, contests)] if way != leaders[0])
    common = {"questions": contests[0].values["questions"], "better": first, "one": shares[first]}
    if not _beats_base(leaders, contests):
        return Statement(TOPIC, "headline.none", {**common, "two": shares[BASE]})
    if len(leaders) > 1:
        return Statement(TOPIC, "headline.close", {**common, "arms": leaders})
    if fault := next((each for each in verdict if each.topic == FORM and each.values["arm"] == first), None):
        return Statement(TOPIC, "headline.faulty", {**common, **_fault(fault)})
    return Statement(TOPIC, "headline.best", {**common, "second": second, "two": shares[second]})


def _pair(contest: Statement) -> tuple[str, str]:
    return str(contest.values["better"]), str(contest.values["worse"])


def _shares(contests: Sequence[Statement]) -> dict[str, Value]:
    """Each arm's share of right choices, as the statements write it; the two of an equal pair have the same."""
    shares: dict[str, Value] = {}
    for each in contests:
        better, worse = _pair(each)
        shares |= {better: each.values["one"], worse: each.values["two"]}
    return shares


def _ranked(ways: Sequence[str], contests: Sequence[Statement]) -> list[str]:
    """The ways by how many of each other they score higher than."""
    higher = [_pair(each)[0] for each in contests if set(_pair(each)) <= set(ways)]
    return sorted(ways, key=lambda way: -higher.count(way))


def _unbeaten(ways: Sequence[str], contests: Sequence[Statement]) -> list[str]:
    """Those that no other of them is clearly better than, the highest first."""
    beaten = {_pair(each)[1] for each in contests if each.key == "who.better" and _pair(each)[0] in ways}
    return [way for way in _ranked(ways, contests) if way not in beaten] or _ranked(ways, contests)


def _beats_base(leaders: Sequence[str], contests: Sequence[Statement]) -> bool:
    """Whether a leader is clearly better than the base model, leads with it, or was not compared with it."""
    outcomes = {way: [each for each in contests if set(_pair(each)) == {way, BASE}] for way in leaders}
    if BASE in leaders or not all(outcomes.values()):
        return True
    return any(each.key == "who.better" and _pair(each)[0] == way for way, found in outcomes.items() for each in found)


def _fault(warning: Statement) -> dict[str, Value]:
    return {name: warning.values[name] for name in ("fault", "share")}
