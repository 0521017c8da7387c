"""Runs one function in a fresh Python process, so that whatever a measurement sets there stays there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

import psutil

LOGGED_CHARS = 2_000  # of the child's standard error, in the exception's text
LOW = 10 if psutil.POSIX else psutil.BELOW_NORMAL_PRIORITY_CLASS  # the priority of a background child
BACKGROUND = "background"


class ChildError(RuntimeError):
    """The function failed in the child process, or its time was up; the text ends with the child's last words."""


def run_in_child(function: Callable[..., Any], *arguments: Any, seconds: float, background: bool = False) -> Any:
    """What `function(*arguments)` returns in a fresh Python process; the start and the imports take seconds.

    The function stands at the top level of a module that can be imported. The arguments and the result are JSON
    values, so a tuple comes back as a list. A `background` child takes what other work leaves of the cores, so it may
    only time processor seconds.

    Raises:
        ChildError: the function raised an exception, or had not returned after `seconds`.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    priority = [BACKGROUND] if background else []
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    try:
        child = subprocess.run(
            [sys.executable, "-m", "adapters.measure", function.__module__, function.__qualname__, *priority],
            input=json.dumps(arguments).encode(),
            capture_output=True,
            timeout=seconds,
            check=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    except subprocess.TimeoutExpired as fault:
        raise ChildError(f"{name} has not returned after {seconds:g} s. {_last_words(fault.stderr)}") from fault
    except subprocess.CalledProcessError as fault:
        raise ChildError(f"{name} ended with code {fault.returncode}. {_last_words(fault.stderr)}") from fault
    return json.loads(child.stdout)


def _last_words(stderr: bytes | None) -> str:
    return (stderr or b"").decode(errors="replace")[-LOGGED_CHARS:]


def _main(module: str, function: str, priority: str = "") -> None:
    """In the child: arguments from standard input, the result to standard output, whatever else to standard error."""
    if priority == BACKGROUND:
        psutil.Process().nice(LOW)
    result = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's own prints do not mix with the result
    with result, redirect_stdout(sys.stderr):
        json.dump(vars(import_module(module))[function](*json.load(sys.stdin)), result)


if __name__ == "__main__":
    _main(*sys.argv[1:])
