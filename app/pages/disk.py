"""Disk: what everything takes, what can go, the trash, and copies of the votes."""

from app import text_home as text
from app.components.widget import widget
from app.housekeeping import Housekeeping
from app.pages.common import Context, Page


def build(context: Context) -> Page:
    """The page; its widget does everything itself."""
    house = Housekeeping(context.studio)
    widget(
        "disk.js",
        role="sdpo-disk",
        elem_id="disk",
        strings=text.DISK,
        server={
            "house": house.snapshot,
            "preview": house.preview,
            "preview_restore": house.preview_restore,
            "clear": house.clear,
            "put_back": house.put_back,
            "restore": house.restore,
        },
    )
    return Page()
