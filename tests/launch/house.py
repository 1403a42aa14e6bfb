"""A small house in a temporary folder: the real launch.py, requirements of our choosing, packages served from disk."""

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
ECHO = """
import json, os, sys, time
print(json.dumps({"module": __spec__.parent, "arguments": sys.argv[1:], "started": time.time(), "cwd": os.getcwd()}))
sys.exit(int(os.environ.get("EXIT_CODE", "0")))
"""
FAKE_TORCH = """
__version__ = "{version}"
class cuda:
    is_available = staticmethod(lambda: {sees_gpu})
class backends:
    mps = None
"""


def write_wheel(index: Path, name: str, version: str, source: str = "") -> None:
    """Put a wheel with one module into a folder that pip accepts as an index (PEP 503)."""
    shelf = index / name
    shelf.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(shelf / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", source)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    links = "".join(f'<a href="{file.name.replace("+", "%2B")}">{file.name}</a>' for file in shelf.glob("*.whl"))
    (shelf / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>", encoding="utf-8")


def write_torch(index: Path, version: str, sees_gpu: bool = False) -> None:
    """A torch that knows its version and whether it sees a GPU, which is all launch.py asks of it."""
    write_wheel(index, "torch", version, FAKE_TORCH.format(version=version, sees_gpu=sees_gpu))


@contextmanager
def serve(index: Path) -> Generator[str]:
    """The index over HTTP on a free port."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # the base class names it so
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(index)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class House:
    """One temporary copy of the repository's outside, and ways to start it."""

    def __init__(self, parent: Path) -> None:
        self.root = parent / "Häuschen mit Leerzeichen"  # spaces and letters beyond ASCII, always
        self.index = parent / "index"
        self.elsewhere = parent / "elsewhere"
        for folder in (self.root, self.index, self.elsewhere / "app"):
            folder.mkdir(parents=True)
        # A stranger's package where the person stands must not be taken for ours.
        (self.elsewhere / "app" / "__main__.py").write_text("raise SystemExit('a stranger')", encoding="utf-8")
        for name in ("launch.py", "launch_env.py"):
            shutil.copy(REPOSITORY / name, self.root / name)
        for package in ("app", "sdpo_core"):
            (self.root / package).mkdir()
            (self.root / package / "__main__.py").write_text(ECHO, encoding="utf-8")
        (self.root / "tests").mkdir()
        (self.root / "tests" / "checks.py").write_text(ECHO.replace("__spec__.parent", "'checks'"), encoding="utf-8")
        self.require("")
        (self.root / "requirements-test.txt").write_text("", encoding="utf-8")

    def require(self, lines: str) -> None:
        """Write requirements.txt."""
        (self.root / "requirements.txt").write_text(lines, encoding="utf-8")

    def environment(self, **extra: str) -> dict[str, str]:
        """An environment in which pip knows only our index and PyTorch's own can't be reached."""
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PIP_", "SDPO_"))}
        ours = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "PIP_INDEX_URL": self.index.as_uri(),
            "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing listens on the discard port
            "https_proxy": "http://127.0.0.1:9",
            "PYTHONIOENCODING": "utf-8",
        }
        return {**kept, **ours, **extra}

    def start(self, *arguments: str, python: str = sys.executable, **extra: str) -> "subprocess.Popen[str]":
        """Start launch.py from another folder and return immediately."""
        return subprocess.Popen(
            [python, str(self.root / "launch.py"), *arguments],
            cwd=self.elsewhere,
            env=self.environment(**extra),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def run(self, *arguments: str, **extra: str) -> tuple[int, str]:
        """Run launch.py from a foreign folder to its end; exit code and output."""
        child = self.start(*arguments, **extra)
        output = child.communicate(timeout=300)[0]
        return child.returncode, output

    def read(self, name: str) -> dict[str, object]:
        """A JSON file from inside .venv; empty when it doesn't exist."""
        path = self.root / ".venv" / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def packages(self) -> set[str]:
        """What is installed, as names with versions."""
        return {path.name[: -len(".dist-info")] for path in (self.root / ".venv").rglob("*.dist-info")}


def said(output: str) -> dict[str, object]:
    """What the started program said about itself."""
    return json.loads(output.strip().splitlines()[-1])
