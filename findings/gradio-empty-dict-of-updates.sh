#!/usr/bin/env bash
# Gradio 6.31: a handler whose outputs may be given as a dictionary may not give an empty one.
# Guess: a dictionary names the components to change, so {} changes none (as gr.skip() does). Seen: a dictionary with
# one of two outputs is accepted and leaves the other alone; {} raises "didn't return enough output values".
# Exits non-zero when that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "gradio==6.31.0"
"$folder/venv/bin/python" - <<'PY'
import asyncio

import gradio as gr

with gr.Blocks() as demo:
    first, second = gr.Textbox(), gr.Textbox()
    button = gr.Button()
    button.click(lambda: {first: "new"}, None, [first, second])
    button.click(lambda: {}, None, [first, second])

async def call(number: int):
    return (await demo.process_api(demo.fns[number], inputs=[], state=None))["data"]

numbers = sorted(demo.fns)
print("gradio", gr.__version__)
print("{first: 'new'} ->", asyncio.run(call(numbers[0])))
try:
    print("{} ->", asyncio.run(call(numbers[1])))
except ValueError as error:
    print("{} -> ValueError:", str(error).strip().splitlines()[0])
    assert "enough output values" in str(error)
else:
    raise SystemExit("an empty dictionary is accepted now")
PY
