"""A checkout of this repository at any commit: its name, and its code, used from outside.

Its modules are never imported: they may have any names. What a commit promises is the command line and the files
that it writes.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_LAST_WORDS = 2000  # characters of an error that are shown
_OURS = ("SDPO_", "PYTHONPATH", "PYTHONSAFEPATH", "SD_WEBUI_PATH", "FORGE_PATH", "STABILITY_MATRIX")
"""Variables that would lead a checkout to something that isn't its own: another's code, models or caches."""


class CheckoutFailed(Exception):
    """A checkout's code failed at what it was asked to do."""


class Checkout:
    """Code that runs in its own processes, with its own cache under `scratch`."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._environment = {**kept, **one_thread, "SDPO_CACHE": str(scratch / "cache"), "HF_HUB_OFFLINE": "1"}

    def sdpo(self, verb: str, *arguments: str | Path) -> str:
        """Run a verb of the command line; returns its output. Raises `CheckoutFailed` with the end of its errors."""
        return self.python("-m", "sdpo_core", verb, *arguments)

    def python(self, *arguments: str | Path, **variables: str) -> str:
        """Run Python in the checkout's folder, with further environment `variables`.

        Raises `CheckoutFailed` when it fails.
        """
        command = [sys.executable, *map(str, arguments)]
        environment = {**self._environment, **variables}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            words = (done.stdout + done.stderr)[-_LAST_WORDS:]
            asked = " ".join(command[1:])
            raise CheckoutFailed(f"{asked}\nfailed in {self.folder} (exit code {done.returncode}):\n{words}")
        return done.stdout


def git(folder: Path, *arguments: str) -> str | None:
    """What git says about `folder`; None unless it is the root of a checkout."""
    program = shutil.which("git")
    if not program:
        return None

    def ask(*words: str) -> str | None:
        command = [program, "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
        return None if done.returncode else done.stdout

    root = ask("rev-parse", "--show-toplevel")
    if root is None or Path(root.strip()).resolve() != folder.resolve():
        return None
    return ask(*arguments)


def name_of(folder: Path, *parts: str) -> str:
    """A checkout's commit, and whether `parts` of it (by default all) have changed since; else `no commit`."""
    head = git(folder, "rev-parse", "--short=8", "HEAD")
    if head is None:
        return "no commit"
    return head.strip() + (" with changes" if git(folder, "status", "--porcelain", "--", *parts) else "")
