"""The workspace's folders: made, and checked whether they are a safe home for a database that processes share."""

from pathlib import Path

import psutil

from sdpo_core.atomic import disk_errors
from sdpo_core.errors import StoreError

INBOX, REFUSED = "inbox", "refused"
"""Folders of a workspace: what the ComfyUI pack leaves, and in it what could not be used."""

_SYNCED_FOLDERS = ("onedrive", "dropbox", "google drive", "googledrive", "mobile documents", "icloud", "nextcloud")
_SYNC_MARKERS = (".dropbox", ".stfolder", ".sync", ".owncloudsync.log")
_NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "9p", "fuse.sshfs", "webdav", "davfs", "drvfs"}
)


def location_warning(folder: Path) -> str | None:
    """A sentence when `folder` is on a network drive or in a folder that a cloud service synchronises, else None."""
    place = folder.resolve()
    service = _sync_service(place)
    if service:
        return (
            f"The workspace {place} is in a synced folder ({service}). Copying the database while it's being "
            "written can damage it. Move the workspace to a folder that isn't synced."
        )
    kind = _network_filesystem(place)
    if kind:
        return (
            f"The workspace {place} is on a network or foreign drive ({kind}), where locking isn't reliable and "
            "votes can be lost. Move the workspace to a local disk."
        )
    return None


def _sync_service(place: Path) -> str | None:
    for part in place.parts:
        if part.casefold().startswith(_SYNCED_FOLDERS):
            return part
    for parent in (place, *place.parents):
        for marker in _SYNC_MARKERS:
            if (parent / marker).exists():
                return marker
    return None


def _network_filesystem(place: Path) -> str | None:
    if place.drive.startswith("\\\\"):
        return place.drive
    mounts = [part for part in psutil.disk_partitions(all=True) if place.is_relative_to(part.mountpoint)]
    if not mounts:
        return None
    nearest = max(mounts, key=lambda part: len(part.mountpoint))
    remote = nearest.fstype.casefold() in _NETWORK_FILESYSTEMS or "remote" in nearest.opts.split(",")
    return nearest.fstype or nearest.mountpoint if remote else None


def make_folders(*folders: Path) -> None:
    """Make folders that don't exist yet; raises `StoreError` where a file is in the way, `DiskError` for the disk."""
    for folder in folders:
        try:
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreError(f"{folder} is a file, but the workspace must be a folder. Choose another one.") from error
