"""The page's scripts as they are served, and what they and Python expect of each other."""

import posixpath
import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.server.routes import routes
from app.studio import Studio
from app.ui.assets import ROOMS, SCRIPTS
from app.ui.scripts import Scripts
from app.ui.theme import HEAD, STYLES
from tests.app.built import BuiltWidget, built_widgets

SOURCES = {f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in sorted(ROOMS.glob("*/*.js"))}
IMPORTS = re.compile(r'^(?:import|export) [^;]*?from "([^"]+)";', re.MULTILINE)
LONGEST_FILE = 400


def imported(name: str) -> set[str]:
    """A module and all that it needs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += neighbours(one)
    return found


def neighbours(name: str) -> list[str]:
    """What a module imports, as `room/module.js`."""
    return [posixpath.normpath(posixpath.join(name, "..", address)) for address in IMPORTS.findall(SOURCES[name])]


@pytest.fixture
def widgets(studio: Studio) -> dict[str, BuiltWidget]:
    """All of the page, by elem_id."""
    found = built_widgets(studio)
    assert len(found) > 20
    return found


@pytest.fixture
def client(studio: Studio) -> TestClient:
    return TestClient(Starlette(routes=routes(studio.desk.store)))


def test_modules_stay_cached_under_an_address_that_names_their_content(client: TestClient) -> None:
    answer = client.get(SCRIPTS.address("ui/note.js"))
    assert answer.text == SOURCES["ui/note.js"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


def test_another_version_is_gone_instead_of_mixed_with_this_one(client: TestClient) -> None:
    for path in (
        "js/0123456789abcdef/ui/note.js",
        f"js/{SCRIPTS.version}/none.js",
        f"js/{SCRIPTS.version}/..%2Fstatic%2Flogin.html",
    ):
        assert client.get(f"/sdpo/static/{path}").status_code == 404


def test_whatever_changes_in_any_module_changes_the_version_of_all(tmp_path: Path) -> None:
    one, two = tmp_path / "ui" / "one.js", tmp_path / "vote" / "two.js"
    for module in (one, two):
        module.parent.mkdir()
        module.write_text("1", encoding="utf-8")
    before = Scripts(tmp_path, "js")
    two.write_text("2", encoding="utf-8")
    after = Scripts(tmp_path, "js")
    assert before.address("ui/one.js") != after.address("ui/one.js")
    assert before.find(before.version, "vote/two.js") == b"1"  # a file that changes while the studio runs
    with pytest.raises(KeyError):
        after.address("ui/three.js")


@pytest.mark.parametrize("root_path", ["", "/studio"])
def test_files_are_found_below_a_path_of_a_proxy(studio: Studio, root_path: str) -> None:
    """The proxy takes its path away before it asks; the server knows of it nevertheless."""
    client = TestClient(Starlette(routes=routes(studio.desk.store)), root_path=root_path)
    for path in (SCRIPTS.address("ui/note.js"), "sdpo/static/favicon.svg", "sdpo/static/vendor/uplot/uPlot.min.css"):
        assert client.get(path).status_code == 200, path


def test_the_page_asks_for_its_own_files_by_relative_addresses() -> None:
    addresses = re.findall(r'(?:href|src)="([^"]+)"', HEAD)
    for style in STYLES:
        addresses += re.findall(r'url\("([^"]+)"\)', style.read_text(encoding="utf-8"))
    assert {address for address in addresses if not address.startswith("data:")} >= {*map(SCRIPTS.address, SOURCES)}
    assert not [address for address in addresses if address.startswith(("/", "http"))]


def test_every_widget_has_a_module_that_mounts_it_and_its_events(
    widgets: dict[str, BuiltWidget],
) -> None:
    for widget in widgets.values():
        module = widget.module
        assert "export function mount(host)" in SOURCES[module]
        assert sorted(set(re.findall(r'trigger\("(\w+)"', SOURCES[module]))) == sorted(widget.given["events"]), module


def test_every_word_that_a_module_says_is_given_to_it(widgets: dict[str, BuiltWidget]) -> None:
    for widget in widgets.values():
        module, given = widget.module, widget.given
        for name in imported(module):
            said = set(re.findall(r"(?<![\w.])(?:this\.)?text\.([a-zA-Z]\w*)", SOURCES[name]))
            assert said <= given["text"].keys(), f"{module}: {name} says {said - given['text'].keys()}"


@pytest.mark.parametrize("name", SOURCES)
def test_a_module_imports_its_neighbours_and_writes_no_html(name: str) -> None:
    source = SOURCES[name]
    assert len(source.splitlines()) <= LONGEST_FILE
    assert all(module in SOURCES for module in neighbours(name))
    assert not re.search(r"\binnerHTML|\bouterHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)


def test_no_module_is_left_over(widgets: dict[str, BuiltWidget]) -> None:
    assert set().union(*(imported(widget.module) for widget in widgets.values())) == SOURCES.keys()
