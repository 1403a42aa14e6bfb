"""What adapter files say about themselves, read once per file: pages ask every few seconds."""

import threading
from pathlib import Path

from app.desk.text import say
from sdpo_core.adapters.info import AdapterInfo, read_adapter_info
from sdpo_core.errors import AdapterError


class Headers:
    """Remembers headers by path, file, size and time of change. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int, int], AdapterInfo]] = {}
        self._lock = threading.Lock()

    def read(self, path: Path) -> AdapterInfo:
        """The header's account; raises `AdapterError` as reading it does, each time."""
        try:
            state = path.stat()
        except OSError as error:
            raise AdapterError(say("fileUnreadable", path=path)) from error
        stamp = (state.st_ino, state.st_size, state.st_mtime_ns)
        with self._lock:
            known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        info = read_adapter_info(path)
        with self._lock:
            self._known[path] = (stamp, info)
        return info
