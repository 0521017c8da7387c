"""Standings from blind votes: known strengths come back, intervals hold them, and few votes prove nothing."""

import numpy as np
import pytest

from playground.chat.bradley_terry import Game, rank_players, strengths

TRUE = {"a": 2.0, "b": 1.0, "c": 0.5}


def simulated(votes: int, seed: int, ties: float = 0.0) -> list[Game]:
    """Votes between random pairs, won as Bradley and Terry say."""
    chance = np.random.default_rng(seed)
    games = []
    for _ in range(votes):
        left, right = chance.choice(list(TRUE), 2, replace=False)
        wins = chance.random() < TRUE[left] / (TRUE[left] + TRUE[right])
        choice = "tie" if chance.random() < ties else "left" if wins else "right"
        games.append(Game(str(left), str(right), choice))  # type: ignore[arg-type]
    return games


def true_share(name: str) -> float:
    return TRUE[name] / (TRUE[name] + 1.0)  # the geometric mean of the three is 1


def test_two_players_get_the_share_of_their_wins() -> None:
    wins = np.zeros((1, 2, 2))
    wins[0, 0, 1], wins[0, 1, 0] = 3_000, 1_000
    p = strengths(wins)[0]
    assert p[0] / p[1] == pytest.approx(3, rel=1e-3)


def test_known_strengths_are_recovered() -> None:
    found = rank_players(simulated(6_000, seed=1), draws=50)
    assert [each.player for each in found] == ["a", "b", "c"]
    assert [each.place for each in found] == [1, 2, 3]
    for each in found:
        assert each.share == pytest.approx(true_share(each.player), abs=0.02)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = [
        each.low <= true_share(each.player) <= each.high
        for seed in range(60)
        for each in rank_players(simulated(200, seed), draws=200)
    ]
    assert 0.89 <= np.mean(held) <= 0.995


def test_intervals_shrink_with_votes() -> None:
    few, many = (rank_players(simulated(votes, seed=3), draws=200)[0] for votes in (50, 1_000))
    assert many.high - many.low < (few.high - few.low) / 3


def test_equal_players_are_not_told_apart() -> None:
    chance = np.random.default_rng(5)
    games = [Game("a", "b", "left" if chance.random() < 0.5 else "right") for _ in range(200)]
    assert {each.place for each in rank_players(games)} == {None}


def test_a_few_unanimous_votes_are_too_early() -> None:
    assert [each.place for each in rank_players([Game("a", "b", "left")] * 5)] == [None, None]
    late = rank_players([Game("a", "b", "left")] * 40)
    assert [(each.player, each.place) for each in late] == [("a", 1), ("b", 2)]
    assert late[0].share < 1


def test_a_tie_is_half_a_win_and_sides_do_not_matter() -> None:
    ties = rank_players([Game("a", "b", "tie")] * 30)
    assert [each.share for each in ties] == pytest.approx([0.5, 0.5])
    mirrored = [Game("a", "b", "left"), Game("b", "a", "right")] * 10
    assert rank_players(mirrored)[0].share == rank_players([Game("a", "b", "left")] * 20)[0].share


def test_both_bad_is_counted_apart_and_changes_no_strength() -> None:
    games = simulated(60, seed=7)
    with_bad = rank_players([*games, *[Game("a", "c", "bad")] * 9])
    without = rank_players(games)
    assert [(each.player, each.share) for each in with_bad] == [(each.player, each.share) for each in without]
    assert {each.player: each.bad for each in with_bad} == {"a": 9, "b": 0, "c": 9}
    assert sum(each.votes for each in with_bad) == 2 * 60


def test_without_votes_there_is_nothing_and_bad_ones_alone_say_nothing() -> None:
    assert rank_players([]) == []
    assert [(each.share, each.place, each.votes) for each in rank_players([Game("a", "b", "bad")])] == [
        (0.5, None, 0)
    ] * 2


def test_the_same_votes_give_the_same_intervals() -> None:
    assert rank_players(simulated(80, seed=9)) == rank_players(simulated(80, seed=9))
