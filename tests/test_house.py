"""The rules of the house that no linter knows: what may be imported, shipped, pinned and promised."""

import ast
import hashlib
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from bench.house import PACKAGES
from bench.house_code import raising, read_sources

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("app", "sdpo_core", "comfy_nodes", "demo", "bench")
MODEL_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "accelerate")
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
LONGEST_FILE, LONGEST_FUNCTION = 400, 80


def python_files(*folders: str) -> Iterator[Path]:
    """Our own modules, launch.py and its helper included."""
    for folder in folders or SHIPPED:
        yield from (path for path in sorted((ROOT / folder).rglob("*.py")) if ".cache" not in path.parts)
    yield from (ROOT / "launch.py", ROOT / "launch_env.py")


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh Python has loaded after a statement; static rules miss dynamic imports."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def requirement_lines(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_importing_the_library_loads_no_torch() -> None:
    assert loaded_by("import sdpo_core").isdisjoint(MODEL_LIBRARIES)


def test_the_command_line_answers_without_loading_torch() -> None:
    assert loaded_by("import sdpo_core.cli.main").isdisjoint(MODEL_LIBRARIES)


def test_the_studio_loads_no_model_library() -> None:
    assert loaded_by("import app.main").isdisjoint(MODEL_LIBRARIES)


def test_the_objective_exports_what_outside_checks_call() -> None:
    promised = "Sides error margin loser_scale scale_gradient LOSSES preference_loss"
    code = f"from sdpo_core.objective import {promised.replace(' ', ', ')}; print(*LOSSES)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"diffusion-dpo", "dmpo", "ipo", "sft"} <= set(done.stdout.split())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_every_requirement_says_why_it_is_there_and_is_bounded(name: str) -> None:
    for line in requirement_lines(name):
        requirement, _, reason = line.partition("  #")
        assert len(reason.split()) >= 3, f"{name}: {line!r} does not say why"
        operators = {specifier.operator for specifier in Requirement(requirement).specifier}
        assert operators == {"=="} or {">=", "<"} <= operators, f"{name}: {line!r} has no bounds"


def test_the_torch_version_is_in_one_place() -> None:
    pinned = [line for line in requirement_lines("requirements.txt") if line.startswith("torch==")]
    assert len(pinned) == 1
    number = pinned[0].split()[0].removeprefix("torch==")
    assert [path.name for path in python_files() if number in path.read_text(encoding="utf-8")] == []


def test_one_version_and_one_list_of_requirements() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    version = project["project"]["version"]
    assert f'__version__ = "{version}"' in (ROOT / "sdpo_core" / "__init__.py").read_text(encoding="utf-8")
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", list(python_files()), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_unpickles(path: Path) -> None:
    """A pickle runs code when it is read; weights come as safetensors, everything else as JSON."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert UNPICKLERS.isdisjoint(alias.name for alias in node.names), f"line {node.lineno}"
        elif isinstance(node, ast.ImportFrom):
            assert node.module not in UNPICKLERS, f"line {node.lineno}"
        elif isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("torch.load", "torch.save", "torch.jit.load"), f"line {node.lineno}"
            for keyword in node.keywords:
                allowed = keyword.arg not in ("allow_pickle", "trust_remote_code")
                assert allowed or ast.unparse(keyword.value) == "False", f"line {node.lineno}: {keyword.arg}"


@pytest.mark.parametrize(
    "path",
    list(python_files("app", "sdpo_core", "comfy_nodes")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_and_functions_stay_small_enough_to_read(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def test_public_functions_that_raise_say_so() -> None:
    """The docstring says what a caller may have to catch."""
    silent = raising(read_sources(ROOT, PACKAGES))[1]
    assert silent == []


def layer_contracts() -> dict[str, dict[str, Any]]:
    """The contracts about layers, by the package whose modules they put in order."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    return {container: c for c in contracts if c["type"] == "layers" for container in c["containers"]}


@pytest.mark.parametrize("package", ["sdpo_core", "app"])
def test_every_module_has_its_place_in_the_layers(package: str) -> None:
    """lint-imports refuses a module that no layer names where a contract is exhaustive; this refuses a room without."""
    contracts = layer_contracts()
    assert all(contract.get("exhaustive") for contract in contracts.values())
    modules = [path for path in (ROOT / package).rglob("*.py") if path.name != "__init__.py"]
    per_room = Counter(path.relative_to(ROOT).parts[1] for path in modules if len(path.relative_to(ROOT).parts) > 2)
    assert {f"{package}.{room}" for room, files in per_room.items() if files > 1} | {package} <= contracts.keys()


def test_the_page_about_the_architecture_shows_the_layers_that_hold() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    library, studio = page.partition("## The direction of imports")[2].split("```")[1:4:2]
    assert library.split("\n")[1:-1] == layer_contracts()["sdpo_core"]["layers"]
    assert studio.split("\n")[1:-1] == layer_contracts()["app"]["layers"]


def vendored() -> list[Path]:
    folders = (ROOT / "app" / "static" / "vendor", ROOT / "assets" / "configs" / "clip")
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())


def test_every_shipped_file_of_others_is_named_with_its_hash_and_licence() -> None:
    notice = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert vendored()
    for path in vendored():
        assert f"`{path.relative_to(ROOT).as_posix()}`" in notice
        assert hashlib.sha256(path.read_bytes()).hexdigest() in notice, f"{path.name} is not the file that is described"
    for text in (ROOT / "licenses").iterdir():
        assert f"licenses/{text.name}" in notice


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "THIRD_PARTY.md", "CHANGELOG.md", "docs"])
def test_links_between_our_pages_lead_somewhere(page: str) -> None:
    pages = sorted((ROOT / page).glob("*.md")) if (ROOT / page).is_dir() else [ROOT / page]
    for source in pages:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", source.read_text(encoding="utf-8")):
            assert (source.parent / target).exists(), f"{source.name} links to {target}, which doesn't exist"


def test_the_readme_names_every_room_and_stays_short() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    for room in (*SHIPPED, "docs", "assets", "tests"):
        assert re.search(rf"^{room}/", readme, re.MULTILINE), f"{room}/ is missing from the file tree"
