"""Where a Chromium, Chrome or Edge may be found on Linux, macOS and Windows."""

import os
import shutil
import sys
from pathlib import Path

_COMMANDS = [
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge",
]  # fmt: skip
_MAC_APPS = ["Google Chrome", "Chromium", "Microsoft Edge", "Brave Browser"]
_WINDOWS_PATHS = [
    "Google/Chrome/Application/chrome.exe",
    "Microsoft/Edge/Application/msedge.exe",
    "Chromium/Application/chrome.exe",
]
_WINDOWS_ROOTS = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"]


def usual_places() -> list[Path]:
    """Paths outside PATH where this system's installers put a browser."""
    if sys.platform == "darwin":
        roots = [Path("/Applications"), Path.home() / "Applications"]
        return [root / f"{app}.app" / "Contents" / "MacOS" / app for root in roots for app in _MAC_APPS]
    if sys.platform == "win32":
        roots = [Path(os.environ[name]) for name in _WINDOWS_ROOTS if name in os.environ]
        return [root / path for root in roots for path in _WINDOWS_PATHS]
    return [Path("/opt/google/chrome/chrome"), Path("/opt/microsoft/msedge/msedge"), Path("/snap/bin/chromium")]


def find_browser() -> str:
    """The browser to test with: SDPO_BROWSER if it is set, else one that is installed, else an empty string."""
    chosen = os.environ.get("SDPO_BROWSER")
    if chosen is not None:
        return chosen if chosen and Path(chosen).exists() else ""
    for command in _COMMANDS:
        found = shutil.which(command)
        if found:
            return found
    return next((str(path) for path in usual_places() if path.exists()), "")
