"""How the page looks: colours that pass AA on light and dark, fonts of the visitor's own machine, nothing fetched."""

from pathlib import Path

import gradio as gr

from playground.charts.svg import stylesheet

SANS = ("ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "sans-serif")
FAVICON = Path(__file__).parent / "favicon.png"  # two ways to answer, and both together
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> gr.Theme:
    """A quiet theme: grey ground, one warm accent."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.orange,
        secondary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_md,
        font=SANS,
        font_mono=MONO,
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        link_text_color_dark="*secondary_300",
        link_text_color_visited_dark="*secondary_300",
        link_text_color_hover_dark="*secondary_200",
        link_text_color_active_dark="*secondary_200",
        button_primary_background_fill="#b45309",
        button_primary_background_fill_hover="#92400e",
        button_primary_background_fill_dark="#b45309",
        button_primary_background_fill_hover_dark="#d97706",
        button_cancel_background_fill="#b91c1c",
        button_cancel_background_fill_hover="#991b1b",
        button_cancel_background_fill_dark="#b91c1c",
        button_cancel_background_fill_hover_dark="#991b1b",
        button_cancel_text_color="white",
        button_cancel_text_color_dark="white",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
    )


def css() -> str:
    """The page's own style sheet and that of the charts."""
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8") + stylesheet()
