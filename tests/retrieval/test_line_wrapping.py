"""Line breaks of a wrapped text go, and those that mean something stay."""

import pytest

from retrieval.line_wrapping import join_wrapped_lines

WRAPPED = """\
When a package activates a trigger in which another is
interested, that package is added to the list of those
whose processing is awaited. It may be more than one."""


def test_a_wrapped_paragraph_is_one_line() -> None:
    assert join_wrapped_lines(WRAPPED) == WRAPPED.replace("\n", " ")


def test_paragraphs_stay_apart() -> None:
    assert join_wrapped_lines(f"{WRAPPED}\n\n{WRAPPED}").count("\n") == 2


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param("a short\nline", id="short lines"),
        pytest.param(f"{'word ' * 40}\nis a paragraph of its own", id="a line longer than any width"),
        pytest.param(
            "I met a traveller from an antique land, who said: Two vast\n"
            "And trunkless legs of stone stand in the desert now.\n"
            "Near them, on the sand, half sunk a shattered visage lies,",
            id="verse",
        ),
        pytest.param(
            "To read the list of all packages that are installed:\n"
            "    dpkg --list | grep --invert-match removed-packages\n"
            "    dpkg --get-selections --admindir=/var/lib/dpkg-other",
            id="code",
        ),
        pytest.param(
            "long qf_put(qf_buffer *b, const void *data, size_t n, int flags);\n"
            "long qf_get(qf_buffer *b, void *out, size_t n, int flags);\n"
            "const longest_name_of_the_table = names.at(-1).length_of;\n"
            "for (const name of names) console.log(name, counts[name]);",
            id="code at the margin",
        ),
        pytest.param(
            '"name": "a picture of the harbour", "made": "2021-04-03",\n"width": 1600, "height": 1200}\n```',
            id="a fence",
        ),
        pytest.param(
            "- the packages that were installed by an administrator\n"
            "- those that were installed because others needed it\n"
            "- and those that nobody needs, which can be removed now",
            id="list",
        ),
        pytest.param(
            "| Name of the package      | Version that is installed |\n"
            "| dpkg and its translations | 1.21.22, of last November |",
            id="table",
        ),
        pytest.param(
            "4.1 What is a virtual package, and who provides such a one? 12\n"
            "4.2 What is a package priority, and where is it written? 14",
            id="numbered headings",
        ),
        pytest.param(
            "A message of three lines is written to the terminal here:\n"
            "The other lines of this paragraph follow the colon above.",
            id="a line after a colon",
        ),
    ],
)
def test_a_break_that_means_something_stays(kept: str) -> None:
    assert join_wrapped_lines(kept) == kept


def test_the_later_lines_of_a_list_entry_are_joined_to_it() -> None:
    entries = (
        "  1. the packages that were installed by an administrator\n     or by the installer of the system\n"
        "  2. those that were installed because others needed them"
    )
    assert join_wrapped_lines(entries) == entries.replace("\n     or", " or")
