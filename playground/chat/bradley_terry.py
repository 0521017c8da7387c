"""Who wins blind votes: Bradley–Terry strengths with bootstrap intervals. Knows players' names, and no arms.

P(i beats j) = p_i / (p_i + p_j), fitted by the MM algorithm (Hunter 2004, Annals of Statistics 32(1), eq. 3); a tie is
half a win for each. Every player also has one tied game against a player of strength 1: so a player who never lost has
a finite strength, and players who never met can be compared (weakly). "Both bad" is counted but changes no strength.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from playground.storage.records import Choice

DRAWS = 1_000  # resampled sets of votes
INTERVAL = (2.5, 97.5)  # percentiles
MIN_VOTES = 20  # of a player with a place: the interval of few resampled votes is too narrow
MAX_ROUNDS, TOLERANCE = 1_000, 1e-7  # of the MM algorithm; a smaller change of all log strengths ends it


@dataclass(frozen=True)
class Game:
    """One vote between two players."""

    left: str
    right: str
    choice: Choice


@dataclass(frozen=True)
class Standing:
    """A player's strength as the share of games it is expected to win against the average of all, 0 to 1.

    `low` and `high` bound 95 % of the resampled shares. `votes` counts its games that say who is better, `bad` those
    where both were bad. `place` is None while it is unknown: its interval overlaps another's, or its votes are few.
    """

    player: str
    share: float
    low: float
    high: float
    votes: int
    bad: int
    place: int | None


def rank_players(games: Sequence[Game], draws: int = DRAWS, seed: int = 0) -> list[Standing]:
    """All players, the strongest first. The same games and seed give the same intervals."""
    if not games:
        return []
    players = sorted({name for game in games for name in (game.left, game.right)})
    decided = [game for game in games if game.choice != "bad"]
    outcomes = _outcomes(decided, players)
    chance = np.random.default_rng(seed)
    even = np.full(len(decided), 1 / len(decided)) if decided else np.zeros(0)
    counts = chance.multinomial(len(decided), even, size=draws) if decided else np.zeros((1, 0))
    resampled = shares(_wins(counts, outcomes, len(players)))
    share = shares(_wins(np.ones((1, len(decided))), outcomes, len(players)))[0]
    low, high = np.percentile(resampled, INTERVAL, axis=0)
    votes = Counter(name for game in decided for name in (game.left, game.right))
    bad = Counter(name for game in games if game.choice == "bad" for name in (game.left, game.right))
    order = np.argsort(-share, kind="stable")
    places = _places(low[order], high[order], [votes[players[n]] for n in order])
    return [
        Standing(players[n], float(share[n]), float(low[n]), float(high[n]), votes[players[n]], bad[players[n]], place)
        for n, place in zip(order, places, strict=True)
    ]


def shares(wins: np.ndarray) -> np.ndarray:
    """Expected shares of wins against the average (sets, players), from wins[s, i, j] of i over j."""
    logs = np.log(strengths(wins))
    return 1 / (1 + np.exp(logs.mean(axis=-1, keepdims=True) - logs))


def strengths(wins: np.ndarray) -> np.ndarray:
    """Bradley–Terry strengths (sets, players), from wins[s, i, j] of i over j, with the tied game of every player."""
    wins_with_tie = wins.sum(axis=2) + 0.5
    games = wins + wins.transpose(0, 2, 1)
    strength = np.ones(wins_with_tie.shape)
    for _ in range(MAX_ROUNDS):
        pairs = strength[:, :, None] + strength[:, None, :]
        new = wins_with_tie / ((games / pairs).sum(axis=2) + 1 / (strength + 1))
        change = np.abs(np.log(new / strength)).max(initial=0)
        strength = new
        if change < TOLERANCE:
            break
    return strength


def _outcomes(games: Sequence[Game], players: Sequence[str]) -> np.ndarray:
    """For each game: the places of left and right in `players`, and left's share of the win, (games, 3)."""
    place = {name: number for number, name in enumerate(players)}
    won = {"left": 1.0, "right": 0.0, "tie": 0.5}
    rows = [(place[game.left], place[game.right], won[game.choice]) for game in games]
    return np.array(rows, dtype=float).reshape(len(rows), 3)


def _wins(counts: np.ndarray, outcomes: np.ndarray, players: int) -> np.ndarray:
    """wins[s, i, j] when game g counts counts[s, g] times."""
    wins = np.zeros((len(counts), players, players))
    for game, (left, right, won) in enumerate(outcomes):
        wins[:, int(left), int(right)] += won * counts[:, game]
        wins[:, int(right), int(left)] += (1 - won) * counts[:, game]
    return wins


def _places(low: np.ndarray, high: np.ndarray, votes: Sequence[int]) -> list[int | None]:
    """A place for each of the players in order whose interval is apart from all others'."""
    places: list[int | None] = []
    for n in range(len(low)):
        others = [m for m in range(len(low)) if m != n]
        apart = all(low[n] > high[m] or high[n] < low[m] for m in others)
        places.append(n + 1 if others and apart and votes[n] >= MIN_VOTES else None)
    return places
