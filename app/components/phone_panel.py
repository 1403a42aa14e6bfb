"""The panel that opens the studio to a phone in the same network, and closes it again."""

from typing import Any

import gradio as gr
import segno

from app import text_phone as text
from app.components.widget import widget
from app.lan import Door, Lan, addresses
from sdpo_core.errors import SdpoError

_QR_SCALE = 6


def phone_panel(lan: Lan) -> gr.HTML:
    """The button, and once pressed the code to scan, the address and the password."""

    def look(_: Any = None) -> dict[str, Any]:
        return {"ok": True, "addresses": addresses(), "door": _shown(lan.door)}

    def turn(message: Any) -> dict[str, Any]:
        if not isinstance(message, dict) or not isinstance(message.get("address", ""), str):
            return {"ok": False, "error": text.UNEXPECTED}
        try:
            if message.get("on"):
                lan.open(message.get("address") or None)
            else:
                lan.close()
        except SdpoError as error:
            return {**look(), "ok": False, "error": str(error)}
        return look()

    return widget(
        "phone.js",
        role="sdpo-phone",
        elem_id="phone",
        strings=text.PHONE,
        server={"look": look, "turn": turn},
    )


def _shown(door: Door | None) -> dict[str, str] | None:
    if door is None:
        return None
    code = segno.make(door.link, error="m").svg_data_uri(scale=_QR_SCALE, border=3, dark="#1d1c19", light="#ffffff")
    return {"url": door.url, "password": door.password, "code": code}
