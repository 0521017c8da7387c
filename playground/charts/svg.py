"""SVG primitives of all charts: a picture with its description, escaped text and short numbers.

Knows no kind of chart. The marks carry CSS classes; `charts.css` gives them colours from the page's variables.
"""

from html import escape
from pathlib import Path


def svg_image(kind: str, width: float, height: float, title: str, description: str, body: str) -> str:
    """An `<svg>` of this size, of the CSS class `kind`; a screen reader reads the title and the description."""
    head = f'<svg class="drawing {kind}" role="img" viewBox="0 0 {format_length(width)} {format_length(height)}">'
    return f"{head}<title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>"


def svg_text(x: float, y: float, content: str, css_class: str = "") -> str:
    """One line of escaped text whose baseline is at y."""
    kind = f' class="{escape(css_class)}"' if css_class else ""
    return f'<text{kind} x="{format_length(x)}" y="{format_length(y)}">{escape(content)}</text>'


def svg_rect(css_class: str, x: float, y: float, width: float, height: float) -> str:
    """A rectangle whose colour comes from its CSS class."""
    corner = f'x="{format_length(x)}" y="{format_length(y)}"'
    return (
        f'<rect class="{escape(css_class)}" {corner} width="{format_length(width)}" height="{format_length(height)}"/>'
    )


def format_length(number: float) -> str:
    """A length with at most one decimal."""
    return f"{round(number, 1):g}"


def stylesheet() -> str:
    """The CSS rules of all charts; whoever shows one defines the variables that they name."""
    return (Path(__file__).parent / "charts.css").read_text(encoding="utf-8")
