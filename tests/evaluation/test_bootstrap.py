"""Intervals cover what they claim, equal arms are seldom called different, and the same seed gives the same."""

import math

import numpy as np
import pytest

from playground.evaluation.bootstrap import Difference, Sections, holm, mcnemar, questions_needed

RUNS = 2_000


def simulated(seed: int, sections: int, size: float, truth: float, alike: float) -> tuple[list[str], np.ndarray]:
    """Two arms, equally good, on the same questions: (their sections, (2, questions) of right and wrong).

    Sections have some questions each, and their difficulty spreads as a beta distribution with that correlation.
    """
    chance = np.random.default_rng(seed)
    sizes = 1 + chance.poisson(size - 1, sections)
    spread = (1 - alike) / alike
    member = np.repeat(np.arange(sections), sizes)
    easy = chance.beta(truth * spread, (1 - truth) * spread, sections)[member]
    shared = chance.random(len(member)) < 0.5
    draws = chance.random((2, len(member)))
    draws[1, shared] = draws[0, shared]
    return [str(each) for each in member], (draws < easy).astype(float)


@pytest.fixture(scope="module", params=[(12, 8, 0.5), (24, 4, 0.8), (40, 2.5, 0.3)], ids=str)
def exams(request: pytest.FixtureRequest) -> tuple[float, list[tuple[float, float, Difference]]]:
    """The true share, and of many exams the interval of the first arm and the difference of both."""
    sections, size, truth = request.param
    found = []
    for seed in range(RUNS):
        names, right = simulated(seed, sections, size, truth, alike=0.1)
        drawn = Sections(names, seed)
        figure = drawn.figure(right[0])
        found.append((figure.low, figure.high, drawn.difference("a", "b", right[0], right[1])))
    return truth, found


def test_the_interval_of_a_figure_holds_the_truth_in_95_of_100_exams(exams: tuple) -> None:
    truth, found = exams
    assert np.mean([low <= truth <= high for low, high, _ in found]) == pytest.approx(0.95, abs=0.02)


def test_the_interval_of_a_difference_holds_the_truth_in_95_of_100_exams(exams: tuple) -> None:
    _, found = exams
    assert np.mean([each.low <= 0 <= each.high for _, _, each in found]) == pytest.approx(0.95, abs=0.02)


def test_equal_arms_are_called_different_in_at_most_5_of_100_exams(exams: tuple) -> None:
    _, found = exams
    assert np.mean([each.differs for _, _, each in found]) <= 0.05


def test_a_clear_difference_is_called_one() -> None:
    sections = [str(number // 4) for number in range(80)]
    one = [1.0] * 60 + [0.0] * 20
    two = [1.0] * 30 + [0.0] * 50
    found = Sections(sections).difference("a", "b", one, two)
    assert found.differs
    assert found.value == pytest.approx(0.375)


def test_an_arm_against_itself_is_never_different() -> None:
    right = [1.0, 0.0, 1.0, 1.0]
    found = Sections(["a", "a", "b", "c"]).difference("a", "a", right, right)
    assert (found.value, found.p, found.differs) == (0.0, 1.0, False)
    assert math.isinf(found.needed)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    names, right = simulated(0, 12, 4, 0.5, 0.1)
    assert Sections(names, 3).figure(right[0]) == Sections(names, 3).figure(right[0])
    assert Sections(names, 3).figure(right[0]) != Sections(names, 4).figure(right[0])


def test_where_all_are_wrong_the_interval_is_no_point() -> None:
    figure = Sections([str(each) for each in range(30)]).figure([0.0] * 30)
    assert figure.low == 0
    assert figure.high == pytest.approx(1 - 0.025 ** (1 / 30))


def test_questions_without_a_value_are_left_out() -> None:
    figure = Sections(["a", "b", "c"]).figure([1.0, math.nan, 0.0])
    assert (figure.value, figure.questions) == (0.5, 2)
    assert Sections(["a"]).figure([math.nan]).questions == 0


def test_one_section_alone_tells_nothing_of_others() -> None:
    sections = Sections(["a"] * 40)
    gap = sections.difference("x", "y", [1.0] * 40, [0.0] * 40)
    assert not gap.differs
    assert (gap.value, gap.low, gap.high, gap.needed) == (1.0, -1.0, 1.0, math.inf)
    assert (sections.figure([1.0, 0.0] * 20).low, sections.figure([1.0, 0.0] * 20).high) == (0.0, 1.0)
    loss = sections.difference("x", "y", [3.0] * 40, [0.5] * 40)
    assert (loss.low, loss.high) == (-math.inf, math.inf)


def test_mcnemar_counts_only_the_questions_on_which_the_arms_disagree() -> None:
    one = np.array([True] * 9 + [False] + [True] * 50)
    two = np.array([False] * 9 + [True] + [True] * 50)
    assert mcnemar(one, two) == pytest.approx(2 * 11 / 2**10)


@pytest.mark.parametrize(
    ("only_one", "only_two", "p"),
    [
        (9, 1, 0.021484375),
        (3, 3, 1.0),
        (0, 6, 0.03125),
        (1, 0, 1.0),
        (0, 0, 1.0),
        (17, 4, 0.0071973800659179705),
        (40, 61, 0.04604406692934288),
        (250, 310, 0.012590475149378562),
    ],
)
def test_mcnemar_gives_the_exact_two_sided_binomial_p(only_one: int, only_two: int, p: float) -> None:
    one = np.array([True] * only_one + [False] * only_two + [True] * 5)
    two = np.array([False] * only_one + [True] * only_two + [True] * 5)
    assert mcnemar(one, two) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize(
    ("sections", "room"),
    [
        (2, 0.841886116991581),
        (3, 0.7075982261787133),
        (12, 0.2646484693970512),
        (30, 0.11570330822202779),
        (100, 0.03621669264517646),
    ],
)
def test_the_interval_of_equal_answers_is_clopper_and_pearsons(sections: int, room: float) -> None:
    drawn = Sections([str(each) for each in range(sections)])
    wrong, right = drawn.figure([0.0] * sections), drawn.figure([1.0] * sections)
    assert (wrong.low, wrong.high) == pytest.approx((0, room), abs=1e-9)
    assert (right.low, right.high) == pytest.approx((1 - room, 1), abs=1e-9)


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    ps = [0.01, 0.04, 0.03]
    found = holm([Difference("a", "b", 0.1, 0.0, 0.2, p, p, 9, 9) for p in ps])
    assert [each.adjusted for each in found] == pytest.approx([0.03, 0.06, 0.06])


def test_four_times_the_questions_are_needed_for_half_the_difference() -> None:
    assert questions_needed(0.1, 0.05, 100) == pytest.approx(4 * questions_needed(0.2, 0.05, 100), rel=0.02)
    assert questions_needed(0.2, 0.0714, 100) == pytest.approx(100, abs=1)
