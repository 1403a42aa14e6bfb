"""The panel that opens the studio to a phone in the same network, and closes it again."""

from typing import Any

import gradio as gr
import segno
from pydantic import BaseModel, ConfigDict, Field

from app.home import text
from app.server.lan import Door, Lan, addresses
from app.ui.replies import Json, answered
from app.ui.widget import widget

_QR_SCALE = 6


class DoorWish(BaseModel):
    """Open the door, at an address or at the first one, or close it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: bool
    address: str = Field(default="", max_length=80)


def phone_panel(lan: Lan) -> gr.HTML:
    """The button, and once pressed the code to scan, the address and the password."""

    def look(_: Any = None) -> Json:
        return {"ok": True, "addresses": addresses(), "door": _shown(lan.door)}

    def turn(message: Any) -> Json:
        def act() -> Json:
            wish = DoorWish.model_validate(message)
            if wish.on:
                lan.open(wish.address or None)
            else:
                lan.close()
            return look()

        return answered(act)

    return widget(
        "home/phone.js",
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
