#!/usr/bin/env bash
# Gradio 6.31: `position: sticky` on a component of a page never sticks.
# Guess: a button with `position: sticky; bottom: 0` stays at the window's lower edge while a long page scrolls, since
# nothing between it and the page scrolls. Seen: `.gradio-container` has `overflow: hidden`, so it counts as the box that
# scrolls, and it never does: the button is 2,400 px down, out of sight. With `overflow: clip` there, it sticks.
# Needs a Chromium or Chrome on the PATH. Exits non-zero when that changes.
set -euo pipefail
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "gradio==6.31.0" "playwright==1.65.2"
"$folder/venv/bin/python" - "$browser" <<'PY'
import sys

import gradio as gr
from playwright.sync_api import sync_playwright

STICKY = "#bar { position: sticky; bottom: 0; }"


def bottom_of_the_button(css: str) -> float:
    """In pixels from the window's upper edge, which is 600 px above its lower one."""
    with gr.Blocks() as demo:
        gr.HTML("<div style='height: 2400px'>a long form</div>")
        gr.Button("Go", elem_id="bar")
    _, url, _ = demo.launch(css=css, prevent_thread_lock=True, quiet=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=sys.argv[1], args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 800, "height": 600})
        page.goto(url)
        box = page.locator("#bar").bounding_box()
        chromium.close()
    demo.close()
    return box["y"] + box["height"]


print("gradio", gr.__version__)
plain = bottom_of_the_button(STICKY)
clipped = bottom_of_the_button(STICKY + " .gradio-container { overflow: clip !important; }")
print(f"sticky alone: the button ends at {plain:.0f} px of a window of 600")
print(f"with overflow: clip on .gradio-container: at {clipped:.0f} px")
assert plain > 600, "it sticks now"
assert clipped <= 600
PY
