"""HTML: what a person reads on the page."""

import time

import pytest

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


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("<tr><th><p>Part</p></th><th><p>Who</p></th></tr><tr><td><p>Lift</p></td><td><p>Ben<br>Roy</p></td></tr>",
         ["Part | Who", "Lift | Ben Roy"]),
        ("<tr><td rowspan=2>Mon</td><td>Ann</td></tr><tr><td>Ben</td></tr><tr><td>Tue</td><td>Cy</td></tr>",
         ["Mon | Ann", "Mon | Ben", "Tue | Cy"]),
        ("<tr><td>8</td><td rowspan=3>Hall</td></tr><tr><td>9</td></tr><tr><td>10</td></tr>",
         ["8 | Hall", "9 | Hall", "10 | Hall"]),
        ("<thead><tr><th>Town</th><th colspan=2>Rain</th></tr></thead><tr><td>Ulm</td><td>3</td><td>4</td></tr>",
         ["Town | Rain | Rain", "Ulm | 3 | 4"]),
        ("<tr><th colspan=2>2024</th></tr><tr><th>Town</th><th>Rain</th></tr><tr><td>Ulm</td><td>3</td></tr>",
         ["2024", "Town | Rain", "Ulm | 3"]),
        ("<tr><td colspan=2>North</td></tr><tr><td>Ulm</td><td>3</td></tr>", ["North", "Ulm | 3"]),
        ("<tr><td>a</td><td></td><td>c</td></tr><tr><td>d</td><td>e</td><td>f</td></tr>", ["a |  | c", "d | e | f"]),
        ("<tr><td rowspan=0>Mon</td><td>1</td></tr><tr><td>2</td></tr>", ["Mon | 1", "Mon | 2"]),
        ("<tr><td>a</td><td><ul><li>b</li><li>c</li></ul></td></tr>", ["a | - b - c"]),
        ("<tfoot><tr><td>Sum</td><td>2</td></tr></tfoot><tr><td>x</td><td>2</td></tr>", ["x | 2", "Sum | 2"]),
        ("<tr><th>a</th><th>b</th></tr><tr><td>1</td><td><table><tr><td>x</td><td>y</td></tr></table></td></tr>",
         ["a | b", "1 | x, y"]),
    ],
)  # fmt: skip
def test_a_tables_rows_are_lines_and_a_cell_reaches_what_it_spans(write: Write, table: str, lines: list[str]) -> None:
    page = f"<p>Before it.</p><table><caption>All</caption>{table}</table><p>After it.</p>"
    assert read_document(write("a.html", page)).text.split("\n\n") == [
        "Before it.",
        "All",
        "\n".join(lines),
        "After it.",
    ]


def test_a_table_that_arranges_a_page_is_read_as_blocks(write: Write) -> None:
    page = (
        "<table><tr><td><h1>Bees</h1><p>They hum.</p></td><td><table><tr><td>a</td><td>b</td></tr></table></td></tr>"
        "</table>"
    )
    document = read_document(write("a.html", page))
    assert document.text == "Bees\n\nThey hum.\n\na | b"
    assert labels(document) == ["Bees"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            "<ol><li><p>One</p></li><li><p>Two</p><p>more</p></li><li>Three</li></ol>",
            "1. One\n2. Two\n\nmore\n3. Three",
        ),
        ("<ol start=4><li>One<li value=9>Two<li>Three</ol>", "4. One\n9. Two\n10. Three"),
        ("<ol reversed><li>One<li>Two</ol>", "2. One\n1. Two"),
        ("<ol type=a><li>One<li>Two</ol>", "a. One\nb. Two"),
        ("<ol style='list-style-type: upper-roman'><li>One<li>Two</ol>", "I. One\nII. Two"),
        ("<ol><li>One<ol type=i><li>in</li><li>ner</li></ol></li><li>Two</ol>", "1. One\n  i. in\n  ii. ner\n2. Two"),
        (
            "<table><tr><td class='linenos'><div class='linenodiv'><pre>1\n2</pre></div></td><td class='code'><pre>"
            "def f(x):\n    return x</pre></td></tr></table><table><tr><td class='gutter'><pre>1</pre></td><td><pre>"
            "<span class='linenos'>1</span>print(7)</pre></td></tr></table>",
            "def f(x):\n    return x\n\nprint(7)",
        ),
        (
            "<ul><li class='task-list-item'><input type=checkbox disabled checked> Oil it</li>"
            "<li><p><input type=checkbox disabled> Sell it</p></li>"
            "<li><label><input type=checkbox> Red</label></li></ul>",
            "- [x] Oil it\n- [ ] Sell it\n- Red",
        ),
        ("<ul><li>One<li>Two</ul>", "- One\n- Two"),
        (
            "<dl><dt>Code 7</dt><dd>Low water</dd><dt>Code 8</dt><dd>No water</dd></dl>",
            "Code 7\nLow water\n\nCode 8\nNo water",
        ),
        (
            "<p>CO<sub>2</sub>, 10<sup>−9</sup> m<sup>2</sup>, x<sup>ab</sup>, the 19<sup>th</sup>",
            "CO₂, 10⁻⁹ m², x^ab, the 19th",
        ),
        (
            "<p>It hums<sup><a href='#n1'>1</a></sup> and<sup class='reference'>[2]</sup> sings",
            "It hums[1] and[2] sings",
        ),
        ("<p>He said <q>yes</q>.<p><math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>", "He said “yes”.\n\na/b"),
        (
            "<p>Let <math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>, "
            "<math><msup><mi>x</mi><mn>10</mn></msup></math>, <math><mroot><mi>x</mi><mn>3</mn></mroot></math>, "
            "<math><mi>sin</mi><mo>&#x2061;</mo><mi>x</mi></math>, "
            "<math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi></math>",
            "Let (a+b)/2, x¹⁰, ³√(x), sin x, ∑ᵢ₌₁ⁿi",
        ),
        (
            "<p><math><mo>(</mo><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd>"
            "<mtd><mn>4</mn></mtd></mtr></mtable><mo>)</mo></math> and "
            "<math><semantics><mover><mi>x</mi><mo>¯</mo></mover>"
            "<annotation>\\bar x</annotation></semantics></math>",
            "(1, 2; 3, 4) and x¯",
        ),
        (
            "<p>Flow <span><span style='display: none;'><math><mi>Q</mi><mo>=</mo><msqrt><mn>2</mn><mi>g</mi></msqrt>"
            "</math></span><img aria-hidden=true alt='{Q=\\sqrt {2g}}' src=x></span> is high.",
            "Flow Q=√(2g) is high.",
        ),
        ("<p>See <img alt='a red valve' src=x><img alt='x.png' src=y>", "See a red valve"),
        ("<figure><img alt='A valve'><figcaption>A valve</figcaption></figure>", "A valve"),
        ("<svg><title>t</title><text>Pump</text><text>Tank</text></svg>", "Pump Tank"),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp>字<rt>じ</rt></ruby>です", "漢字です"),
    ],
)
def test_numbers_raised_letters_and_descriptions_are_kept(write: Write, page: str, text: str) -> None:
    assert read_document(write("a.html", page)).text == text


def test_wide_spans_cost_little(write: Write) -> None:
    page = "<table>" + "<tr><td colspan=1000 rowspan=65534>a</td><td>b</td></tr>" * 200 + "</table>"
    begun = time.process_time()
    read_document(write("a.html", page * 5))
    assert time.process_time() - begun < 10


def test_terms_that_are_described_in_sentences_are_titles(write: Write) -> None:
    page = (
        "<h1>Pumps</h1><dl><dt>Kelu</dt><dd><p>The Kelu pump lifts water from the low basin into the high one; on a "
        "dry day it lifts twice as much as two others do.</p></dd><dt>Moru</dt><dd>It rests.</dd></dl>"
        "<h1>Paint</h1><dl><dt>Colour</dt><dd>Red</dd></dl>"
    )
    assert labels(read_document(write("pumps.html", page))) == ["Pumps", "Pumps > Kelu", "Pumps > Moru", "Paint"]


@pytest.mark.parametrize(
    "heading",
    [
        '<h2 id="a">Install <a href="#a">¶</a></h2>',
        '<h2 id="a"><a href="#a">#</a> Install</h2>',
        '<h2><a href="#a">§</a><span id="a">Install</span></h2>',
        '<h2 id="a">Install<a href="#a"> 🔗 </a></h2>',
        '<h2 id="a">Install <a href="#a">Permanent link</a></h2>',
        '<h2 id="a">Install <a class="anchor" href="page.html#a">¶ Link to this heading</a></h2>',
        '<h2>Install <a class="permalink" href="/posts/install">#</a></h2>',
        '<h2>Install <a class="header-anchor" href="#gone">\uf0c1</a></h2>',
        '<h2 id="a">Install <a class="anchor" aria-hidden="true" href="#a">#</a></h2>',
        '<section id="a"><div><h2>Install <a href="#a">¶</a></h2></div></section>',
        '<a name="a"></a> <h2>Install <a href="#a">¶</a></h2>',
        '<dl><dt id="a">Install <a href="#a">¶</a></dt></dl>',
    ],
)
def test_the_link_of_a_heading_to_itself_is_no_text(write: Write, heading: str) -> None:
    document = read_document(write("a.html", f"{heading}<p>Run the file.</p>"))
    assert document.text.replace("\n\n", "\n") == "Install\nRun the file."
    assert all(label == "Install" for label in labels(document))
    assert document.left_out == ()


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("<h2>C# basics</h2>", "C# basics"),
        ("<h2>§ 3 ¶ 2</h2>", "§ 3 ¶ 2"),
        ('<h2 id="c"><a class="anchor" href="#c">C# basics</a></h2>', "C# basics"),
        ('<h2 id="a"><a href="#a">Link</a></h2>', "Link"),
        ('<h2>Prices <a href="#note">*</a></h2>', "Prices *"),
        ('<h2 id="a">The <a href="#a">anchor</a> <a href="#b">chain</a></h2>', "The anchor chain"),
        ('<h2 id="a">The weakest <a href="#b">link</a></h2>', "The weakest link"),
    ],
)
def test_signs_and_links_that_are_words_of_a_heading_stay(write: Write, heading: str, title: str) -> None:
    assert labels(read_document(write("a.html", f"{heading}<p>Run the file.</p>"))) == [title]


@pytest.mark.parametrize("mode", ['shadowrootmode="open"', 'shadowmode="closed" delegatesfocus'])
def test_what_a_component_shows_is_text_and_its_templates_are_not(write: Write, mode: str) -> None:
    page = (
        f"<p>The <my-note><template {mode}><style>p {{}}</style>code is <b>991</b><template>no text</template> "
        "</template>today</my-note>.</p><template><p>A row to copy.</p></template>"
    )
    assert read_document(write("a.html", page)).text == "The code is 991 today."


@pytest.mark.parametrize(
    "address",
    [
        "https://www.google.com/url?q=https://brim.org/a%3Fb%3D1&amp;sa=D&amp;source=editors&amp;usg=AOvVaw",
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fbrim.org%2Fa%3Fb%3D1&amp;data=05%7C01%7C",
    ],
)
def test_a_link_that_leads_elsewhere_keeps_the_address_where_it_ends(write: Write, address: str) -> None:
    page = f"<p>See <a href='{address}'>the rules</a>.</p>"
    assert read_document(write("a.html", page)).text == "See the rules (https://brim.org/a?b=1)."
