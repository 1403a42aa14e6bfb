"""The command line as a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

PROMPTS = ["hills", "a lake", "a desert", "the sea", "a forest", "mountains"]
QUICK = ["--sampling-steps", "2", "--size-px", "64"]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "sdpo_core", *map(str, arguments)]


def sdpo(*arguments: str | Path) -> str:
    """Run a verb in a process of its own; returns standard output."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def lines(*arguments: str | Path) -> list[dict[str, Any]]:
    """What a verb says with --json: every line of standard output is an object."""
    return [json.loads(line) for line in sdpo(*arguments, "--json").splitlines()]


def result(*arguments: str | Path) -> dict[str, Any]:
    (value,) = lines(*arguments)
    return value
