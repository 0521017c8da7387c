"""reStructuredText as its reader sees it."""

from pathlib import Path

from retrieval.readers.dispatch import read_document

GUIDE = """.. _tut-lamps:

.. sectionauthor:: A. Keeper

Lamps
=====

.. index:: single: lamps
   pair: wick; trim

The :keyword:`!trim` statement cuts the *wick*; see :ref:`wicks <cut-wicks>`, ``wick.cut()`` and
:func:`~lamps.wick.cut`. More stands in the `manual <https://example.org/manual>`_ [#]_. For example::

   >>> ages['ann'] = ids[::2]

.. note::

   Wait until the glass is cold.

.. versionadded:: 3.8

..
   Nobody reads this.

.. code-block:: python
   :linenos:

   light(lamp)

.. rubric:: Footnotes

.. [#] It is printed.
"""


def test_restructured_text_is_read_without_what_programs_read(tmp_path: Path) -> None:
    (tmp_path / "lamps.rst").write_text(GUIDE)
    document = read_document(tmp_path / "lamps.rst")
    assert (
        "The trim statement cuts the *wick*; see wicks, wick.cut() and\ncut. More stands in the manual."
        in document.text
    )
    assert "For example:\n\n   >>> ages['ann'] = ids[::2]" in document.text
    assert "Note:\n\n   Wait until the glass is cold." in document.text
    assert "   light(lamp)" in document.text
    assert "[*] It is printed." in document.text
    assert "Footnotes" in document.text
    for unread in ("..", ":ref:", "``", "Keeper", "pair: wick", "linenos", "Nobody", "::\n", "example.org"):
        assert unread not in document.text.replace("ids[::2]", "")
    assert [document.text[each.start : each.end].splitlines()[0] for each in document.headings] == ["Lamps"]
    assert document.sentences == ("Directives and comments left out: 4.", "Ruled lines left out: 1.")


def test_what_restructured_text_shows_of_directives_is_kept(tmp_path: Path) -> None:
    (tmp_path / "lamps.rst").write_text(
        ".. figure:: lamp.png\n   :alt: A lamp\n\n   The lamp of 1902.\n\n"
        ".. function:: light(lamp)\n   :noindex:\n\n   :returns: the lit lamp\n   :raises: OSError in wind\n\n"
        ".. |maker| replace:: Keeper & Sons\n.. |logo| image:: logo.png\n   :alt: Logo\n\n"
        "Made by |maker|.\n\n.. deprecated:: 3.9\n\n.. hint:: Trim it.\n"
    )
    text = read_document(tmp_path / "lamps.rst").text
    assert "The lamp of 1902." in text
    assert ":returns: the lit lamp\n   :raises: OSError in wind" in text
    assert "Made by Keeper & Sons.\n\nDeprecated since version 3.9\n\nHint: Trim it." in text
    for unread in ("lamp.png", ":alt:", ":noindex:", "logo"):
        assert unread not in text
