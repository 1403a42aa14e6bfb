"""What the Disk page shows and does. Messages may be anything; replies are plain JSON; clearing waits for jobs."""

import contextlib
from collections.abc import Callable
from typing import Any

from app.desk.desk import Desk
from app.desk.machine import disk
from app.disk.messages import BackupCopy, Cleared, ClearingOffer, House, NameMessage, Part, Question, TrashEntry
from app.disk.text import say
from app.ui.replies import Reply, Said, Sent, answered, answered_to
from app.ui.words import moment, size
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.workspace import disk as housekeeping
from sdpo_core.workspace import restoring
from sdpo_core.workspace.backups import keep_daily_copy
from sdpo_core.workspace.disk import FINAL, Clearing, Kind, Share, require_kind
from sdpo_core.workspace.restoring import Backup, Voted
from sdpo_core.workspace.trash import Thrown, Trash

_SAMPLE = 24
_OF_PART: dict[str, tuple[Kind, ...]] = {
    "images": ("unvoted", "strays"),
    "checkpoints": ("checkpoints",),
    "runs": ("grids", "drawn"),
    "exports": ("exports",),
    "cache": ("cache",),
    "trash": ("trash",),
}


class Housekeeping:
    """Keeps the open project of a desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # ------------------------------------------------------------------------------------------------------ reading

    def snapshot(self, _: Any = None) -> Reply[House]:
        """What everything takes, what is in the trash, which copies there are."""
        return answered(self._house)

    def preview(self, message: Sent[NameMessage]) -> Reply[Question]:
        """What a kind of clearing would take away."""
        return answered_to(NameMessage, message, self._preview)

    def preview_restore(self, message: Sent[NameMessage]) -> Reply[Question]:
        """What going back to a copy would mean."""
        return answered_to(NameMessage, message, self._preview_restore)

    def _house(self) -> House:
        free = disk(self._desk.workspace).free_bytes  # first: it says when the workspace is gone
        shares = housekeeping.measure(self._desk.workspace)
        whole = sum(share.size_bytes for share in shares)
        return {
            "total": say("disk.total", size=size(whole), free=size(free)),
            "parts": [self._part(share, share.size_bytes / whole) for share in shares if share.size_bytes],
            "trash": self._trash(),
            "backups": self._backups(),
        }

    def _preview(self, wish: NameMessage) -> Question:
        kind = require_kind(wish.name)
        found = housekeeping.preview(self._desk.workspace, kind)
        return {
            "title": say(f"clearings.{kind}"),
            "sentence": _sentence(found),
            "button": say(f"clearButton.{kind}") if found.files else "",
            "images": [*found.images[:_SAMPLE]],
            "more": max(0, len(found.images) - _SAMPLE),
            "final": kind in FINAL,
        }

    def _preview_restore(self, wish: NameMessage) -> Question:
        backup = next((one for one in restoring.backups(self._desk.workspace) if one.name == wish.name), None)
        there = backup.voted if backup else Voted(0, 0)
        made = moment(backup.made_at) if backup else wish.name
        return {
            "title": say("disk.backups"),
            "sentence": say("restoreQuestion", made=made, there=_votes(there), now=_votes(self._voted())),
        }

    # ------------------------------------------------------------------------------------------------------ actions

    def clear(self, message: Sent[NameMessage]) -> Reply[Cleared]:
        """Take away what `preview` spoke of."""
        return answered_to(NameMessage, message, self._clear)

    def restore_entry(self, message: Sent[NameMessage]) -> Reply[Said]:
        """Undo a clearing."""
        return answered_to(NameMessage, message, self._restore_entry)

    def restore(self, message: Sent[NameMessage]) -> Reply[Said]:
        """Go back to a copy of the votes."""
        return answered_to(NameMessage, message, self._restore)

    def _clear(self, wish: NameMessage) -> Cleared:
        kind = require_kind(wish.name)
        self._require_calm()
        size_bytes = housekeeping.preview(self._desk.workspace, kind).size_bytes
        entry = housekeeping.clear(self._desk.workspace, kind)
        return {"sentence": _cleared(kind, size_bytes), "entry": entry.id if entry else ""}

    def _restore_entry(self, wish: NameMessage) -> Said:
        self._require_calm()
        entry = housekeeping.restore_entry(self._desk.workspace, wish.name)
        return {"sentence": say("restoredEntry", name=_thrown(entry))}

    def _restore(self, wish: NameMessage) -> Said:
        self._require_calm()
        backup = restoring.restore(self._desk.workspace, wish.name)
        return {"sentence": say("restored", made=moment(backup.made_at), backup=say("backupNames.before-restore"))}

    # ------------------------------------------------------------------------------------------------------ helpers

    def _require_calm(self) -> None:
        """Raise `RunError` while a job works: it may write or need what would go."""
        current = self._desk.jobs.current()
        if current and not self._desk.jobs.is_idle(*current):
            raise RunError(say("busy"))

    def _part(self, share: Share, of_all: float) -> Part:
        clearings: list[ClearingOffer] = []
        for kind in _OF_PART.get(share.name, ()):
            with contextlib.suppress(SdpoError):  # a database in trouble: nothing is offered, the bar says why
                found = housekeeping.preview(self._desk.workspace, kind)
                if found.files:
                    label = f"{say(f'clearLabels.{kind}')} ({size(found.size_bytes)})…"
                    clearings.append({"kind": kind, "label": label})
        return {
            "key": share.name,
            "name": say(f"part.{share.name}"),
            "hint": say(f"partHint.{share.name}"),
            "size": size(share.size_bytes),
            "share": of_all,
            "clearings": clearings,
        }

    def _trash(self) -> list[TrashEntry]:
        return [
            {
                "id": entry.id,
                "name": _thrown(entry),
                "facts": say("inTrash", n=len(entry.files), size=size(entry.size_bytes)),
                "made": moment(entry.made_at),
            }
            for entry in Trash(self._desk.workspace).entries()
        ]

    def _backups(self) -> list[BackupCopy]:
        return [_copy(backup) for backup in restoring.backups(self._desk.workspace)]

    def _voted(self) -> Voted:
        return restoring.voted(self._desk.workspace / "studio.db")


def keep_copies(desk: Desk, tell: Callable[[str], None]) -> None:
    """Make today's copy of the open project if it is missing; what goes wrong is reported, and tried again later."""
    try:
        keep_daily_copy(desk.workspace)
    except SdpoError as error:
        tell(say("copyFailed", why=error))


def _copy(backup: Backup) -> BackupCopy:
    facts = say("backupFacts", votes=_votes(backup.voted), size=size(backup.size_bytes))
    return {
        "name": backup.name,
        "title": next(title for start, title in say.rows("backupNames").items() if backup.name.startswith(start)),
        "made": moment(backup.made_at),
        "facts": say("unreadableBackup") if backup.problem else facts,
        "usable": not backup.problem,
    }


def _votes(there: Voted) -> str:
    """Votes, and those of blind tests, which are always counted separately."""
    votes = say("votes", n=there.votes)
    return say("votesAndBlind", votes=votes, blind=there.blind) if there.blind else votes


def _sentence(found: Clearing) -> str:
    """What clearing would remove, and what that means."""
    if not found.files:
        return say("goes.nothing")
    takes = size(found.size_bytes)
    if found.kind in ("grids", "drawn"):
        return say(f"goes.{found.kind}", n=len(found.runs), size=takes)
    files = say("goes.files", n=len(found.files), size=takes)
    if found.kind == "checkpoints":
        return f"{files} {say('goes.checkpoints', n=len(found.runs))}"
    sentence = f"{files} {say(f'goes.{found.kind}')}"
    return f"{sentence} {say('goes.pairs', n=found.pairs)}" if found.pairs else sentence


def _cleared(kind: Kind, size_bytes: int) -> str:
    return say("freed" if kind in FINAL else "movedToTrash", size=size(size_bytes))


def _thrown(entry: Thrown) -> str:
    """The name of a trash entry: the adapters in it, or its kind."""
    if names := _adapters(entry):
        return say("thrownAdapters", names=", ".join(names))
    return say.rows("clearings").get(entry.kind, entry.kind)


def _adapters(entry: Thrown) -> list[str]:
    """Names of the adapters in an entry of the trash."""
    return [str(row["name"]) for row in entry.rows.get("adapters", [])]
