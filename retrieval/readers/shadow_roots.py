"""Opens the shadow roots of a page: what browsers and savers of pages write as templates, and a person sees as text."""

import re
from collections.abc import Callable

TAG = "shadow-root"  # which no browser knows, so that it breaks no paragraph
_TEMPLATE = re.compile(r"<(/?)template\b([^<>]*)>", re.IGNORECASE)
_SHOWN = re.compile(r"\bshadow(?:root)?mode\s*=", re.IGNORECASE)


def with_shadow_roots(page: str) -> str:
    """The page with an element in place of each template that a browser shows; other templates stay as they are."""
    return _TEMPLATE.sub(_opener(), page) if _SHOWN.search(page) else page


def _opener() -> Callable[[re.Match[str]], str]:
    shown: list[bool] = []  # for each open template

    def replaced(tag: re.Match[str]) -> str:
        if not tag[1]:
            shown.append(bool(_SHOWN.search(tag[2])))
            return f"<{TAG}>" if shown[-1] else tag[0]
        return f"</{TAG}>" if shown and shown.pop() else tag[0]

    return replaced
