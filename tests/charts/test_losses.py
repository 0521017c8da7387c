"""Loss curves: each loss to its own scale, over the same time."""

from xml.etree import ElementTree

import pytest

from playground.charts.losses import MOST, LossPanel, draw_losses
from tests.fakes.svg import texts

HELDOUT = LossPanel(
    "heldout", "held-out <b>", [(0, 3.0), (10, 2.0), (20, 2.5)], [(0, 3.0), (10, 2.0), (20, 2.5)], (10, 2.0)
)
TRAIN = LossPanel("train", "training", [(0, 9.0), (20, 7.0)], [(0, 9.0), (20, 8.0)])


def places(drawn: str, css_class: str) -> list[tuple[float, float]]:
    """The corners of the path with this class."""
    path = next(each for each in ElementTree.fromstring(drawn).iter("path") if each.get("class") == css_class)
    pairs = path.get("d", "").replace("M", " L").replace("h0", "").split("L")
    return [(float(x), float(y)) for x, y in (pair.split() for pair in pairs if pair.strip())]


def test_each_loss_has_a_scale_of_its_own_over_the_same_time() -> None:
    drawn = draw_losses("Loss", [HELDOUT, TRAIN], "Seconds", "kept")
    (x0, high), (x1, low), (x2, middle) = places(drawn, "line heldout")
    assert (x1 - x0) == pytest.approx(x2 - x1, abs=0.2)
    assert (middle - high) == pytest.approx(low - middle, abs=0.2)
    assert low > high
    train = places(drawn, "measured train")
    assert [x for x, _ in train] == [x0, x2]
    assert train[0][1] > low, "below the first panel"
    assert {"held-out <b>", "○ kept: 2.000", "3.00", "2.00", "9.00", "7.00", "20 Seconds"} <= set(texts(drawn))


def test_one_point_is_no_curve_and_a_long_run_is_thinned_to_its_end() -> None:
    assert draw_losses("Loss", [LossPanel("train", "training", [(0, 1.0)], [(0, 1.0)])], "s", "kept") == ""
    many = [(float(n), 2.0) for n in range(10 * MOST)]
    drawn = places(draw_losses("Loss", [LossPanel("train", "training", many, many)], "s", "kept"), "line train")
    assert len(drawn) <= MOST + 1
    whole = places(
        draw_losses("Loss", [LossPanel("train", "training", many[::9], many[::9])], "s", "kept"), "line train"
    )
    assert drawn[-1][0] == pytest.approx(whole[-1][0], abs=1)
