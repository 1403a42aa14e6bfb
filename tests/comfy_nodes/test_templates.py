"""The example workflows: as their script draws them, and with the inputs that our nodes have."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.comfy_templates import FOLDER, WORKFLOWS
from tests.comfy_nodes.conftest import FakeComfy

SOCKETS = ("model", "clip", "images")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_files_are_what_the_script_draws(name: str) -> None:
    workflow = WORKFLOWS[name]()
    assert json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) == workflow
    with Image.open(FOLDER / f"{name}.jpg") as thumbnail:
        assert thumbnail.size == (400, 400)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    for number, source, slot, target, port, type_ in workflow["links"]:
        assert nodes[source]["outputs"][slot]["type"] == nodes[target]["inputs"][port]["type"] == type_
        assert number in nodes[source]["outputs"][slot]["links"]
        assert nodes[target]["inputs"][port]["link"] == number


def test_nothing_else_is_in_the_folder() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {
        f"{name}.{kind}" for name in WORKFLOWS for kind in ("json", "jpg")
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_our_nodes_have_the_widgets_of_their_schema(comfy: FakeComfy, name: str) -> None:
    schemas: dict[str, Any] = {
        schema.node_id: schema for schema in (one.define_schema() for one in (comfy.node, comfy.send, comfy.choose))
    }
    for node in WORKFLOWS[name]()["nodes"]:
        schema = schemas.get(node["type"])
        if schema is None:
            continue
        widgets = [port for port in schema.inputs if port.id not in SOCKETS]
        assert len(node["widgets_values"]) == len(widgets)
        for port, value in zip(widgets, node["widgets_values"], strict=True):
            options = port.options.get("options")
            assert value in options if options else isinstance(value, type(port.options["default"]))
        assert {port["name"] for port in node["inputs"]} <= {port.id for port in schema.inputs}
        assert len(node["outputs"]) == len(schema.outputs)


def test_the_pack_describes_itself(repository: Path) -> None:
    pack = repository / "comfy_nodes"
    project = tomllib.loads((pack / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["dependencies"] == []
    assert project["tool"]["comfy"]["requires-comfyui"] == ">=0.3.51"
    assert "web" not in project["tool"]["comfy"]
    assert (pack / project["tool"]["comfy"]["Icon"]).is_file()
    assert (pack / project["project"]["license"]["file"]).is_file()
