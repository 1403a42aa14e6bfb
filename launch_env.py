"""The environment under launch.py: make .venv, run pip in it, remember what was done. It knows nothing of PyTorch.

Only the standard library, and only syntax that old Pythons read: see launch.py.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "sdpo-stamp.json"  # written last: while it is missing, the setup is not done
RECORD = VENV / "sdpo-setup.json"  # which build was wanted and which was installed; `doctor` and the studio read it
LOG = VENV / "sdpo-setup.log"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
PACKAGES = "Lib/site-packages" if sys.platform == "win32" else "lib/python3*/site-packages"
OLDEST_PYTHON, NEWEST_PYTHON = (3, 11), (3, 14)

PIP_FAILURES = (  # what pip says, and what it means for the person at the screen
    (r"No space left|Errno 28|not enough space|WinError 112", "The disk is full. Free some space, then start again."),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "A certificate was rejected. If you're behind a company proxy, set PIP_CERT to its certificate.",
    ),
    (
        r"NewConnectionError|NameResolution|name resolution|getaddrinfo|unreachable|timed out|Max retries|ProxyError",
        "The package index can't be reached. Check the network (or HTTPS_PROXY), then start again.",
    ),
    (r"Permission denied|Access is denied|WinError (5|32)\b", "A file is in use or protected. Close running studios."),
    (r"No matching distribution", "The package index has no build of it for this Python version and system."),
)


class SetupError(Exception):
    """The setup can't continue; ``str(error)`` says what was expected, what it got and what to do."""


def say(text: str, style: str = "") -> None:
    """Print a line, coloured only for a person at a terminal."""
    if style and sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        text = f"\x1b[{style}m{text}\x1b[0m"
    print(text, flush=True)


def version_tuple(text: str) -> tuple[int, ...]:
    """``580.65.06`` -> ``(580, 65, 6)``."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


def ask(*command: str) -> str:
    """Output of a small system tool; empty when it is missing, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def check_python() -> None:
    """Refuse, with a message, a Python for which PyTorch has no build."""
    here = f"This is Python {platform.python_version()} ({sys.executable})"
    wanted = f"SDPO Studio needs 64-bit CPython 3.{OLDEST_PYTHON[1]} to 3.{NEWEST_PYTHON[1]}"
    if sys.platform == "darwin" and platform.machine() != "arm64":
        raise SetupError("PyTorch is no longer built for Intel Macs; SDPO Studio needs a Mac with an Apple chip.")
    fits = OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON and sys.maxsize > 2**32
    if fits and platform.python_implementation() == "CPython":
        return
    for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1):
        for command in ([f"python3.{minor}"], ["py", f"-3.{minor}"]):
            if shutil.which(command[0]) and ask(*command, "-c", "print(1)"):
                raise SetupError(f"{here}; {wanted}. Run:  {' '.join(command)} launch.py")
    raise SetupError(f"{here}; {wanted}. Install Python 3.12 from python.org or your system's packages.")


def read_text(path: Path) -> str:
    """A small file of the system; empty when it is missing or closed to us."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from disk; empty when the file is missing or broken."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write so that a reader meets the old file or the new one, never half of one."""
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
    partial.replace(path)


def requirements_hash(name: str) -> str:
    """Hash of a requirements file without its comments: a reworded reason installs nothing."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return hashlib.sha256("\n".join(line for line in lines if line).encode()).hexdigest()


def interpreter() -> list[object]:
    """Says whether .venv's Python is still the one that was set up; empty when it is gone."""
    home = re.search(r"^home\s*=\s*(.+?)\s*$", read_text(VENV / "pyvenv.cfg"), re.MULTILINE)
    try:
        real = PYTHON.resolve(strict=True)
        found = real.stat()
    except OSError:
        return []
    if not home or not Path(home.group(1)).is_dir():
        return []
    return [str(real), found.st_size, found.st_mtime_ns]


def installed(name: str) -> str:
    """The version of a package in .venv, such as ``2.9.1+cpu``; empty when it isn't installed."""
    found = next(VENV.glob(f"{PACKAGES}/{name}-*.dist-info"), None)
    return found.name[len(name) + 1 : -len(".dist-info")] if found else ""


@contextlib.contextmanager
def set_up_alone() -> Generator[IO[str]]:
    """Hold the lock next to .venv; the system lets go of it even when this process is killed."""
    try:
        lock = (ROOT / ".venv.lock").open("a")
    except OSError as error:
        raise SetupError(
            f"launch.py creates .venv in its own folder, but {ROOT} isn't writable: {error.strerror}."
        ) from error
    waiting = False
    with lock:
        while True:
            try:
                if sys.platform == "win32":
                    import msvcrt

                    lock.seek(0)
                    msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                    say("This disk doesn't support locks: don't start a second launch.py until this one is done.", "33")
                    break
                if not waiting:
                    say("Another launch.py is setting up in this folder; waiting for it.")
                waiting = True
                time.sleep(0.3)
        yield lock


def child_environment() -> dict[str, str]:
    """Our environment without what would lead Python or pip out of .venv."""
    dropped = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIREMENT")
    kept = {name: value for name, value in os.environ.items() if name.upper() not in dropped}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


def show_pip_line(line: str, started: float) -> None:
    """Keep one moving line on a terminal; a log file gets none of it."""
    if not sys.stdout.isatty():
        return
    progress = re.match(r"Progress (\d+) of (\d+)", line)
    if progress:
        text = f"{int(progress.group(1)) >> 20} of {int(progress.group(2)) >> 20} MB"
    elif line.startswith("Installing collected"):
        text = f"unpacking {line.count(',') + 1} packages; this can take a minute or two"
    elif re.match(r"\s*(Collecting|Downloading|Installing|Building|Using cached)", line):
        text = line.strip()
    else:
        return
    width = shutil.get_terminal_size().columns - 12
    print(f"\r\x1b[K  {time.monotonic() - started:4.0f} s  {text[:width]}", end="", flush=True)


def run_logged(what: str, command: list[str], lock: IO[str]) -> None:
    """Run a setup command; on failure raise with a sentence, the tail of its output and the log's path."""
    environment = child_environment()
    temporary = VENV / "tmp"  # wheels of gigabytes do not fit where /tmp is kept in memory
    temporary.mkdir(parents=True, exist_ok=True)
    environment.update(TMPDIR=str(temporary), TEMP=str(temporary), TMP=str(temporary), PIP_USER="0")
    # An orphaned pip keeps the lock, so that a start after `kill -9` waits instead of writing into its work.
    shared = () if sys.platform == "win32" else (lock.fileno(),)
    tail: list[str] = []
    started = time.monotonic()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            encoding="utf-8", errors="replace", env=environment, cwd=str(ROOT), pass_fds=shared,
        ) as child:  # fmt: skip
            for line in child.stdout or ():
                log.write(line)
                log.flush()
                show_pip_line(line, started)
                if not line.startswith("Progress "):
                    tail = [*tail[-60:], line.rstrip()]
    if sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)
    shutil.rmtree(str(temporary), ignore_errors=True)
    if child.returncode != 0:
        output = "\n".join(tail)
        reasons = [sentence for pattern, sentence in PIP_FAILURES if re.search(pattern, output, re.IGNORECASE)]
        reason = reasons[0] if reasons else "The output below says why."
        last = "\n".join("    " + line for line in tail[-12:])
        raise SetupError(f"{what} failed. {reason}\n{last}\n  Full log: {LOG}")


def make_venv(lock: IO[str]) -> None:
    """Make .venv, or recreate it when its Python is gone, foreign or has no pip."""
    probe = "import sys, pip; print(*sys.version_info[:2])"
    version = version_tuple(ask(str(PYTHON), "-I", "-c", probe)) if PYTHON.exists() else ()
    if version and OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        for info in VENV.glob(f"{PACKAGES}/*.dist-info"):
            if not (info / "RECORD").exists():  # pip writes it last; without it, pip was killed in this package
                shutil.rmtree(str(info))
        return
    if VENV.exists() or VENV.is_symlink():
        say("The folder .venv has no working Python; recreating it.")
        VENV.unlink() if VENV.is_symlink() or VENV.is_file() else shutil.rmtree(str(VENV))
    if importlib.util.find_spec("ensurepip") is None:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise SetupError(
            "Python is installed without the part that creates environments (ensurepip).\n"
            f"  On Debian or Ubuntu:  sudo apt install {package}\n  Then start launch.py again."
        )
    run_logged("Creating the environment .venv", [sys.executable, "-m", "venv", str(VENV)], lock)


def pip_install(what: str, arguments: list[str], lock: IO[str]) -> None:
    """Run pip in .venv."""
    bar = "raw" if version_tuple(installed("pip")) >= (24, 1) else "off"
    flags = ["--disable-pip-version-check", "--no-input", "--no-warn-script-location", "--progress-bar", bar]
    run_logged(what, [str(PYTHON), "-m", "pip", "install", *flags, *arguments], lock)
