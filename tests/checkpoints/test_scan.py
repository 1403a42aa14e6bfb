"""Finding models in folders of other tools: what is there, what can't be used and why, and folders that are traps."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from sdpo_core.checkpoints import places, scan
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.look import look_at_model, read_whole
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.checkpoints.places import A1111, COMFYUI, MATRIX, YOURS, Place, model_places
from sdpo_core.checkpoints.scan import Found, Seen, Unseen
from sdpo_core.cli.main import main
from sdpo_core.errors import ModelError
from sdpo_core.paths import repository_root
from tests.original_layout import essentials


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any tool in it, and no variables that name one."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(places, "_bases", lambda: iter((home,)))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("COMFYUI_PATH", "SDPO_MODELS", "COMMANDLINE_ARGS", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


def found_in(folder: Path) -> dict[str, Found]:
    return {found.name: found for found in scan.scan([Place(folder, YOURS)]) if isinstance(found, Found)}


def test_a_look_finds_what_inspecting_finds_but_reads_no_weights(tmp_path: Path, model: Path) -> None:
    for family in ("sd15", "sdxl"):
        path = tmp_path / f"{family}.safetensors"
        save_file(essentials(family), path)
        look = look_at_model(str(path))
        assert (look.family, look.precision, look.size_bytes) == (family, "fp16", path.stat().st_size)
        assert (look.sha256, look.unread_bytes) == (None, path.stat().st_size)
        pieces: list[int] = []
        info = read_whole(look, pieces.append)
        assert sum(pieces) == path.stat().st_size
        assert info.sha256 == sha256_file(path) == look_at_model(str(path)).sha256
        assert look_at_model(str(path)).sha256 == sha256_file(path)
    folder = look_at_model(str(model))
    assert (folder.sha256, folder.precision) == (None, "fp32")
    read_whole(folder, lambda _: None)
    assert look_at_model(str(model)).sha256 == inspect_model(str(model)).sha256


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file(essentials("sd15"), path)
    read_whole(look_at_model(str(path)), lambda _: None)
    os.utime(path, ns=(1, 1))
    assert look_at_model(str(path)).sha256 is None


def test_everything_that_can_not_be_used_says_why(tmp_path: Path, model: Path) -> None:
    save_file(essentials("sd15"), tmp_path / "good.safetensors")
    save_file({"lora_unet_x.lora_down.weight": torch.zeros(4, 4)}, tmp_path / "lora.safetensors")
    pruned = {name: value for name, value in essentials("sdxl").items() if "input_blocks.8" not in name}
    save_file(pruned, tmp_path / "pruned.safetensors")
    no_vae = {name: value for name, value in essentials("sd15").items() if not name.startswith("first_stage")}
    save_file(no_vae, tmp_path / "no-vae.safetensors")
    save_file({"double_blocks.0.x": torch.zeros(1)}, tmp_path / "flux.safetensors")
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02")
    (tmp_path / "quantised.gguf").write_bytes(b"GGUF")
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 40)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "good.safetensors").read_bytes()[:5000])
    (tmp_path / "readme.txt").write_text("no model")
    found = found_in(tmp_path)
    assert [name for name, one in sorted(found.items()) if one.look] == ["good.safetensors", "lakes"]
    reasons = {
        "lora.safetensors": "is a LoRA, not a model",
        "pruned.safetensors": "it was pruned",
        "no-vae.safetensors": "has no VAE",
        "flux.safetensors": "is a Flux model",
        "old.ckpt": "is a pickle file",
        "quantised.gguf": "isn't a checkpoint",
        "broken.safetensors": "isn't a safetensors file",
        "cut.safetensors": "is cut short",
    }
    assert found.keys() == {"good.safetensors", "lakes", *reasons}
    for name, words in reasons.items():
        assert words in found[name].why
    assert not any("unet" in name for name in found), "the parts of a model in a folder aren't models"


def test_loops_of_links_end_and_a_folder_is_entered_once(tmp_path: Path) -> None:
    inside = tmp_path / "models" / "deep"
    inside.mkdir(parents=True)
    save_file(essentials("sd15"), inside / "a.safetensors")
    (inside / "up").symlink_to(tmp_path / "models")
    (inside / "self").symlink_to(inside / "self")
    (tmp_path / "models" / "again").symlink_to(inside)
    everything = list(scan.scan([Place(tmp_path / "models", YOURS), Place(inside, COMFYUI)]))
    assert [Path(one.name).name for one in everything if isinstance(one, Found)] == ["a.safetensors"]


def test_a_huge_folder_reports_progress_and_is_given_up_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MOST_ENTRIES", 300)
    for number in range(400):
        (tmp_path / f"{number:04}.txt").touch()
    told = list(scan.scan([Place(tmp_path, YOURS)]))
    (trouble,) = [one for one in told if isinstance(one, Unseen)]
    assert "holds more than 300 files; only these were checked. Add a folder further down." in trouble.why
    assert any(isinstance(one, Seen) for one in told)


@pytest.mark.slow
def test_a_hundred_thousand_files_take_seconds(tmp_path: Path) -> None:
    for number in range(100_000):
        (tmp_path / f"{number:06}.png").touch()
    began = time.monotonic()
    assert not found_in(tmp_path)
    assert time.monotonic() - began < 20


_SCAN = """
import os, sys
from pathlib import Path
from sdpo_core.checkpoints.places import Place
from sdpo_core.checkpoints.scan import scan, Unseen
if os.geteuid() == 0:
    os.setuid(65534)  # root may enter any folder
print(*(one.why for one in scan([Place(Path(sys.argv[1]), "")]) if isinstance(one, Unseen)))
"""


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows have no such permission")
def test_a_folder_without_permission_is_named() -> None:
    with tempfile.TemporaryDirectory() as outer:  # not under tmp_path, which another user can't reach
        Path(outer).chmod(0o755)
        closed = Path(outer) / "closed"
        closed.mkdir(mode=0o000)
        said = subprocess.run([sys.executable, "-c", _SCAN, outer], check=True, capture_output=True, text=True)
    assert f"{closed} can't be opened (Permission denied)" in said.stdout


def test_a_missing_place_is_skipped(tmp_path: Path) -> None:
    assert model_places([tmp_path / "gone"]) == []
    (trouble,) = list(scan.scan([Place(tmp_path / "gone", YOURS)]))
    assert isinstance(trouble, Unseen)
    assert "No such file" in trouble.why


# --- where other tools keep them --------------------------------------------------------------------------------------


def folders(told: Iterator[Place] | list[Place]) -> dict[str, Path]:
    return {place.tool: place.folder for place in told}


def test_tools_are_found_where_people_put_them(home: Path) -> None:
    for name in ("ComfyUI/models/checkpoints", "stable-diffusion-webui/models/Stable-diffusion"):
        (home / name).mkdir(parents=True)
    (home / "StabilityMatrix/Data/Models/StableDiffusion").mkdir(parents=True)
    assert folders(model_places()) == {
        COMFYUI: home / "ComfyUI/models/checkpoints",
        A1111: home / "stable-diffusion-webui/models/Stable-diffusion",
        MATRIX: home / "StabilityMatrix/Data/Models/StableDiffusion",
    }


def test_variables_and_flags_name_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("c/models/checkpoints", "mine", "flag", "data/models/Stable-diffusion"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "c"))
    monkeypatch.setenv("SDPO_MODELS", os.pathsep.join([str(tmp_path / "mine"), "/gone"]))
    monkeypatch.setenv(
        "COMMANDLINE_ARGS", f"--xformers --ckpt-dir '{tmp_path / 'flag'}' --data-dir={tmp_path / 'data'}"
    )
    expected = {"c/models/checkpoints", "mine", "flag", "data/models/Stable-diffusion"}
    assert {str(place.folder.relative_to(tmp_path)) for place in model_places()} == expected
    monkeypatch.setenv("COMMANDLINE_ARGS", "--ckpt-dir 'never closed")
    assert len(model_places()) == 2


def test_an_added_folder_of_a_tool_means_its_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "tool/models/checkpoints").mkdir(parents=True)
    (tmp_path / "plain").mkdir()
    assert model_places([tmp_path / "tool", tmp_path / "plain"]) == [
        Place(tmp_path / "tool/models/checkpoints", COMFYUI),
        Place(tmp_path / "plain", YOURS),
    ]


def test_comfyuis_extra_model_paths_are_followed(tmp_path: Path, home: Path) -> None:
    comfy = home / "ComfyUI"
    for folder in (comfy, tmp_path / "a", tmp_path / "b/sub", home / "rel", home / ".config/ComfyUI", home / "desk"):
        folder.mkdir(parents=True, exist_ok=True)
    (comfy / "extra_model_paths.yaml").write_text(
        f"a111:\n  base_path: {tmp_path}\n  checkpoints: |\n    a\n    b/sub\n    gone\n  loras: x\n"
        "other:\n  checkpoints: ../rel\nempty:\nlist: [1]\n"
    )
    (home / ".config/ComfyUI/extra_models_config.yaml").write_text(f"d:\n  base_path: {home}\n  checkpoints: desk/\n")
    told = {place.folder.resolve() for place in model_places()}
    expected = {tmp_path / "a", tmp_path / "b/sub", home / "rel"}
    if sys.platform == "linux":
        expected.add(home / "desk")
    assert told == expected


@pytest.mark.parametrize("content", ["a: [", "- 1\n- 2", "!!python/object/apply:os.system [x]", "\x00", "x" * 300_000])
def test_a_strange_extra_model_paths_names_nothing(home: Path, content: str) -> None:
    (home / "ComfyUI").mkdir()
    (home / "ComfyUI" / "extra_model_paths.yaml").write_text(content)
    assert model_places() == []


def test_the_hubs_cache_is_looked_through(model: Path, tmp_path: Path) -> None:
    commit = "c" * 40

    def repository(name: str) -> Path:
        folder = tmp_path / "hub" / f"models--someone--{name}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(commit)
        return folder / "snapshots" / commit

    shutil.copytree(model, repository("lakes"))
    language = repository("language")
    language.mkdir(parents=True)
    save_file({"x": torch.zeros(1)}, language / "model.safetensors")
    two = repository("two")
    two.mkdir(parents=True)
    save_file(essentials("sd15"), two / "a.safetensors")
    save_file({"x": torch.zeros(1)}, two / "b.safetensors")
    found = [one for one in scan.scan([]) if isinstance(one, Found)]
    assert [(one.source, bool(one.look)) for one in found] == [
        ("someone/lakes", True),
        ("someone/two/a.safetensors", True),
    ]


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_the_verb_streams_json_and_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m").mkdir()
    save_file(essentials("sd15"), tmp_path / "m" / "good.safetensors")
    (tmp_path / "m" / "bad.ckpt").touch()
    assert main(["models", "--folder", str(tmp_path / "m"), "--json"]) == 0
    rows: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_name = {row["name"]: row for row in rows if row["kind"] == "model"}
    assert by_name["good.safetensors"]["family"] == "sd15"
    assert "pickle" in by_name["bad.ckpt"]["problem"]
    assert main(["models", str(tmp_path / "m" / "good.safetensors"), "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["sha256"] == sha256_file(tmp_path / "m" / "good.safetensors")
    assert main(["models", "--folder", str(tmp_path / "m")]) == 0
    table = capsys.readouterr().out
    assert "sd15" in table
    assert last["sha256"][:10] in table
    assert main(["models", str(tmp_path / "gone")]) == 1


def test_finding_models_loads_no_model_library() -> None:
    code = "import sys, sdpo_core.cli.models\nassert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository_root())


def test_a_look_at_nothing_is_refused_with_a_message(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no model at"):
        look_at_model(str(tmp_path / "gone"))
