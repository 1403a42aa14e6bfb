"""The pack against a stand-in for ComfyUI and real adapter files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from comfy_nodes.fit import count_new_patches, model_family, wrong_prediction
from comfy_nodes.header import Header, read_header
from comfy_nodes.problem import PackProblem
from comfy_nodes.workspace import Shelf, find_workspace, here
from tests.comfy_nodes.conftest import MODULES, SD15, SDXL, Clip, FakeComfy, Model, SDXLFromAnotherPack

Write = Callable[..., Path]
SDPO = {"sdpo": json.dumps({"family": "sd15", "base_name": "dream", "pairs": 60, "step": 150})}


def test_package_imports_without_comfyui_and_without_the_library(repository: Path) -> None:
    code = (
        "import sys\n"
        "from comfy_nodes import fit, graph, header, inbox, pictures, problem, questions, routes, workspace\n"
        "heavy = {'torch', 'PIL', 'numpy', 'aiohttp', 'comfy', 'comfy_api', 'sdpo_core', 'app'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=repository, check=True, timeout=60)


def test_schema_offers_latest_and_the_newest_first(comfy: FakeComfy, write_adapter: Write) -> None:
    for age, name in enumerate(("newest", "older", "oldest")):
        os.utime(write_adapter(name), ns=(0, 10**18 - age))
    write_adapter(".half-written.tmp")
    schema = comfy.node.define_schema()
    adapter = next(port for port in schema.inputs if port.id == "adapter")
    assert adapter.options["options"] == ["latest", "newest", "older", "oldest"]
    assert [port.options["display_name"] for port in schema.outputs] == ["model", "clip", "info"]


def test_adapters_folder_joins_the_lora_folders_once(comfy: FakeComfy, workspace: Path) -> None:
    assert comfy.lora_folders == [str(workspace / "adapters")]


def test_patches_every_module_and_says_so_on_the_node(comfy: FakeComfy, write_adapter: Write) -> None:
    write_adapter("my-taste", SDPO)
    model = Model(patches={MODULES[0]: ["another LoRA"]})
    assert comfy.node.validate_inputs(adapter="my-taste") is True
    patched, _, info = comfy.node.execute(model, "my-taste", 0.8)
    assert {name: len(patches) for name, patches in patched.patches.items()} == dict(
        zip(MODULES, (2, 1, 1, 1), strict=True)
    )
    assert model.patches == {MODULES[0]: ["another LoRA"]}
    assert info.splitlines() == [
        "my-taste at strength 0.8: 4 of 4 modules patched.",
        "Trained on dream.",
        "Learned from 60 pairs in 150 steps.",
    ]
    assert comfy.drawn == [(info, "7")]


def test_a_model_of_another_family_is_passed_on_unchanged_with_a_warning(
    comfy: FakeComfy, write_adapter: Write
) -> None:
    write_adapter("taste", SDPO)
    model = Model(config=SDXLFromAnotherPack)
    same, _, info = comfy.node.execute(model, "latest", 1.0)
    assert same is model
    assert info.startswith("⚠ This adapter was trained for Stable Diffusion 1.5, but the model is SDXL.")


def test_files_of_other_tools_are_judged_by_kohya_metadata(comfy: FakeComfy, write_adapter: Write) -> None:
    write_adapter("foreign", {"ss_base_model_version": "sdxl_base_v1-0"})
    _, _, info = comfy.node.execute(Model(config=SD15), "foreign", 1.0)
    assert "trained for SDXL" in info
    _, _, info = comfy.node.execute(Model(config=SDXL), "foreign", 1.0)
    assert "4 of 4" in info
    assert "Not made by SDPO Studio" in info


def test_without_metadata_the_model_is_patched_and_nobody_is_locked_out(comfy: FakeComfy, write_adapter: Write) -> None:
    write_adapter("bare")
    patched, _, info = comfy.node.execute(Model(config=type("NewFamily", (), {})), "bare", 1.0)
    assert len(patched.patches) == 4
    assert "unknown" in info


@pytest.mark.parametrize(("fits", "warning"), [(0, "it has no effect"), (3, "Only part of it fits")])
def test_a_partial_fit_is_reported(comfy: FakeComfy, write_adapter: Write, fits: int, warning: str) -> None:
    write_adapter("taste", SDPO)
    _, _, info = comfy.node.execute(Model(weights=tuple(MODULES[:fits])), "taste", 1.0)
    assert f"{fits} of 4 modules patched" in info
    assert warning in info


def test_demo_adapters_are_refused_with_a_message(comfy: FakeComfy, write_adapter: Write) -> None:
    write_adapter("demo-taste", SDPO, width=128)
    said = comfy.node.validate_inputs(adapter="demo-taste")
    assert isinstance(said, str)
    assert "works only in the studio" in said
    with pytest.raises(ValueError, match="works only in the studio"):  # a linked name gets past validation
        comfy.node.execute(Model(), "demo-taste", 1.0)


def test_narrow_files_of_other_tools_are_not_refused(comfy: FakeComfy, write_adapter: Write) -> None:
    write_adapter("foreign", {"ss_base_model_version": "sd_v1"}, width=128)
    assert comfy.node.validate_inputs(adapter="foreign") is True


def test_validation_says_what_is_wrong(comfy: FakeComfy, write_adapter: Write, workspace: Path) -> None:
    validate = comfy.node.validate_inputs
    assert validate(adapter=None) is True
    assert "No adapters in" in validate(adapter="latest")
    path = write_adapter("taste")
    assert "'../secret'" in validate(adapter="../secret")
    path.write_bytes(path.read_bytes()[:-3])
    assert "cut off" in validate(adapter="taste")
    path.write_bytes(b"no header")
    assert "isn't a complete safetensors file" in validate(adapter="latest")
    write_adapter("empty", modules=[])
    assert "no LoRA weights" in validate(adapter="empty")


def test_fingerprint_follows_the_file(comfy: FakeComfy, write_adapter: Write) -> None:
    fingerprint = comfy.node.fingerprint_inputs
    assert "No adapters" in fingerprint(model=None, adapter="latest", strength=1.0)
    first = write_adapter("first")
    os.utime(first, ns=(0, 1))
    before = fingerprint(model=None, adapter="latest", strength=1.0)
    assert before == fingerprint(model=None, adapter="first", strength=0.5)
    os.utime(first, ns=(0, 2))
    assert before != fingerprint(model=None, adapter="first", strength=1.0)
    write_adapter("second")
    assert "second" in fingerprint(model=None, adapter="latest", strength=1.0)
    assert fingerprint(adapter=None) == ""


def test_the_workspace_comes_from_environment_then_settings_then_the_repository(tmp_path: Path) -> None:
    pack = tmp_path / "repository" / "comfy_nodes"
    pack.mkdir(parents=True)
    with pytest.raises(PackProblem, match="isn't set"):
        find_workspace(pack, {})
    (pack.parent / "sdpo_core").mkdir()
    assert find_workspace(pack, {}) == pack.parent / "workspace"
    settings = pack / "sdpo-studio.json"
    settings.write_text('{"workspace": "elsewhere"}')
    assert find_workspace(pack, {}) == pack / "elsewhere"
    for broken in ("{", "[]", '{"workspace": 3}', "{}"):
        settings.write_text(broken)
        with pytest.raises(PackProblem, match=r"sdpo-studio\.json"):
            find_workspace(pack, {})
    assert find_workspace(pack, {"SDPO_WORKSPACE": str(tmp_path)}) == tmp_path


def test_an_unknown_workspace_does_not_stop_comfyui(
    comfy: FakeComfy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SDPO_WORKSPACE", str(tmp_path / "gone"))
    schema = comfy.node.define_schema()
    assert next(port for port in schema.inputs if port.id == "adapter").options["options"] == ["latest"]
    with pytest.raises(PackProblem, match="No adapters"):
        Shelf.find().path("latest")


@pytest.mark.skipif(os.name == "nt", reason="Windows guesses where another user's home would be")
def test_workspace_in_a_home_that_is_not_known_is_unknown(
    comfy: FakeComfy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SDPO_WORKSPACE", "~no-such-user/workspace")
    schema = comfy.node.define_schema()
    assert next(port for port in schema.inputs if port.id == "adapter").options["options"] == ["latest"]
    with pytest.raises(PackProblem, match=r"can't be found: SDPO_WORKSPACE says '~no-such-user"):
        Shelf.find()
    (tmp_path / "sdpo-studio.json").write_text('{"workspace": "~no-such-user/workspace"}')
    with pytest.raises(PackProblem, match=r"can't be found: .*sdpo-studio\.json says"):
        find_workspace(tmp_path, {})


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{",
        b'{"a": 1}',
        b'{"a": {"data_offsets": []}}',
        b'{"__metadata__": []}',
        b'{"a": {"data_offsets": [0, "x"]}}',
    ],
)
def test_damaged_headers_are_distinguished_from_good_ones(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(PackProblem, match="damaged"):
        read_header(path)


def test_a_header_longer_than_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes((2**63).to_bytes(8, "little") + b"{}")
    with pytest.raises(PackProblem, match="a complete safetensors"):
        read_header(path)
    with pytest.raises(PackProblem, match="can't be read"):
        read_header(tmp_path / "none.safetensors")


def test_other_spellings_and_unknown_values() -> None:
    assert model_family(["Alien", "object"]) is None
    assert Header({}, {"sdpo": "not JSON"}).sdpo is None
    assert Header({}, {"sdpo": "[1]"}).sdpo is None
    assert wrong_prediction(Header({}, {"modelspec.prediction_type": "v"}), "V_PREDICTION") is None
    assert wrong_prediction(Header({}, {"modelspec.prediction_type": "v"}), "FLOW") is None
    assert wrong_prediction(Header({}, {"modelspec.prediction_type": "epsilon"}), "V_PREDICTION") is not None
    assert count_new_patches({"qkv": [1]}, {"qkv": [1, 2, 3, 4], "out": [1]}) == 4


def test_help_and_locales_name_the_nodes_as_they_are(comfy: FakeComfy, repository: Path) -> None:
    pack = repository / "comfy_nodes"
    for language in ("en", "de"):
        texts: dict[str, Any] = json.loads((pack / f"locales/{language}/nodeDefs.json").read_text(encoding="utf-8"))
        for class_ in (comfy.node, comfy.guided, comfy.send, comfy.choose):
            schema = class_.define_schema()
            page = f"{schema.node_id}.md" if language == "en" else f"{schema.node_id}/{language}.md"
            help_page = (pack / "web" / "docs" / page).read_text(encoding="utf-8")
            node = texts[schema.node_id]
            assert help_page.startswith(f"# {node['display_name']}")
            assert all(f"**{port.id}**" in help_page for port in schema.inputs)
            if language == "en":
                assert node["display_name"] == schema.display_name
                assert node["description"] == schema.description
                assert {name: entry["tooltip"] for name, entry in node["inputs"].items()} == {
                    port.id: port.options["tooltip"] for port in schema.inputs
                }
            assert node["inputs"].keys() == {port.id for port in schema.inputs}
            assert all(entry["name"] and entry["tooltip"] for entry in node["inputs"].values())
            assert len(node["outputs"]) == len(schema.outputs)
        for name in ("main", "commands"):
            assert json.loads((pack / f"locales/{language}/{name}.json").read_text(encoding="utf-8"))


def test_a_clip_takes_the_text_encoders_part(comfy: FakeComfy, write_adapter: Write) -> None:
    modules = [*MODULES, "te_text_model_encoder_layers_0_mlp_fc1"]
    path = write_adapter("foreign", {"ss_base_model_version": "sd_v1"}, modules=modules)
    renamed = {key.replace("lora_unet_te_", "lora_te_"): tensor for key, tensor in load_file(path).items()}
    save_file(renamed, path, {"ss_base_model_version": "sd_v1"})
    _, clip, info = comfy.node.execute(Model(), "foreign", 1.0)
    assert clip is None
    assert "4 of 4 modules patched." in info
    assert "1 more are for the text encoder: connect a CLIP" in info
    _, clip, info = comfy.node.execute(Model(), "foreign", 1.0, clip=Clip())
    assert len(clip.patches) == 1
    assert "5 of 5 modules patched." in info


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Model(config=SDXL), "the model is SDXL"),
        (Model(weights=tuple(MODULES[:3])), "3 of 4 modules patched. Only part"),
        (Model(weights=()), "0 of 4 modules patched. None of it"),
        (Model(kind="V_PREDICTION"), "predicts v"),
    ],
)
def test_a_mismatch_stops_the_run_where_that_is_wanted(
    comfy: FakeComfy, write_adapter: Write, model: Model, words: str
) -> None:
    write_adapter("taste", {**SDPO, "modelspec.prediction_type": "epsilon"})
    with pytest.raises(ValueError, match=words):
        comfy.node.execute(model, "taste", 1.0, on_mismatch="stop")


def test_checkpoints_of_runs_are_offered_and_loaded(comfy: FakeComfy, write_adapter: Write, workspace: Path) -> None:
    for run, step in (("20260101-120000-train-ab12", 50), ("20260101-120000-train-ab12", 100), ("20270101-x", 50)):
        folder = workspace / "runs" / run / "checkpoints" / f"step-{step:06d}"
        folder.mkdir(parents=True)
        write_adapter("one", SDPO).replace(folder / "adapter.safetensors")
    write_adapter("done", SDPO)
    names = ["done", "20270101-x/step-50", "20260101-120000-train-ab12/step-100", "20260101-120000-train-ab12/step-50"]
    assert Shelf.find().names() == names
    assert comfy.node.validate_inputs(adapter=names[2]) is True
    _, _, info = comfy.node.execute(Model(), names[2], 1.0)
    assert info.startswith(f"{names[2]} at strength 1: 4 of 4 modules patched.")
    assert "no longer" in comfy.node.validate_inputs(adapter="20260101-120000-train-ab12/step-75")
    assert "no longer" in comfy.node.validate_inputs(adapter="../x/step-50")


def test_the_open_project_is_followed(comfy: FakeComfy, workspace: Path) -> None:
    note = workspace / "projects" / "current.json"
    other = workspace / "projects" / "other-1234"
    other.mkdir(parents=True)
    assert here() == workspace
    for told in ('{"id": "other-1234"}', '{"id": "first"}', '{"id": "../.."}', "[]", "{", '{"id": 3}'):
        note.write_text(told, encoding="utf-8")
        assert here() == workspace  # the folder isn't a project yet
    (other / "project.json").write_text("{}", encoding="utf-8")
    note.write_text('{"id": "other-1234"}', encoding="utf-8")
    assert here() == other
    comfy.pack.join_lora_lists()
    assert comfy.lora_folders == [str(workspace / "adapters"), str(other / "adapters")]
