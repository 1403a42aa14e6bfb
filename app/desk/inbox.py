"""Pairs and votes that come from ComfyUI while the studio is open, and those that came before it was."""

import threading
from collections.abc import Callable

from app.desk.desk import Desk
from sdpo_core.errors import SdpoError
from sdpo_core.exchange.inbox import InboxReport, import_inbox, is_waiting
from sdpo_core.workspace.store import Store

_EVERY_S = 2.0


def look(desk: Desk) -> InboxReport:
    """Import what is in the open project's inbox. Other projects' inboxes wait until those are opened."""
    workspace = desk.workspace
    if not is_waiting(workspace):
        return InboxReport()
    with Store(workspace) as store:  # not the studio's own: a person may go over to another project meanwhile
        return import_inbox(store)


def watch(desk: Desk, say: Callable[[str], None], stop: threading.Event) -> None:
    """Look again and again until `stop`; whatever is in the way is said once, and tried again."""
    said = ""
    while not stop.is_set():
        try:
            report = look(desk)
            told = report.sentence() if report else ""
        except SdpoError as error:
            told = str(error)
        if told and told != said:
            say(told)
        said = told
        stop.wait(_EVERY_S)
