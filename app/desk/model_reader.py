"""Reading a model's gigabytes once for its hash: in a process of its own, with progress."""

import threading
from collections.abc import Callable, Sequence

from app.desk.children import COMMAND, Child, Line
from app.desk.text import say
from sdpo_core.errors import ModelError


class ModelUnread(ModelError):
    """The model can be used once it has been read, which is in progress."""


class ModelReader:
    """Reads one model at a time; the newest wins. Every method may be called from any thread."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._source = ""  # of the model that is read now
        self._done = 0
        self._total = 1
        self._troubles: dict[str, str] = {}

    def start(self, source: str, size_bytes: int, on_done: Callable[[], None]) -> None:
        """Read a model, unless it is being read; another one that is being read is given up."""
        with self._lock:
            if self._source == source:
                return
            before = self._child
            self._source, self._done, self._total = source, 0, max(1, size_bytes)
            self._troubles.pop(source, None)
            self._child = Child(
                ["models", source],
                lambda line: self._heard(source, line),
                lambda code: self._ended(source, code, on_done),
                self._command,
            )
        if before:
            before.end()

    def source(self) -> str:
        """The model that is read now; empty when there is none."""
        return self._source

    def share(self, source: str) -> float | None:
        """How much of it is read, 0 to 1; None when it is not being read."""
        return min(1.0, self._done / self._total) if self._source == source else None

    def trouble(self, source: str) -> str:
        """Why reading it failed the last time; empty when it did not."""
        return self._troubles.get(source, "")

    def stop(self) -> None:
        """Give up what is read now; it is read when it is chosen again."""
        with self._lock:
            if self._source:
                self._troubles[self._source] = say("readingStopped")
            child, self._child, self._source = self._child, None, ""
        if child:
            child.end()

    def _heard(self, source: str, line: Line) -> None:
        if source != self._source:
            return
        if "bytes" in line:
            self._done = int(line["bytes"])
        elif "error" in line:
            self._troubles[source] = str(line["error"])

    def _ended(self, source: str, code: int, on_done: Callable[[], None]) -> None:
        with self._lock:
            if source != self._source:  # given up
                return
            self._source, self._child = "", None
            if code:
                self._troubles.setdefault(source, say("readingFailed"))
        if not code:
            on_done()
