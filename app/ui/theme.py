"""How the studio looks: warm paper and ink, one teal for what can be pressed; light and dark. Styles are the rooms'."""

import gradio as gr

from app.ui.assets import FROM_PAGE, ROOMS, SCRIPTS

STYLES = sorted(ROOMS.glob("*/*.css"), key=lambda path: path.name)  # the number says the order

# All of them while Gradio's own scripts are on their way: a widget that is first shown later needs no network for it.
_MODULES = "\n".join(f'<link rel="modulepreload" href="{SCRIPTS.address(name)}">' for name in SCRIPTS.names)
_FONT = f"{FROM_PAGE}/vendor/inter/inter-latin-wght-normal.woff2"
HEAD = f"""
<link rel="preload" href="{_FONT}" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="{FROM_PAGE}/vendor/uplot/uPlot.min.css">
{_MODULES}
<meta name="color-scheme" content="light dark">
<script>
try {{
  const theme = localStorage.getItem("sdpo.theme");
  if (theme) document.body.classList.toggle("dark", theme === "dark");
}} catch {{}}
</script>
"""

_TEAL = gr.themes.Color(
    "#effaf8",
    "#d3f1ec",
    "#a5e2d9",
    "#6dccbf",
    "#3cb0a2",
    "#1f9487",
    "#0f766c",
    "#0d625a",
    "#0d4e48",
    "#0b403c",
    "#042522",
)
_INK = gr.themes.Color(
    "#f8f7f4",
    "#f1efea",
    "#e3e0d8",
    "#cbc7bc",
    "#9d988b",
    "#767164",
    "#5c584d",
    "#46433b",
    "#2b2925",
    "#1d1c19",
    "#131211",
)


def theme() -> gr.themes.Base:
    """The theme; every own widget uses its variables, so dark comes free."""
    base = gr.themes.Base(
        primary_hue=_TEAL,
        neutral_hue=_INK,
        font=["Inter", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="#ffffff",
        block_background_fill_dark="*neutral_900",
        block_border_width="0px",
        block_shadow="none",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_weight="600",
        block_title_text_color="*neutral_900",
        block_title_text_color_dark="*neutral_100",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*primary_950",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_950",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="*primary_950",
        button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_hover="*neutral_200",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_text_color="*neutral_900",
        button_secondary_text_color_dark="*neutral_100",
        button_transition="background-color 120ms ease",
    )
