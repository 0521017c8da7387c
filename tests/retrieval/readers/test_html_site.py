"""HTML: what programs for sites add to a page, and the lists of Google Docs, Confluence and Notion."""

import pytest

from retrieval.readers.dispatch import read_document
from tests.conftest import Write

TEXT = "<h1>Setup</h1><p>The pump needs 230 volts.</p><h2>Care</h2><p>Oil it once a year.</p>"
SHOWN = "Setup\n\nThe pump needs 230 volts.\n\nCare\n\nOil it once a year."


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ('<div><a href="#content" class="md-skip">Skip to content</a></div>', "", "Menus left out: 1."),
        ("", '<p><a href="https://github.com/x/edit">Edit this page</a></p>', "Menus left out: 1."),
        ("", '<div><ul><li><a href="#setup">Setup</a><ul><li><a href="#care">1.1 Care</a></li></ul></ul></div>',
         "Tables of contents left out: 1."),
        ("", "<div><span>Was this article helpful?</span> <a>Yes</a> <a>No</a> <small>3 of 4 said so</small></div>",
         "Form controls left out: 1."),
        ('<button class="toc-toggle">On this page</button>', "", "Form controls left out: 1."),
    ],
)  # fmt: skip
def test_what_a_site_adds_to_a_page_is_left_out_and_counted(write: Write, before: str, after: str, note: str) -> None:
    document = read_document(write("a.html", f"<body>{before}{TEXT}{after}</body>"))
    assert document.text == SHOWN
    assert document.sentences == (note,)


@pytest.mark.parametrize(
    "part",
    [
        '<ul><li><a href="#a">Apples from the north</a></li><li><a href="#b">Pears</a></li></ul>',
        "<div>Was this article helpful to the court? It was, as judges said. <a>More</a> " + "words " * 60 + "</div>",
        '<p>To skip to a part, use <a href="#setup">Setup</a>.</p>',
    ],
)  # fmt: skip
def test_text_that_is_like_such_a_part_stays(write: Write, part: str) -> None:
    document = read_document(write("a.html", f"<body>{TEXT}{part}</body>"))
    assert document.text.startswith(SHOWN + "\n\n")
    assert document.sentences == ()


def test_the_list_of_articles_beside_the_article_is_left_out(write: Write) -> None:
    aside = "<aside><h3>Articles in this section</h3><ul><li><a href='/1'>Setup</a></li></ul></aside>"
    document = read_document(write("a.html", f"<main>{aside}<article>{TEXT}</article></main>"))
    assert document.text == SHOWN
    assert document.sentences == ("Sidebars left out: 1.",)


def test_a_note_of_a_page_has_no_arrow_back(write: Write) -> None:
    note = '<ol><li id="fn:1"><p>A note. <a class="footnote-backref" href="#fnref:1">↩</a></p></li></ol>'
    assert read_document(write("a.html", TEXT + note)).text == f"{SHOWN}\n\n1. A note."


def test_an_outline_of_google_docs_keeps_its_depth_and_letters(write: Write) -> None:
    style = '.lst-kix_b-1 > li:before{content:"" counter(lst-ctn-kix_b-1,lower-latin) ". "}'
    lists = (
        '<ol class="c1 lst-kix_b-0 start" start="1"><li>First</li></ol>'
        '<ol class="c1 lst-kix_b-1 start" start="1"><li>Sub</li><li>Other</li></ol>'
        '<ol class="c1 lst-kix_b-0" start="2"><li>Second</li></ol>'
        '<ul class="lst-kix_c-0"><li>Dot</li></ul><ul class="lst-kix_c-1"><li>Inner</li></ul>'
    )
    document = read_document(write("a.html", f"<head><style>{style}</style></head><body>{lists}</body>"))
    assert document.text == "1. First\n  a. Sub\n  b. Other\n2. Second\n\n- Dot\n  - Inner"


def test_remarks_of_google_docs_are_no_text(write: Write) -> None:
    page = (
        '<p>It opens at nine.<sup><a href="#cmnt1" id="cmnt_ref1">[a]</a></sup></p>'
        '<div><p><a href="#cmnt_ref1" id="cmnt1">[a]</a><span>Is this right?</span></p></div>'
    )
    document = read_document(write("a.html", page))
    assert document.text == "It opens at nine."
    assert document.sentences == ("Comments left out: 1.",)


@pytest.mark.parametrize(
    "page",
    [
        '<ul class="inline-task-list"><li class="checked">Oil</li><li>Bolts</li></ul>',
        '<ul class="to-do-list"><li><div class="checkbox checkbox-on"></div> Oil</li>'
        '<li><div class="checkbox checkbox-off"></div> Bolts</li></ul>',
    ],
)
def test_tasks_show_whether_they_are_done(write: Write, page: str) -> None:
    assert read_document(write("a.html", page)).text == "- [x] Oil\n- [ ] Bolts"
