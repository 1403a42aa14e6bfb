"""What a verb says: words and tables for a person, or JSON alone for a program, on standard output."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from sdpo_core.errors import ConfigError

DONE, FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
"""Exit codes: 130 is what a shell gives to a program that was ended by Ctrl-C."""

EXIT_CODES = f"""exit codes:
  {DONE:3}  done
  {FAILED:3}  failed: the message says what was expected, what it got and what to do
  {WRONG_USAGE:3}  wrong usage: an unknown or impossible setting or argument; nothing was done
  {STOPPED:3}  stopped early by Ctrl-C, SIGTERM or `runs stop`: finished work is saved"""


class Output:
    """Standard output. With `as_json` it gets one JSON object per line and nothing else; notes go to standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, value: Mapping[str, Any], words: str) -> None:
        """One result: `value` for a program, or `words` for a person."""
        self._write(json.dumps(value, allow_nan=False) if self.as_json else words)

    def table(
        self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], cells: Sequence[Sequence[str]], *, none: str
    ) -> None:
        """Many results: each of `rows` for a program, or `cells` under `columns` for a person, or the text `none`."""
        if self.as_json:
            for row in rows:
                self._write(json.dumps(row, allow_nan=False))
            return
        if not rows:
            print(none, file=sys.stderr)
            return
        console = Console()
        if not console.is_terminal:  # for grep and cut: whole cells, whatever the width
            for line in cells:
                self._write("\t".join(" ".join(cell.split()) for cell in line))
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")  # what is cut off can't be copied
        for line in cells:
            table.add_row(*(Text(cell) for cell in line))  # as Text, because a prompt may hold [markup]
        console.print(table)

    def error(self, error: Exception, *, run: str | None = None) -> int:
        """Tell a failure, always on standard error too; returns the exit code that goes with it.

        `run` is the folder of the job that failed. With one, something was done, so the usage was not what was wrong.
        """
        code = WRONG_USAGE if isinstance(error, ConfigError) and run is None else FAILED
        if self.as_json:
            told = {"error": str(error), "kind": type(error).__name__, "exit_code": code}
            self._write(json.dumps(told if run is None else {**told, "run": run}))
        print(f"sdpo: {error}", file=sys.stderr)
        return code

    def _write(self, line: str) -> None:
        print(line, flush=True)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int, int | None, str], None]]:
    """Yields `show(done, total, message)`: a bar on standard error where a person looks on, and nothing elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _total, _message: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, message: bar.update(task, completed=done, total=total, description=message)
