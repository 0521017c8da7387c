"""A whole HTML page that runs no script and loads nothing; what its body holds must be escaped by the caller."""

from html import escape

from playground.charts.svg import stylesheet

STYLE = """
:root{--font:system-ui,sans-serif;--body-text-color:#111827;--body-text-color-subdued:#4b5563;--text-sm:.85rem;
--body-background-fill:#fff;--block-background-fill:#fff;--border-color-primary:#e5e7eb;
--arm-base:#7a8088;--arm-rag:#0072b2;--arm-tuned:#d55e00;--arm-both:#00825f;--arm-few_shot:#a6527c;--arm-gold:#4b5563}
body{font:16px/1.5 var(--font);max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--body-text-color);
background:var(--body-background-fill)}
pre{white-space:pre-wrap;background:#f3f4f6;padding:.75rem}
"""


def html_page(title: str, language: str, style: str, body: str) -> str:
    """The page with its title as a heading above `body`; `style` is added to that of all pages and pictures."""
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{stylesheet()}{STYLE}{style}</style></head><body>"
        f"<h1>{escape(title)}</h1>{body}</body></html>"
    )
