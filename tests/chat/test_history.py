"""Which earlier turns an arm reads."""

import pytest

from playground.chat.turns import history
from playground.prompts import Turn

INSTALL = Turn("How do I install a package?", "With apt-get install.")
REMOVE = Turn("And how do I remove one?", "With apt-get remove.")
KERNEL = Turn("Which kernel does Debian use?", "Linux.")


@pytest.mark.parametrize(
    ("question", "turns", "read"),
    [
        ("Which kernel does Debian use?", [INSTALL], []),
        ("And how do I remove one?", [], []),
        ("And how do I remove one?", [KERNEL, INSTALL], [INSTALL]),
        ("Why?", [KERNEL, INSTALL, REMOVE], [INSTALL, REMOVE]),
        ("Thế còn gỡ nó thì sao?", [KERNEL, INSTALL], [INSTALL]),
    ],
)
def test_a_question_is_read_with_the_turns_that_it_follows(question: str, turns: list[Turn], read: list[Turn]) -> None:
    assert history(question, turns) == read
