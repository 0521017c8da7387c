"""Tells which elements of a page are not part of its text: menus, banners, footers, controls, hidden parts.

A part is left out by what it is (`nav`, `select`) or by a name or place that its content confirms (a "menu" that is
mostly links). Where that would leave no sentence, the guesses are dropped and the whole page is text.
"""

import re
from collections.abc import Iterator
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.readers.html_site import site_parts
from retrieval.readers.permalinks import TITLES, permalinks

SILENT = ""  # kind of what no person can see on any page; it is not counted
MENU, COOKIES, FOOTER, HEADER, SIDEBAR = "Menus", "Cookie banners", "Page footers", "Page headers", "Sidebars"
CONTROL, HIDDEN, STRUCK = "Form controls", "Hidden parts", "Struck-out parts"
NO_SCRIPTS = "Texts for browsers without scripts"
READING, PAGE_NUMBERS = "Readings of characters", "Page numbers"
_CERTAIN = {
    "script, style, template, head, datalist, canvas, iframe, object, audio, video, rp, .headerlink, "
    "svg symbol, svg defs, svg style, .mw-editsection, .mw-jump-link, .mw-cite-backlink, "
    ".footnote-backref, .footnote-back, [role=doc-backlink], [data-footnote-backref], .viewcode-link, "
    "td.linenos, span.linenos, .linenodiv, .lineno, td.gutter": SILENT,
    "nav, [role=navigation], [role=search], [role=menubar], .toc, .navheader, .navfooter, .mw-portlet, .catlinks": MENU,
    ".printfooter": FOOTER,
    "#siteSub": HEADER,
    "select, textarea": CONTROL,
    "del, s, strike": STRUCK,
    "rt": READING,
}
# Where a printed page began. An element that closes itself would hold all behind it, so its text has to be a number.
_PAGE_BREAKS = ".pagenum, .pageno, .pagebreak, [role=doc-pagebreak], [epub\\:type~=pagebreak]"
_PAGE_NUMBER = re.compile(r"\W*(?:(?:page|pg|p|s|seite|trang)\b\.?)?\s*(?:\d{1,4}|[ivxlc]{1,7})\W*", re.I)
HEADING_TAGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_MAIN = frozenset(("main", "article"))
_INLINE = frozenset("span i b em strong a abbr small sup sub u svg img label code kbd".split())
_TOGGLE = re.compile(r"accordion|collaps|toggle|faq|question|expand|disclosure|tab\b", re.I)
_CONTENTS_NAME = re.compile(r"\btoc|table-?of-?contents", re.I)
_COOKIE_NAME = re.compile(
    r"cookie[\w-]*(?:banner|consent|notice|bar\b|popup|law|modal|message|overlay|wall|dialog|warning|alert|info)|"
    r"(?:banner|consent|notice|popup|modal|accept)[\w-]*cookie|cookieconsent|\bgdpr|\bccpa|onetrust|cookiebot|"
    r"\bcc-(?:window|banner)|\bcky-|\bosano|didomi|qc-cmp|truste|usercentrics|\bconsent\b|privacy-(?:banner|notice)",
    re.I,
)
_COOKIE_WORDS = re.compile(r"cookie|クッキー|kex|consent|privacy|datenschutz|confidentialité|privacidad|riêng tư", re.I)
_COOKIE_TEXT = re.compile(
    r"\buses? (?:\w+ )?cookies|accept (?:all )?(?:\w+ )?cookies|cookie (?:policy|settings|preferences)|"
    r"(?:sử dụng|dùng) (?:các )?cookie|verwende\w* .{0,30}cookies|utilis\w+ (?:des|les) cookies|"
    r"(?:utiliza|usa)(?:mos)? cookies|utilizziamo (?:i )?cookie|používá\w* .{0,20}cookies|クッキーを使用",
    re.I,
)
_MENU_NAME = re.compile(
    r"^(?:(?:main|top|site|side|sub|primary|secondary|footer|header|mobile|global|user|lang\w*|dropdown)?[-_]?"
    r"(?:nav|navbar|navigation|menu|menubar|navi|links)|breadcrumbs?|pagination|pager|skip-?(?:link|nav|to-content)s?|"
    r"toolbar|share\w*|social\w*|(?:nav|menu|navbar|social|share|skip|breadcrumb)[-_][\w-]+)$",
    re.I,
)
_FOOTER_NAME = re.compile(
    r"^(?:(?:site|page|main|global)[-_]?footer|footer(?:[-_](?:wrapper|container|inner|content|bottom|area|widgets?))?|"
    r"colophon|copyright)$",
    re.I,
)
_HEADER_NAME = re.compile(r"^(?:(?:site|main|global)[-_]?header|masthead|top-?bar)$", re.I)
_SIDEBAR_NAME = re.compile(
    r"^(?:side-?bar(?:[-_][\w-]+)?|widget-area|related(?:[-_][\w-]+)?|newsletter[\w-]*|subscribe[\w-]*|promo|"
    r"advert\w*|ads?|sponsored|recommended)$",
    re.I,
)
_NEWSLETTER = re.compile(r"newsletter|subscribe|abonnieren|suscríb|s'abonner|iscriviti|đăng ký (?:nhận|bản) tin", re.I)
_COPYRIGHT = re.compile(r"^\W*(?:©|\(c\)|copyright\b|all rights reserved)", re.I)
_HIDING_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
CANDIDATES = 2_000  # elements whose names are looked at; each takes time with the text below it
SENTENCE_CHARS = 15
_LETTERS = re.compile(r"\S")


def parts_left_out(tree: LexborHTMLParser) -> dict[int, str]:
    """The kind of every part that is not text, by the `mem_id` of its element."""
    certain = {node.mem_id: kind for selector, kind in _CERTAIN.items() for node in tree.css(selector)}
    for node in tree.css("noscript"):
        certain.setdefault(node.mem_id, NO_SCRIPTS)
    certain |= {node.mem_id: CONTROL for node in tree.css("button") if not _is_title(node)}
    certain |= {node.mem_id: PAGE_NUMBERS for node in tree.css(_PAGE_BREAKS) if _PAGE_NUMBER.fullmatch(_text(node))}
    certain |= dict(_hidden(tree))
    certain |= dict.fromkeys(permalinks(tree), SILENT)
    for part, kind in site_parts(tree):
        certain.setdefault(part, kind)
    guessed = dict(_guessed(tree, certain))
    both = {**guessed, **certain}
    return both if not guessed or _holds_a_sentence(tree, both) else certain


def is_toggle(node: LexborNode) -> bool:
    """Whether an element outside a heading opens and closes the part behind it, so that its words are a title."""
    if node.tag == "summary":
        return not node.css(", ".join(HEADING_TAGS))
    values = node.attributes
    names = f"{values.get('class') or ''} {values.get('id') or ''}"
    named = _TOGGLE.search(names) and not _CONTENTS_NAME.search(names)
    opens = any(key in values for key in ("aria-controls", "aria-expanded", "data-toggle", "data-bs-toggle"))
    acts = node.tag == "button" or values.get("role") == "button"
    return bool(acts and (named or opens) and not _above(node, TITLES))


def _is_title(button: LexborNode) -> bool:
    """Whether a button's words are text: in a heading, a tab's name, or the opener of a panel."""
    return button.attributes.get("role") == "tab" or is_toggle(button) or _above(button, TITLES) is not None


def _above(node: LexborNode, tags: frozenset[str] | tuple[str, ...]) -> LexborNode | None:
    """The nearest element above of one of these tags."""
    above = node.parent
    while above is not None and above.tag not in tags:
        above = above.parent
    return above


def _text(node: LexborNode) -> str:
    return " ".join(node.text(separator=" ").split())


# Hidden parts


def _hidden(tree: LexborHTMLParser) -> Iterator[tuple[int, str]]:
    """Hidden elements that nothing on the page opens, or that say what is visible beside them."""
    opened = _opened(tree)
    nodes = tree.css('[hidden], [aria-hidden="true"], [style*="none"], [style*="hidden"]')
    for node in islice(nodes, CANDIDATES):
        values = node.attributes
        styled = _HIDING_STYLE.search(values.get("style") or "")
        if not (styled or "hidden" in values or values.get("aria-hidden") == "true"):
            continue
        if _is_spoken_formula(node):
            continue
        if node.tag in _INLINE or node.tag in ("input", "body", "html") or not _is_panel(node, opened):
            if node.tag not in ("body", "html"):
                yield node.mem_id, HIDDEN


def _is_spoken_formula(node: LexborNode) -> bool:
    """Whether a hidden element is a formula for screen readers, beside a picture of it that has no text."""
    first = node.child
    while first is not None and first.tag == "-text":
        first = first.next
    return node.tag == "span" and first is not None and first.tag == "math"


def _opened(tree: LexborHTMLParser) -> set[str]:
    """The ids of all elements that a control or a link of the page names."""
    ids: set[str] = set()
    keys = ("aria-controls", "data-target", "data-bs-target", "href", "for", "aria-owns")
    selector = ", ".join(f"[{key}]" for key in keys if key != "href") + ', [href^="#"]'
    for node in tree.css(selector):
        for key in keys:
            ids.update(value.lstrip("#") for value in (node.attributes.get(key) or "").split())
    return ids


def _is_panel(node: LexborNode, opened: set[str]) -> bool:
    """Whether a person can open a hidden element: a control names it, it is a tab's panel, or follows its title."""
    values = node.attributes
    if (
        values.get("hidden") == "until-found"
        or values.get("id") in opened
        or values.get("role") == "tabpanel"
        or "aria-labelledby" in values
    ):
        return True
    if node.parent is None or node.parent.tag in ("body", "main", "article") and not _follows_title(node):
        return False
    return _earlier_element(node) is not None


def _earlier_element(node: LexborNode) -> LexborNode | None:
    earlier = node.prev
    while earlier is not None and earlier.tag in ("-text", "-comment", "script", "style"):
        earlier = earlier.prev
    return earlier


def _follows_title(node: LexborNode) -> bool:
    earlier = _earlier_element(node)
    return earlier is not None and (earlier.tag in TITLES or earlier.tag == "button" or is_toggle(earlier))


# Parts recognised by their names, words and places


def _guessed(tree: LexborHTMLParser, certain: dict[int, str]) -> Iterator[tuple[int, str]]:
    whole = len(_text(tree.body)) if tree.body else 0
    structured = tree.css_first("main, article, [role=main]") is not None
    first_heading = tree.css_first("h1, h2")
    seen_heading = {node.mem_id for node in ([first_heading] if first_heading else [])}
    before_heading = True
    nodes = tree.css("header, footer, aside, ul, ol, h1, h2, p, [class], [id], [role], dialog")
    for node in islice(nodes, 10 * CANDIDATES):
        before_heading = before_heading and node.mem_id not in seen_heading
        if node.mem_id in certain or node.tag in ("html", "body", "main", "article"):
            continue
        kind = _kind(node, structured, before_heading, whole)
        if kind:
            yield node.mem_id, kind


def _kind(node: LexborNode, structured: bool, before_heading: bool, whole: int) -> str:
    """The kind of one part, or an empty string where it is text."""
    names = f"{node.attributes.get('class') or ''} {node.attributes.get('id') or ''}".split()
    role = node.attributes.get("role") or ""
    if kind := _cookie_kind(node, names, role):
        return kind
    within = _around(node)
    if _is_named(names, _MENU_NAME) and _link_share(node) >= 0.5 and not node.css("h1, h2"):
        return MENU
    if within is not None:
        return SIDEBAR if _is_named(names, _SIDEBAR_NAME) and (_link_share(node) >= 0.6 or _is_newsletter(node)) else ""
    if node.tag == "footer" or role == "contentinfo" or _is_named(names, _FOOTER_NAME):
        return FOOTER if len(_text(node)) <= max(300, whole // 2) and not node.css("h1") else ""
    if node.tag == "header" or role == "banner" or _is_named(names, _HEADER_NAME):
        return HEADER if not node.css("h1, h2, h3") and (_link_share(node) >= 0.5 or structured) else ""
    if node.tag == "aside" or role == "complementary" or _is_named(names, _SIDEBAR_NAME):
        return SIDEBAR if structured or _link_share(node) >= 0.6 or _is_newsletter(node) else ""
    if node.tag == "p" and _COPYRIGHT.match(text := _text(node)) and len(text) < 200:
        return FOOTER
    if node.tag in ("ul", "ol") and (structured or before_heading) and _is_link_list(node):
        return MENU
    return ""


def _around(node: LexborNode) -> LexborNode | None:
    """The main part of the page around an element; what stands in `main` beside its only article is outside."""
    within = _above(node, _MAIN)
    if within is None or within.tag == "article" or node.css_first("article") is not None:
        return within
    articles = within.css("article")
    return None if len(articles) == 1 and articles[0].css_first("h1") is not None else within


def _is_named(names: list[str], pattern: re.Pattern[str]) -> bool:
    return any(pattern.match(name) for name in names)


def _cookie_kind(node: LexborNode, names: list[str], role: str) -> str:
    """A banner that asks for consent to cookies, by its name and its words, or by its words and its buttons."""
    named = bool(_COOKIE_NAME.search(" ".join(names)))
    floats = role in ("dialog", "alertdialog", "alert", "region") or node.tag in ("dialog", "aside")
    if not (named or floats or node.tag == "p" or _is_named(names, re.compile(r"cookies?$|banner|notice|popup|bar$"))):
        return ""
    text = _text(node)
    if len(text) > 3_000 or not _COOKIE_WORDS.search(text) or node.css("h1, article, main"):
        return ""
    return COOKIES if named or (_COOKIE_TEXT.search(text) and _above(node, _MAIN) is None) else ""


def _is_newsletter(node: LexborNode) -> bool:
    text = _text(node)
    return len(text) <= 300 and bool(_NEWSLETTER.search(text))


def _link_share(node: LexborNode) -> float:
    """The share of an element's letters that stand in links and buttons."""
    letters = len(_LETTERS.findall(_text(node)))
    linked = sum(len(_LETTERS.findall(_text(link))) for link in node.css("a, button") if _above(link, ("a",)) is None)
    return linked / letters if letters else 1.0


def _is_link_list(node: LexborNode) -> bool:
    """Whether a list without a heading above holds short links only."""
    links = node.css("a")
    earlier = _earlier_element(node)
    titled = earlier is not None and earlier.tag in HEADING_TAGS
    return len(links) >= 2 and not titled and _link_share(node) >= 0.95 and len(_text(node)) <= 30 * len(links)


def _holds_a_sentence(tree: LexborHTMLParser, left_out: dict[int, str]) -> bool:
    """Whether something longer than a menu entry is left outside links."""
    stack: list[LexborNode | None] = [tree.body]
    while stack:
        node = stack.pop()
        if node is None:
            continue
        stack.append(node.next)
        if node.mem_id in left_out or node.tag in ("a", "button"):
            continue
        if node.tag == "-text" and len((node.text_content or "").strip()) >= SENTENCE_CHARS:
            return True
        stack.append(node.child)
    return False
