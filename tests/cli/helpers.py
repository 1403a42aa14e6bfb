"""The command line, in this process or, where that matters, in one of its own."""

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdpo_core.cli.main import main

PROMPTS = ["hills", "a lake", "a desert", "the sea", "a forest", "mountains"]
QUICK = ["--sampling-steps", "2", "--size-px", "64"]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "sdpo_core", *map(str, arguments)]


def process(*arguments: str | Path) -> str:
    """Run a verb in a process of its own; returns standard output."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def sdpo(*arguments: str | Path) -> str:
    """Run a verb in this process, where torch is loaded once; returns standard output."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main([*map(str, arguments)])
    assert code == 0, said.getvalue()
    return said.getvalue()


def lines(*arguments: str | Path, by: Callable[..., str] = sdpo) -> list[dict[str, Any]]:
    """What a verb says with --json: every line of standard output is an object."""
    return [json.loads(line) for line in by(*arguments, "--json").splitlines()]


def result(*arguments: str | Path, by: Callable[..., str] = sdpo) -> dict[str, Any]:
    (value,) = lines(*arguments, by=by)
    return value
