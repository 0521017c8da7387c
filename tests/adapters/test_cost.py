"""What a method costs: timed in a process of its own, so that no thread of this one is left with one core."""

import threading
from collections.abc import Iterator

import pytest
import torch

import adapters
from adapters.cost import YARDSTICK, measure_costs, measure_footprint
from adapters.errors import MethodError
from tests.conftest import tiny_llama

THREADS = 2


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_thread_that_first_computes_during_a_measurement_has_all_its_threads() -> None:
    seen: list[int] = []

    def compute_first() -> None:
        torch.ones(8, 8) @ torch.ones(8, 8)
        seen.append(torch.get_num_threads())

    settings = [(id_, adapters.get(id_).Options()) for id_ in (YARDSTICK, "vera", "dora")]
    measuring = threading.Thread(target=measure_costs, args=(settings, tiny_llama().config))
    measuring.start()
    while measuring.is_alive():
        newcomer = threading.Thread(target=compute_first)
        newcomer.start()
        newcomer.join()
    measuring.join()
    assert len(seen) > 10
    assert set(seen) == {THREADS}


def test_costs_are_the_footprints_with_slowdowns_in_the_order_of_the_settings() -> None:
    config = tiny_llama().config
    settings = [(id_, adapters.get(id_).Options()) for id_ in ("dora", YARDSTICK)]
    dora, lora = measure_costs(settings, config)
    for (id_, options), cost in zip(settings, (dora, lora), strict=True):
        expected = vars(measure_footprint(adapters.get(id_), config, options))
        assert {name: each for name, each in vars(cost).items() if name != "slowdown"} == expected
    assert dora.trainable > lora.trainable
    assert dora.slowdown > lora.slowdown
    assert 0.5 < lora.slowdown < 2


def test_options_that_do_not_fit_are_refused_before_anything_is_timed() -> None:
    with pytest.raises(MethodError, match="Top layers only is 99"):
        measure_costs([("lora", adapters.get("lora").Options(top_layers=99))], tiny_llama().config)
