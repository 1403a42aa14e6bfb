"""A short-lived child process of the command line; its JSON lines are read as they arrive.

For what a page waits for without a run folder. It ends with the studio, and never holds up a page: a drive that does
not answer holds up the child alone.
"""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psutil

from app.desk.jobs import hidden_window
from sdpo_core.paths import repository_root

COMMAND = (sys.executable, "-m", "sdpo_core")
_END_WAIT_S = 3.0

Line = dict[str, Any]


class Child:
    """One run of a verb with `--json`. `on_line` and, at its end, `on_end(exit code)` are called from a thread."""

    def __init__(
        self,
        arguments: Sequence[str],
        on_line: Callable[[Line], None],
        on_end: Callable[[int], None],
        command: Sequence[str] = COMMAND,
    ) -> None:
        self._on_line, self._on_end = on_line, on_end
        self._process = subprocess.Popen(
            [*command, *arguments, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=repository_root(),
            encoding="utf-8",
            errors="replace",
            **hidden_window(),
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End it now; what it said so far stays. Returns when it is gone, or soon after."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.kill()
        self._thread.join(_END_WAIT_S)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # cut short when it was ended
                    said = json.loads(line)
                    if isinstance(said, dict):
                        self._on_line(said)
        self._on_end(self._process.wait())
