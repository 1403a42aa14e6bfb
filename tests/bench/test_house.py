"""The house is measured in the same way wherever its parts are: counted by hand on small trees, then on this one."""

import ast
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench.checkout import CheckoutFailed, git, name_of
from bench.house import MEASURES, Found, counted, look, main, read_columns, table, with_column
from bench.house_code import Source, methods, raising, takers_of_settings
from bench.house_imports import Graph, arrows, cycles, inside, longest_chain, rooms

TREE = {
    "sdpo_core/__init__.py": "",
    "sdpo_core/config.py": """
class Settings: ...
class Sampling(Settings): ...
class TrainConfig(Sampling): ...
""",
    "sdpo_core/errors.py": "class StoreError(Exception): ...",
    "sdpo_core/store.py": '''
from sdpo_core.errors import StoreError
class Store:
    """Everything."""
    def pair(self, n):
        """The pair; raises `StoreError`."""
        return self.pairs.find(n)
    def add(self, n):
        """Add one."""
        if n < 0:
            raise StoreError("too small")
        return n
''',
    "sdpo_core/training/__init__.py": "",
    "sdpo_core/training/runs.py": "class RunFolder: ...",
    "sdpo_core/training/train.py": """
from sdpo_core.config import TrainConfig
from sdpo_core.training.runs import RunFolder
def train(config: TrainConfig | None): ...
def steps(count: int): ...
""",
    "sdpo_core/models/__init__.py": "",
    "sdpo_core/models/sd15.py": 'FAMILY = "sd15"',
    "sdpo_core/models/registry.py": '"""sdxl"""\nFAMILIES = {"sd15": 1}\nPART = "unet"\n',
    "sdpo_core/drawing.py": "from sdpo_core.training import runs\nfrom sdpo_core import models",
    "app/__init__.py": "",
    "app/store.py": """
from typing import TYPE_CHECKING
from sdpo_core.store import Store
if TYPE_CHECKING:
    from sdpo_core.training.runs import RunFolder
""",
    "app/main.py": "from app.store import Store\nimport sdpo_core.training.runs",
    "app/static/board.js": "a\nb\n",
    "app/static/vendor/chart.js": "c\n",
    "comfy_nodes/web/nodes.js": "d\n",
}
EXPECTED: dict[str, int | None] = {
    "sdpo_core rooms": 6,
    "sdpo_core arrows": 4,  # store → errors, training → config, drawing → training and models
    "sdpo_core room chain": 3,
    "sdpo_core rooms in cycles": 0,
    "sdpo_core module chain": 2,
    "sdpo_core fullest folder": 4,
    "app rooms": 2,
    "app arrows": 1,
    "app room chain": 2,
    "app rooms in cycles": 0,
    "app module chain": 2,
    "app fullest folder": 2,
    "run folder": 2,
    "settings": 1,
    "settings modules": 1,
    "whole settings": 1,
    "family": 1,
    "unet": 1,
    "Store": 2,
    "Store passing": 1,
    "Store relaying": 0,
    "raising": 1,
    "raising silently": 1,
    "repeated names": 1,
    "commits": None,
    "commits with a body": None,
    "javascript": 3,
}


def build(folder: Path, tree: dict[str, str]) -> Path:
    for name, source in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def parsed(source: str) -> list[Source]:
    return [Source(Path("sdpo_core/one.py"), ast.parse(source))]


def named(places: list[str]) -> list[str]:
    return [place.split()[-1] for place in places]


def test_a_small_house_is_counted_as_by_hand(tmp_path: Path) -> None:
    found = look(build(tmp_path, TREE))
    assert counted(found) == EXPECTED
    assert found["run folder"] == ["app.main", "sdpo_core.drawing"]
    assert found["family"] == ["sdpo_core/models/registry.py"]
    assert found["repeated names"] == ["store.py: sdpo_core, app"]


def test_another_layout_of_the_same_house_is_found_by_its_names(tmp_path: Path) -> None:
    """Runs have a room that passes the class on, families are values in a folder, and a setting has groups."""
    moved = {
        **{name: source for name, source in TREE.items() if "runs" not in name and "models" not in name},
        "sdpo_core/runs/__init__.py": "from sdpo_core.runs.folder import RunFolder",
        "sdpo_core/runs/folder.py": "class RunFolder: ...",
        "sdpo_core/training/train.py": "from sdpo_core.runs import RunFolder",
        "sdpo_core/families/__init__.py": "",
        "sdpo_core/families/known.py": 'NAMES = ("sd15", "sd20")',
        "sdpo_core/drawing.py": "from sdpo_core.runs import RunFolder",
        "app/main.py": "from sdpo_core.runs.folder import RunFolder",
    }
    found = look(build(tmp_path, moved))
    assert found["run folder"] == ["app.main", "sdpo_core.drawing"]
    assert found["family"] == []
    assert found["unet"] == []


def test_a_folder_without_our_packages_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert "has neither of the packages sdpo_core, app" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------------------- who imports whom


def test_rooms_and_arrows_of_a_package() -> None:
    graph: Graph = {
        "p": {"p.a.x"},
        "p.a": set(),
        "p.a.x": {"p.a.y", "p.b"},
        "p.a.y": {"p.b", "q.c"},
        "p.b": {"p"},
        "q.c": {"p.b"},
    }
    between = rooms(inside(graph, "p"))
    assert between == {"a": {"b"}, "b": set()}
    assert arrows(between) == ["a → b"]


@pytest.mark.parametrize(
    ("graph", "chain", "circles"),
    [
        ({}, [], []),
        ({"a": "", "b": ""}, ["a"], []),
        ({"a": "bc", "b": "c", "c": "", "d": "c"}, ["a", "b", "c"], []),
        # b, c and d are one place, however one goes through them
        ({"a": "b", "b": "c", "c": "d", "d": "be", "e": ""}, ["a", "b + c + d", "e"], [["b", "c", "d"]]),
        ({"a": "b", "b": "a", "c": "d", "d": "c"}, ["a + b"], [["a", "b"], ["c", "d"]]),
        ({"a": "a", "b": "a"}, ["b", "a"], []),
    ],
)
def test_the_longest_chain_takes_a_cycle_as_one_place(
    graph: dict[str, str], chain: list[str], circles: list[list[str]]
) -> None:
    found: Graph = {name: set(others) for name, others in graph.items()}
    assert longest_chain(found) == chain
    assert sorted(cycles(found)) == circles


# ---------------------------------------------------------------------------------------------------------------- code


def test_functions_that_take_settings_are_found_by_their_annotations() -> None:
    every, whole = takers_of_settings(
        parsed("""
class Settings: ...
class Objective(Settings): ...
class Train(Settings):
    objective: Objective = Objective()
class Other: ...
def a(config: Train): ...
def b(config: "Train | None"): ...
def c(*, several: list[config.Train]): ...
async def d(objective: Objective): ...
def e(kind: type[Train], make: Callable[[Train], int], other: Other, name: Literal["Tra in"]) -> Train: ...
class F:
    def g(self, one: int, *configs: Train): ...
""")
    )
    assert named(every) == ["a", "b", "c", "d", "g"]
    assert named(whole) == ["a", "b", "c", "g"]


def test_a_method_that_only_passes_through_is_distinguished_from_one_that_does_something() -> None:
    found = methods(
        parsed('''
class Base:
    def inherited(self, n): return self._images.path(n)
class Store(Base):
    def passing(self, one, *, two, **more):
        """Says so."""
        return self._images.inner.act(one, two=two, **more)
    def acting(self): self._images.close()
    def relaying(self, one):
        with self._database.writing() as connection:
            return votes.record(connection, one, _now())
    def with_database(self, one): return adapters.find(self._database, one=one)
    def other_argument(self, one): return self._images.path(one.sha256)
    def fewer(self, one, two): return self._images.path(one)
    def more(self, one): return self._images.path(one, 3)
    def two_steps(self, one):
        self._images.touch(one)
        return self._images.path(one)
    def computing(self, one):
        with self._database.reading() as connection:
            return rows.read(connection, one + 1)
    def own(self, one): return self.passing(one)
    def plain(self, one): return compute(one)
    @property
    def features(self): return FeatureTable(self._database)
'''),
        "Store",
    )
    assert found
    assert sorted(named(found.passing)) == ["acting", "inherited", "passing"]
    assert sorted(named(found.relaying)) == ["relaying", "with_database"]
    assert len(found.every) == 13
    assert methods(parsed("class Shop: ..."), "Store") is None


def test_what_is_raised_has_to_be_said() -> None:
    every, silent = raising(
        parsed('''
def says():
    """Raises when it must."""
    raise ValueError
def names():
    """`ValueError` for a wrong one."""
    raise errors.ValueError("x") from None
def half():
    """`ValueError` for a wrong one."""
    if True: raise ValueError("x")
    raise KeyError("x")
def silent():
    raise ValueError("x")
def again():
    """Bare."""
    try: pass
    except ValueError: raise
def inner():
    """A function inside raises, not this one."""
    def deeper(): raise ValueError
def _private(): raise ValueError
class Public:
    def method(self): raise ValueError
    def _private(self): raise ValueError
class _Hidden:
    def method(self): raise ValueError
''')
    )
    assert named(every) == ["says", "names", "half", "silent", "method"]
    assert named(silent) == ["half", "silent", "method"]


# ------------------------------------------------------------------------------------------------------ git and results


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_commits_with_and_without_a_body(tmp_path: Path) -> None:
    folder = build(tmp_path / "house", TREE)

    def run(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)

    run("init")
    run("add", ".")
    run("commit", "-m", "Begin")
    for message in ("Go on\n\nBecause it has to.", "Rest"):
        run("commit", "--allow-empty", "-m", message)
    numbers = counted(look(folder))
    assert (numbers["commits"], numbers["commits with a body"]) == (3, 1)
    head = (git(folder, "rev-parse", "--short=8", "HEAD") or "").strip()
    assert name_of(folder) == head
    (folder / "app" / "main.py").write_text("")
    assert name_of(folder, "sdpo_core") == head
    assert name_of(folder, "app") == name_of(folder) == f"{head} with changes"
    assert git(folder / "app", "log") is None, "a folder of a checkout isn't one itself"


def column(commit: str, **numbers: int | None) -> dict[str, Any]:
    return {"commit": commit, "date": "2026-12-01", "numbers": {**dict.fromkeys(MEASURES, 1), **numbers}}


def test_columns_stand_side_by_side_and_a_commit_has_one() -> None:
    columns = with_column(with_column([], column("a", Store=57)), column("b", Store=1234, unet=None))
    lines = table(columns).splitlines()
    assert lines[0] == "| measure | a (2026-12-01) | b (2026-12-01) |"
    assert "| methods of `Store`, inherited ones too | 57 | 1,234 |" in lines
    assert '| files with the text `"unet"` | 1 | – |' in lines
    assert len(lines) == 2 + len(MEASURES)
    replaced = with_column(columns, column("a", Store=3))
    assert [(one["commit"], one["numbers"]["Store"]) for one in replaced] == [("a", 3), ("b", 1234)]


def test_the_numbers_are_written_next_to_earlier_ones(tmp_path: Path) -> None:
    folder, file = build(tmp_path / "house", TREE), tmp_path / "results" / "house.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"format": 1, "columns": [column("before")]}), encoding="utf-8")
    assert main([str(folder), "--write", str(file)]) == 0
    before, now = read_columns(file)
    assert before == column("before")
    assert now == {"commit": "no commit", "date": "–", "numbers": EXPECTED}
    assert file.with_suffix(".md").read_text("utf-8").endswith(f"{table([before, now])}\n")
    file.write_text('{"format": 9}', encoding="utf-8")
    with pytest.raises(CheckoutFailed, match="has format 9"):
        read_columns(file)


def test_the_places_behind_a_number_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(build(tmp_path, TREE)), "--list", "raising silently"]) == 0
    assert capsys.readouterr().out == "sdpo_core/store.py:8 add\n"


def test_this_house_can_be_measured_in_full(repository: Path) -> None:
    found: Found = look(repository)
    missing = [name for name, places in found.items() if places is None]
    assert set(missing) <= {"commits", "commits with a body"}  # where it was unpacked from an archive
    assert set(found) == set(MEASURES)


def test_the_table_of_results_is_that_of_the_numbers(repository: Path) -> None:
    results = repository / "bench" / "results" / "house.json"
    assert results.with_suffix(".md").read_text("utf-8").endswith(f"{table(read_columns(results))}\n")
