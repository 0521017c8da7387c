"""HTML: which parts of a page are its text, and which are menus, banners, footers, controls or hidden."""

import pytest

from retrieval.document import Document
from retrieval.notes import KINDS
from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels

ARTICLE = "<main><h1>Bees</h1><p>A hive holds forty thousand bees in June.</p></main>"
TEXT = "Bees\n\nA hive holds forty thousand bees in June."


def kinds(document: Document) -> list[str]:
    return [part.kind for part in document.left_out]


@pytest.mark.parametrize(
    "panel",
    [
        '<h2><button aria-controls="a">Who pays?</button></h2><div id="a" hidden><p>The buyer.</p></div>',
        "<details><summary>Who pays?</summary><p>The buyer.</p></details>",
        "<details><summary><h2>Who pays?</h2></summary><p>The buyer.</p></details>",
        '<button class="accordion">Who pays?</button><div class="panel" style="display: none"><p>The buyer.</p></div>',
        '<div class="faq-item"><h3 role="button">Who pays?</h3><div aria-hidden="true"><p>The buyer.</p></div></div>',
        '<div role="button" data-toggle="collapse" data-target="#x">Who pays?</div><div id="x" hidden>The buyer.</div>',
        '<div class="q"><h4><a href="#p7">Who pays?</a></h4><div class="a" style="display:none">The buyer.</div></div>',
    ],
)
def test_what_a_click_opens_is_text_under_its_title(write: Write, panel: str) -> None:
    document = read_document(write("a.html", f"<h1>Help</h1><p>Ask us about all of it.</p>{panel}"))
    assert document.text.endswith("Who pays?\n\nThe buyer.")
    assert labels(document) == ["Help", "Help > Who pays?"]


def test_a_hidden_part_that_nothing_opens_is_left_out_and_counted(write: Write) -> None:
    page = f'{ARTICLE}<div hidden>An error occurred here.</div><p>Read <span aria-hidden="true">icon</span>on.</p>'
    document = read_document(write("a.html", page))
    assert document.text == f"{TEXT}\n\nRead on."
    assert document.sentences == ("Hidden parts left out: 2.",)


def test_a_forms_text_is_text_and_its_controls_are_not(write: Write) -> None:
    page = (
        "<form><fieldset><legend>Your order</legend><p>Write all in capitals, please.</p><label>Name</label><input "
        'value="x"><select><option>one</option></select><textarea>old</textarea><button>Send</button></fieldset></form>'
    )
    document = read_document(write("a.html", page))
    assert document.text == "Your order\n\nWrite all in capitals, please.\n\nName"
    assert document.sentences == ("Form controls left out: 3.",)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ('<nav><a href="/">Home</a></nav>', "Menus"),
        ('<div class="navbar-collapse"><a href="/">Home</a><a href="/b">Shop</a></div>', "Menus"),
        ('<ul><li><a href="/a">About</a></li><li><a href="/b">Jobs</a></li></ul>', "Menus"),
        ('<ol class="breadcrumb"><li><a href="/a">Start</a></li><li>Bees</li></ol>', "Menus"),
        ('<div class="social-links"><a href="https://x.org">Share</a></div>', "Menus"),
        ('<div role="dialog"><p>We use cookies to please you.</p><button>OK</button></div>', "Cookie banners"),
        ('<div id="onetrust-banner-sdk"><p>Your privacy matters to us.</p></div>', "Cookie banners"),
        ('<div class="gdpr-bar">Wir verwenden für Sie Cookies. <a href="/p">Mehr</a></div>', "Cookie banners"),
        ("<p>This site uses cookies. Accept?</p>", "Cookie banners"),
        ('<div id="footer"><p>Mill Lane 4</p></div>', "Page footers"),
        ("<footer><p>© 2024 Bee House</p></footer>", "Page footers"),
        ("<p>Copyright 2024 by Bee House</p>", "Page footers"),
        ('<header><img alt="Bee House" src="l.png"><a href="/">Home</a></header>', "Page headers"),
        ('<aside><h3>Also read</h3><a href="/x">Wasps</a></aside>', "Sidebars"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_what_stands_around_the_article_is_left_out_and_counted(
    write: Write, part: str, kind: str, before: bool
) -> None:
    document = read_document(write("a.html", f"{part}{ARTICLE}" if before else f"{ARTICLE}{part}"))
    assert document.text == TEXT
    assert kinds(document) == [kind]
    assert document.left_out[0].place == ("" if before else "Bees")
    assert document.sentences == (f"{kind} left out: 1.",)


@pytest.mark.parametrize(
    "page",
    [
        '<div class="menu"><h2>Menu</h2><p>Soup of the day: four euros.</p></div>',
        '<div class="cookie-recipes"><p>Bake the cookies at 180 degrees.</p></div>',
        "<article><header><h1>Bees</h1><p>By Ann.</p></header><p>They hum.</p><footer>By a keeper.</footer></article>",
        "<main><p>It hums all day long.</p><aside>Note: a queen does not hum.</aside></main>",
        "<h1>Links</h1><ul><li><a href='/a'>Bees of the north</a></li><li><a href='/b'>Wasps</a></li></ul>",
        "<header><h1>Bees</h1><p>All that one must know.</p></header><p>They hum.</p>",
        "<div class='footer'><p>All of this page stands in here, as its author named it badly.</p></div>",
        "<ul class='nav'><li><a href='/a'>Only</a></li><li><a href='/b'>menus</a></li></ul>",
    ],
)
def test_where_it_is_unsure_the_whole_is_kept(write: Write, page: str) -> None:
    document = read_document(write("a.html", page))
    assert document.left_out == ()
    assert document.sentences == ()


def test_links_side_by_side_are_not_glued(write: Write) -> None:
    page = '<p><a href="/a">Home</a><a href="/b">Shop</a> and a sentence with <b>bo</b>ld letters.</p>'
    assert read_document(write("a.html", page)).text == "Home Shop and a sentence with bold letters."


def test_struck_out_text_is_left_out_and_counted(write: Write) -> None:
    document = read_document(write("a.html", "<p>It costs <s>20</s> <del>18</del> <ins>15</ins> euros.</p>"))
    assert document.text == "It costs 15 euros."
    assert [(part.kind, part.text) for part in document.left_out] == [
        ("Struck-out parts", "20"), ("Struck-out parts", "18"),
    ]  # fmt: skip


def test_links_to_edit_a_section_are_no_text_and_what_a_search_opens_is(write: Write) -> None:
    page = (
        "<a class='mw-jump-link' href='#c'>Jump to content</a><h2>History</h2>"
        "<span class='mw-editsection'>[edit]</span><p>Built in 1998.</p>"
        "<section><div hidden='until-found'>Sold in 2001.</div></section>"
    )
    assert read_document(write("a.html", page)).text == "History\n\nBuilt in 1998.\n\nSold in 2001."


def test_the_languages_and_categories_of_a_wiki_page_are_left_out(write: Write) -> None:
    page = (
        "<main><header><h1>Lake</h1><div class='mw-portlet mw-portlet-lang'><label>2 languages</label><ul><li>"
        "<a>Deutsch</a></li><li><a>Suomi</a></li></ul></div></header><p>It is deep.<sup>[<i>citation needed</i>]</sup>"
        "</p><div class='printfooter'>Retrieved from <a>w</a></div><div class='catlinks'>Category: Lakes</div></main>"
    )
    document = read_document(write("a.html", page))
    assert document.text == "Lake\n\nIt is deep.[citation needed]"
    assert kinds(document) == ["Menus", "Page footers", "Menus"]


def test_what_is_said_to_browsers_without_scripts_is_left_out_under_a_kind_that_has_words(write: Write) -> None:
    document = read_document(write("a.html", f"<body><noscript>Turn on scripts to see it.</noscript>{ARTICLE}"))
    assert document.text == TEXT
    (part,) = document.left_out
    assert (part.text, KINDS[part.kind].why, part.can_be_taken) == ("Turn on scripts to see it.", "hidden", True)


@pytest.mark.parametrize(
    "number",
    [
        '<span class="pagenum">[Pg 12]</span>',
        '<a id="p12" class="pageno">12</a>',
        '<span epub:type="pagebreak" title="xii">xii</span>',
        '<span role="doc-pagebreak">S. 12</span>',
    ],
)
def test_the_number_of_a_printed_page_is_no_part_of_its_sentence(write: Write, number: str) -> None:
    document = read_document(write("a.html", f"<h1>Bees</h1><p>A hive holds forty {number}thousand bees in June.</p>"))
    assert document.text == TEXT
    assert kinds(document) == ["Page numbers"]


@pytest.mark.parametrize(
    "page",
    [
        '<p>A hive holds forty <span epub:type="pagebreak" title="12"/>thousand bees in June.</p>',
        '<p>A hive holds <b class="pagenum">forty thousand</b> bees in June.</p>',
    ],
)
def test_text_within_the_mark_of_a_page_stays(write: Write, page: str) -> None:
    assert read_document(write("a.html", f"<h1>Bees</h1>{page}")).text == TEXT
