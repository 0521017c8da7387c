"""Near-duplicate texts: those that share most of their distinctive runs of three words. Knows words, not meaning.

The rule is that of `retrieval.deduplicate`, with a share instead of all: containment in the smaller text (Broder 1997,
"On the resemblance and containment of documents").
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from retrieval.deduplicate import word_trigrams

NEAR = 0.8  # share of the smaller text's distinctive runs
COMMON = 50  # a run in more texts than this is a form that is filled in, and not distinctive


@dataclass(frozen=True)
class DuplicateGroups:
    """For each text, the place of the first equal text, and of the first text of its group.

    Texts of different groups do not nearly repeat each other.
    """

    same: list[int]
    group: list[int]


def group_repeats(texts: Sequence[str]) -> DuplicateGroups:
    """Find texts that are equal but for blanks, case and punctuation, and group those that nearly repeat each other."""
    runs = [frozenset(word_trigrams(text)) for text in texts]
    same = _first_places(runs)
    unique = [place for place, origin in enumerate(same) if place == origin]
    parent = {place: place for place in unique}
    for one, other in _similar_pairs(unique, runs):
        _union(parent, one, other)
    return DuplicateGroups(same, [_root(parent, origin) for origin in same])


def _first_places(keys: Sequence[Hashable]) -> list[int]:
    """For each key, the place of its first occurrence."""
    seen: dict[Hashable, int] = {}
    return [seen.setdefault(key, place) for place, key in enumerate(keys)]


def _similar_pairs(places: Sequence[int], runs: Sequence[frozenset[str]]) -> list[tuple[int, int]]:
    """Pairs of places whose texts nearly repeat each other; texts of common runs only count as similar."""
    frequency = Counter(run for place in places for run in runs[place])
    distinctive = {place: [run for run in runs[place] if frequency[run] <= COMMON] for place in places}
    formal = [place for place in places if not distinctive[place]]
    found = [(formal[0], place) for place in formal[1:]]
    holders: dict[str, list[int]] = {}
    for place in places:
        shared = Counter(holder for run in distinctive[place] for holder in holders.get(run, ()))
        for holder, count in shared.items():
            if count >= NEAR * min(len(distinctive[place]), len(distinctive[holder])):
                found.append((holder, place))
        for run in distinctive[place]:
            if frequency[run] > 1:
                holders.setdefault(run, []).append(place)
    return found


def merge_groups(group: Sequence[int], keys: Sequence[Hashable]) -> list[int]:
    """The groups, with groups merged that hold texts with the same key."""
    parent = {place: place for place in set(group)}
    for place, origin in enumerate(_first_places(keys)):
        _union(parent, group[place], group[origin])
    return [_root(parent, each) for each in group]


def _union(parent: dict[int, int], one: int, other: int) -> None:
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low


def _root(parent: dict[int, int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place
