"""A measurement in a process of its own: values go there and back, failures say what happened."""

import math
import operator
import os
import sys
import time

import pytest
import torch

from adapters.measure import ChildError, run_in_child


def test_arguments_go_in_and_the_result_comes_back() -> None:
    assert run_in_child(operator.add, [1, "two"], [0.5, None], seconds=60) == [1, "two", 0.5, None]
    assert run_in_child(os.getpid, seconds=60) != os.getpid()


def print_and_limit_threads(count: int) -> int:
    """What a measurement does to its process; its print must not be taken for the result."""
    sys.stdout.write("a library's greeting\n")
    os.system("echo from a program")
    torch.set_num_threads(count)
    return torch.get_num_threads()


def test_what_is_set_in_the_child_stays_there() -> None:
    before = torch.get_num_threads()
    assert run_in_child(print_and_limit_threads, before + 1, seconds=120) == before + 1
    assert torch.get_num_threads() == before


def test_a_failure_is_told_with_the_childs_traceback() -> None:
    with pytest.raises(ChildError, match=r"math\.sqrt ended with code 1(.|\n)*ValueError"):
        run_in_child(math.sqrt, -1, seconds=60)


def test_a_child_that_takes_too_long_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(ChildError, match=r"time\.sleep has not returned after 0\.5 s"):
        run_in_child(time.sleep, 60, seconds=0.5)
    assert time.monotonic() - began < 30


def test_a_background_child_has_a_lower_priority() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert run_in_child(os.getpriority, os.PRIO_PROCESS, 0, seconds=60) == own
    assert run_in_child(os.getpriority, os.PRIO_PROCESS, 0, seconds=60, background=True) > own
