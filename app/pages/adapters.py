"""Adapters: what the votes became, where it lies, what is known about it, and what can be done with it."""

from typing import Any

import gradio as gr

from app import text_adapters as text
from app import text_comfy
from app.adapters import Adapters
from app.comfy_pack import ComfyPack
from app.components.results import adapter_list
from app.components.widget import widget
from app.pages.common import QUIET, Context, Page, Updates, Values

_OPEN = "() => document.getElementById('tab-%s-button')?.click()"


def build(context: Context) -> Page:
    """The page; its widget does nearly everything itself."""
    gr.Markdown(text.INTRO, elem_classes="page-intro")
    cards = adapter_list(Adapters(context.studio))
    start, judged = context.links["train-continue_from"], context.links["judge-adapter"]

    def known(event: gr.EventData) -> str | None:
        """The adapter that an event names; the page may have sent anything."""
        names = context.studio.adapter_names()
        data: Any = event._data  # pyright: ignore[reportPrivateUsage] - its attributes fail where there is no data
        wanted = data.get("name") if isinstance(data, dict) else None
        return wanted if wanted in names else None

    def round_two(_: Values, event: gr.EventData) -> Updates:
        return {start: gr.Dropdown(["", *context.studio.adapter_names()], value=known(event) or "")}

    def judge(_: Values, event: gr.EventData) -> Updates:
        return {judged: gr.Dropdown(context.studio.adapter_names(), value=known(event))}

    cards.round_two(round_two, set(), [start], **QUIET).then(None, js=_OPEN % "train")
    cards.judge(judge, set(), [judged], **QUIET).then(None, js=_OPEN % "judge")
    _comfy_pack(context)
    return Page()


def _comfy_pack(context: Context) -> None:
    """The studio's nodes in ComfyUI."""
    pack = ComfyPack(context.studio.projects.root)
    widget(
        "comfy_pack.js",
        role="sdpo-comfy",
        elem_id="comfy-pack",
        strings=text_comfy.COMFY,
        server={"look": pack.look, "act": pack.act},
    )
