"""The verdict of a blind test."""

import json

import gradio as gr

from app.judge.messages import ShownVerdict
from app.judge.service import Judging
from app.judge.text import say
from app.ui.widget import widget


def verdict_card(judging: Judging) -> gr.HTML:
    """The verdict, its prompts and rounds; its value is made by `verdict_value`."""
    return widget(
        "judge/verdict_card.js",
        role="sdpo-verdict",
        elem_id="verdict-card",
        strings=say.rows("verdict"),
        server={"let_train": judging.let_train},
        value="",
    )


def verdict_value(shown: ShownVerdict | None) -> str:
    """What `Judging.shown` tells, for `verdict_card`; None hides it."""
    return json.dumps(shown, ensure_ascii=False) if shown else ""
