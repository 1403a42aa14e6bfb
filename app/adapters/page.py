"""Adapters: what the votes became, where it is, what is known about it, and what can be done with it."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.blocks import Block

from app.adapters.adapter_list import adapter_list
from app.adapters.comfy_pack import ComfyPack
from app.adapters.service import Adapters
from app.adapters.text import say
from app.desk.desk import Desk
from app.ui.page import QUIET, Page, Updates, Values
from app.ui.widget import widget

_OPEN = "() => document.getElementById('tab-%s-button')?.click()"


def build(
    desk: Desk,
    adapters: Adapters,
    begin_round: Callable[[str], Updates],
    round_fields: list[Block],
    judged: gr.Dropdown,
) -> Page:
    """The page; its widget does nearly everything itself.

    `begin_round` fills `round_fields` of the Generate page in for an adapter's name; `judged` is the field of Judge.
    """
    gr.Markdown(say("intro"), elem_classes="page-intro")
    cards = adapter_list(adapters)

    def known(event: gr.EventData) -> str | None:
        """The adapter that an event names; the page may have sent anything."""
        names = desk.adapters.names()
        data: Any = event._data  # pyright: ignore[reportPrivateUsage] - its attributes fail where there is no data
        wanted = data.get("name") if isinstance(data, dict) else None
        return wanted if wanted in names else None

    def next_round(_: Values, event: gr.EventData) -> Updates:
        name = known(event)
        return begin_round(name) if name else dict.fromkeys(round_fields, gr.skip())

    def judge(_: Values, event: gr.EventData) -> Updates:
        return {judged: gr.Dropdown(desk.adapters.names(), value=known(event))}

    cards.round_two(next_round, set(), round_fields, **QUIET).then(None, js=_OPEN % "generate")
    cards.judge(judge, set(), [judged], **QUIET).then(None, js=_OPEN % "judge")
    _comfy_pack(desk)
    return Page()


def _comfy_pack(desk: Desk) -> None:
    """The studio's nodes in ComfyUI."""
    pack = ComfyPack(desk.projects.root)
    widget(
        "adapters/comfy_pack.js",
        role="sdpo-comfy",
        elem_id="comfy-pack",
        strings=say.rows("comfyPack"),
        server={"look": pack.look, "act": pack.act},
    )
