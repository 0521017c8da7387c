"""Adapters in memory: fetched once, in the background, within a budget, and the least recently used leaves first."""

import threading

import pytest

from playground.inference.adapter_cache import AdapterCache
from playground.inference.served_adapter import ServedAdapter
from tests.fakes.chat_model import lora

SIZE = lora(1).nbytes


def adapter(name: str) -> ServedAdapter:
    return ServedAdapter(name, name, "lora", lora(1))


def test_one_that_is_prepared_is_there_when_it_is_asked_for_and_fetched_once() -> None:
    shelf, gate, fetched = AdapterCache(), threading.Event(), []

    def load() -> ServedAdapter:
        gate.wait(5)
        fetched.append("a")
        return adapter("a")

    waiting = shelf.prepare("a", load)
    assert not waiting.done()
    gate.set()
    assert shelf.get("a", load) is waiting.result()
    assert fetched == ["a"]


def test_the_least_recently_used_leaves_first_and_the_last_one_stays() -> None:
    shelf, fetched = AdapterCache(budget=2 * SIZE), []

    def get(name: str) -> ServedAdapter:
        def load() -> ServedAdapter:
            fetched.append(name)
            return adapter(name)

        return shelf.get(name, load)

    for name in "abacab":
        assert get(name).name == name
    assert fetched == ["a", "b", "c", "b"]
    small = AdapterCache(budget=0)
    first = small.get("a", lambda: adapter("a"))
    assert small.get("a", lambda: adapter("other")) is first


def test_a_fault_is_told_and_tried_again() -> None:
    shelf = AdapterCache()

    def fail() -> ServedAdapter:
        raise ValueError("damaged")

    for _ in range(2):
        with pytest.raises(ValueError, match="damaged"):
            shelf.get("a", fail)
    assert shelf.get("a", lambda: adapter("a")).name == "a"


def test_what_is_dropped_is_fetched_anew() -> None:
    shelf = AdapterCache()
    first = shelf.get(("run", 1), lambda: adapter("a"))
    shelf.drop(lambda key: key == ("other", 1))
    assert shelf.get(("run", 1), lambda: adapter("b")) is first
    shelf.drop(lambda key: key == ("run", 1))
    assert shelf.get(("run", 1), lambda: adapter("b")).name == "b"
