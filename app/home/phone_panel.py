"""The panel that opens the studio to a phone in the same network, and closes it again."""

from typing import Any

import gradio as gr
import segno

from app.home.messages import DoorState, DoorWish, OpenDoor
from app.home.text import say
from app.server.lan import Door, Lan, addresses
from app.ui.replies import Reply, Sent, answered, answered_to
from app.ui.widget import widget

_QR_SCALE = 6


def phone_panel(lan: Lan) -> gr.HTML:
    """The button, and once pressed the code to scan, the address and the password."""

    def state() -> DoorState:
        return {"addresses": addresses(), "door": _shown(lan.door)}

    def turned(wish: DoorWish) -> DoorState:
        if wish.on:
            lan.open(wish.address or None)
        else:
            lan.close()
        return state()

    def look(_: Any = None) -> Reply[DoorState]:
        return answered(state)

    def turn(message: Sent[DoorWish]) -> Reply[DoorState]:
        return answered_to(DoorWish, message, turned)

    return widget(
        "home/phone.js",
        role="sdpo-phone",
        elem_id="phone",
        strings=say.rows("phone"),
        server={"look": look, "turn": turn},
    )


def _shown(door: Door | None) -> OpenDoor | None:
    if door is None:
        return None
    code = segno.make(door.link, error="m").svg_data_uri(scale=_QR_SCALE, border=3, dark="#1d1c19", light="#ffffff")
    return {"url": door.url, "password": door.password, "code": code}
