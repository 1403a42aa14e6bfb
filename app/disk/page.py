"""Disk: what everything takes, what can go, the trash, and copies of the votes."""

from app.disk.service import Housekeeping
from app.disk.text import say
from app.ui.page import Page
from app.ui.widget import widget


def build(house: Housekeeping) -> Page:
    """The page; its widget does everything itself."""
    widget(
        "disk/disk.js",
        role="sdpo-disk",
        elem_id="disk",
        strings=say.rows("disk"),
        server={
            "house": house.snapshot,
            "preview": house.preview,
            "preview_restore": house.preview_restore,
            "clear": house.clear,
            "put_back": house.restore_entry,
            "restore": house.restore,
        },
    )
    return Page()
