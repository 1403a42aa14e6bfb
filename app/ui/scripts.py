"""The page's scripts: modules that are read once, under an address that names what is in all of them."""

import hashlib
from pathlib import Path

_VERSION_LENGTH = 16


class Scripts:
    """The modules of all rooms, as they are when the studio starts.

    Their address has the hash of all of them in its path, so that what they import of each other by relative addresses
    is of the same version, and a browser may keep them for good: one look at a page that was opened before asks for
    nothing again, which a phone feels. After an update the page names another folder; the old one is gone rather than
    filled with new files, and so are files that change while the studio runs. Nothing old ever meets anything new.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._files = {f"{path.parent.name}/{path.name}": path.read_bytes() for path in sorted(folder.glob("*/*.js"))}
        whole = hashlib.sha256()
        for name, content in self._files.items():
            whole.update(f"{name} {len(content)}\n".encode() + content)
        self.version = whole.hexdigest()[:_VERSION_LENGTH]
        self._url = url

    @property
    def names(self) -> list[str]:
        """All modules, as `room/module.js`."""
        return [*self._files]

    def address(self, name: str) -> str:
        """Where a module is; raises `KeyError` when there is none."""
        if name not in self._files:
            raise KeyError(name)
        return f"{self._url}/{self.version}/{name}"

    def find(self, version: str, name: str) -> bytes | None:
        """A module's content; None for an unknown one, and for every other version."""
        return self._files.get(name) if version == self.version else None
