"""HTML: what a person reads on the page."""

from retrieval.readers.dispatch import read_document
from tests.conftest import Write
from tests.fakes.files import labels


def test_html_gives_what_a_person_reads(write: Write) -> None:
    page = (
        "<head><title>no</title><style>no</style></head><body><nav><a>no</a><script>no</script></nav><h1>A<br>b</h1>"
        "<p>caf&eacute; <b>bold</b>\n text</p><ul><li>one</li> <li>two</li></ul><h2>C</h2>"
        "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table><pre>x\n  y</pre></body>"
    )
    document = read_document(write("a.html", page))
    assert document.text == "A b\n\ncafé bold text\n\n- one\n- two\n\nC\n\n1 | 2\n3 | 4\n\nx\n  y"
    assert labels(document) == ["A b", "A b > C"]


def test_a_link_to_another_site_keeps_its_address(write: Write) -> None:
    page = (
        '<head><link rel="canonical" href="https://here.org/a"></head><h1><a href="https://x.org">T</a></h1><p>See '
        '<a href="https://x.org/b">this</a>, <a href="https://HERE.org/c">that</a>, <a href="/d">those</a>, '
        '<a href="https://x.org/e/">https://x.org/e</a>, <a href="javascript:f()">f</a><a href="https://x.org/g"><img></a>'
    )
    assert (
        read_document(write("a.html", page)).text == "T\n\nSee this (https://x.org/b), that, those, https://x.org/e, f"
    )


def test_html_in_its_declared_encoding(write: Write) -> None:
    page = '<meta charset="windows-1251"><p>Привет</p>'
    assert read_document(write("a.htm", page.encode("cp1251"))).text == "Привет"


def test_deeply_nested_html_needs_no_recursion(write: Write) -> None:
    assert read_document(write("a.html", "<div>" * 5_000 + "deep")).text == "deep"
