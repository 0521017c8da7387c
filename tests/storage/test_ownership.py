"""A data folder has one server: a second one is refused, and one that was killed leaves the folder free."""

import subprocess
import sys
from pathlib import Path

import pytest

from playground.errors import UserError
from playground.storage.ownership import OWNER, owned

ROOT = Path(__file__).parents[2]
SERVER = """
import sys
from pathlib import Path
from playground.storage.ownership import owned
with owned(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.read()
"""


def server(data: Path) -> subprocess.Popen[str]:
    """A process that has the folder until it ends."""
    made = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(data)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert made.stdout is not None
    assert made.stdout.readline() == "has it\n"
    return made


def test_a_second_server_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    first = server(tmp_path / "data")
    try:
        with (
            pytest.raises(UserError, match=rf"process {first.pid} on .*, since .*\. Stop that one, or give"),
            owned(tmp_path / "data"),
        ):
            pass
        with owned(tmp_path / "another"):
            pass
    finally:
        first.kill()
        first.wait()
    with owned(tmp_path / "data"):
        pass


def test_one_that_does_not_say_who_it_is_is_refused_too(tmp_path: Path) -> None:
    with owned(tmp_path):
        (tmp_path / OWNER).write_text("{")
        with pytest.raises(UserError, match="it does not say which"), owned(tmp_path):
            pass
