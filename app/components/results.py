"""What the person gets to see at the end: the images, the verdict, the adapters."""

import json
from typing import Any

import gradio as gr

from app import text
from app.components.widget import widget
from app.studio import AdapterCard, Studio
from sdpo_core.errors import SdpoError
from sdpo_core.evaluation.judge import Verdict


def image_grid(studio: Studio) -> gr.HTML:
    """The newest images; it grows while a job draws."""

    def newest(_: Any) -> dict[str, Any]:
        try:
            return {"images": studio.newest_images()}
        except SdpoError as error:  # the bar says so too, and the grid asks again
            return {"error": str(error)}

    return widget(
        "image_grid.js", role="sdpo-grid", elem_id="image-grid", strings=text.GALLERY, server={"newest": newest}
    )


def verdict_card() -> gr.HTML:
    """The verdict of a blind test; its value is made by `verdict_value`."""
    return widget("verdict_card.js", role="sdpo-verdict", elem_id="verdict-card", strings=text.VERDICT, value="")


def adapter_list() -> gr.HTML:
    """One card per adapter; its value is made by `adapters_value`."""
    return widget("adapter_list.js", role="sdpo-adapters", elem_id="adapter-list", strings=text.ADAPTERS, value="[]")


def verdict_value(verdict: Verdict | None) -> str:
    """A verdict for `verdict_card`; None hides it."""
    if verdict is None:
        return ""
    counts = text.VERDICT["counts"].format(wins=verdict.wins, losses=verdict.losses, ties=verdict.ties)
    interval = text.VERDICT["interval"].format(low=f"{verdict.low:.0%}", high=f"{verdict.high:.0%}")
    shown = {"sentence": verdict.sentence, "low": verdict.low, "high": verdict.high, "win_rate": verdict.win_rate}
    return json.dumps({**shown, "counts": counts, "interval": interval.replace("%", " %").replace("95  %", "95 %")})


def adapters_value(cards: list[AdapterCard]) -> str:
    """Adapters for `adapter_list`."""
    return json.dumps(
        [
            {
                "name": card.record.name,
                "base": card.base,
                "trained_on": card.trained_on,
                "made": f"{card.record.created_at.astimezone():%d %b %Y, %H:%M}",
                "verdict": card.verdict,
                "note": card.note,
                "problem": card.problem,
                "path": str(card.path),
                "preview": f"/sdpo/adapter/{card.record.id}/preview" if card.has_preview else None,
                "download": f"/sdpo/adapter/{card.record.id}",
            }
            for card in cards
        ],
        ensure_ascii=False,
    )
