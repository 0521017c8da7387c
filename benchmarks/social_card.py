"""The picture that other sites show beside a link to the page: `python -m benchmarks.social_card [FILE]` draws it.

Title and sentence are the page's own, and so are the colours of the four ways of answering.
"""

import argparse
from collections.abc import Sequence
from html import escape
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.first_minute import CHROMIUM
from playground.chat.turns import BASE, BOTH, RAG, TUNED
from playground.ui.shared.http.social_card import CARD, SIZE
from playground.ui.shared.i18n import say
from playground.ui.shared.theme import css

ARMS = {BASE: (78, 92, 40), RAG: (92, 60), TUNED: (84, 96, 70), BOTH: (96, 88, 52)}  # the widths of the lines drawn, %
STYLE = """
body { margin: 0; width: 1200px; height: 630px; box-sizing: border-box; padding: 64px 64px 56px; display: flex;
  flex-direction: column; background: #f8fafc; color: #1e293b; font-family: "DejaVu Sans", sans-serif; }
h1 { font-size: 68px; margin: 0 0 18px; }
p { font-size: 29px; line-height: 1.42; margin: 0; color: #475569; }
.arms { display: grid; grid-template-columns: repeat(4, 1fr); gap: 22px; margin-top: auto; }
.arm { background: white; border: 1px solid #cbd5e1; border-top: 10px solid; border-radius: 10px; padding: 18px 20px; }
.arm b { display: block; font-size: 21px; height: 62px; }
.arm i { display: block; height: 13px; border-radius: 6px; background: #e2e8f0; margin-top: 13px; }
"""


def card_html() -> str:
    """The card as a page of SIZE."""
    title, _, sentence = say("en", "page.heading").removeprefix("# ").partition("\n")
    panes = "".join(_pane(arm, widths) for arm, widths in ARMS.items())
    body = f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p><div class='arms'>{panes}</div>"
    return f"<!doctype html><meta charset='utf-8'><style>{css()}{STYLE}</style><body>{body}</body>"


def _pane(arm: str, widths: Sequence[int]) -> str:
    name, lines = say("en", f"exam.arm.{arm}"), "".join(f"<i style='width:{width}%'></i>" for width in widths)
    return f"<div class='arm' style='border-top-color:var(--arm-{arm})'><b>{escape(name)}</b>{lines}</div>"


def main(words: Sequence[str] | None = None) -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=CARD)
    asked = parser.parse_args(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.set_content(card_html())
        page.screenshot(path=asked.file)
        browser.close()


if __name__ == "__main__":
    main()
