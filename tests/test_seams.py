"""What is added by one file and one line is there everywhere: a copy of the package gets one of each."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from app.pages import PAGES
from sdpo_core.families.family import Family
from sdpo_core.families.for_comfyui import PACK_FILE, pack_facts
from sdpo_core.families.table import FAMILIES
from sdpo_core.methods.losses import LOSSES, table_of_losses
from sdpo_core.methods.named import named
from sdpo_core.methods.optimizers import OPTIMIZERS
from sdpo_core.settings.base import leaves
from sdpo_core.settings.train import TrainConfig
from tests.original_layout import essentials
from tests.test_house import ROOT, loaded_by

HINGE = '''
def hinge(terms):
    """max(0, 1 − u), (B,)."""
    return (1 - terms.margin).clamp_min(0)
'''
SGD = '''
import torch
def sgd(parameters, learning_rate):
    """Plain descent."""
    return torch.optim.SGD(parameters, lr=learning_rate)
'''
TINY = '''
from dataclasses import replace
from sdpo_core.families.known.sd15 import FAMILY as SD15

def load(family, info, *, device, dtype, parts=None):
    """A random network."""
    import types, torch
    return types.SimpleNamespace(info=info, network=torch.nn.Linear(2, 3))

FAMILY = replace(
    SD15,
    name="tiny",
    title="Tiny Diffusion",
    short_title="Tiny",
    prefixes={**SD15.prefixes, "text_encoder": "tiny_text."},
    guidance=2.5,
    kohya={"epsilon": "tiny_v1", "v_prediction": "tiny_v1"},
    comfyui_classes=("Tiny",),
    kohya_start="tiny",
    model="sdpo_core.families.known.tiny:load",
)
'''
COOLDOWN = """
    cooldown_steps: Annotated[int, Shown("Cool-down", Topic.SCHEDULE, Section.ADAPTER, order=7, unit="steps")] = Field(
        default=5, ge=0
    )
    \"\"\"Steps at the end that learn nothing.\"\"\"
"""
PAGE = '''
import gradio as gr
from app.ui.page import Page

PAGE = "Calendar"

def build():
    """One line."""
    gr.Markdown("Nothing yet.", elem_id="calendar")
    return Page()
'''
VERB = '''
from sdpo_core.cli.command import Command

def greet(options, out):
    """Say hello."""
    out.result({"hello": 1}, "Hello.")
    return 0

COMMAND = Command("greet", "say hello", greet)
'''
LAYOUT = """
from sdpo_core.exchange.importers.found import Trouble

ABOUT = "a file named votes.xyz"

def is_here(folder):
    return (folder.root / "votes.xyz").is_file()

def read(folder):
    yield Trouble("votes.xyz", "It is empty.")
"""
METADATA = """
from sdpo_core.workspace.records import MadeWith

def read(texts):
    return MadeWith(tool="Lakes", prompt=texts["lakes"]) if "lakes" in texts else None
"""
FILES = {
    "app/calendar/__init__.py": "",
    "app/calendar/page.py": PAGE,
    "sdpo_core/cli/greet.py": VERB,
    "sdpo_core/exchange/importers/xyz.py": LAYOUT,
    "sdpo_core/exchange/metadata/lakes.py": METADATA,
    "sdpo_core/objective/hinge.py": HINGE,
    "sdpo_core/training/sgd.py": SGD,
    "sdpo_core/families/known/tiny.py": TINY,
}
LINES = {  # a line of each table, with the import that it needs, and what goes before it
    "app/pages.py": (
        '    "calendar": Row(calendar.PAGE, lambda _: calendar.build()),',
        '    "disk": ',
        "from app.calendar import page as calendar",
    ),
    "sdpo_core/cli/main.py": ("    greet.COMMAND,", "    doctor.COMMAND,", "from sdpo_core.cli import greet"),
    "sdpo_core/exchange/importers/__init__.py": (
        '    "xyz": Layout(xyz.ABOUT, xyz.is_here, xyz.read),',
        '    "jsonl": ',
        "from sdpo_core.exchange.importers import xyz",
    ),
    "sdpo_core/exchange/metadata/__init__.py": (
        '    "Lakes": lakes.read,',
        '    "InvokeAI": ',
        "from sdpo_core.exchange.metadata import lakes",
    ),
    "sdpo_core/methods/losses.py": (
        '        Loss("hinge", "sdpo_core.objective.hinge:hinge", "a hinge", "max(0, 1 − u)", "1", "a test", (), 1),',
        "        Loss(\n",
    ),
    "sdpo_core/methods/optimizers.py": (
        '        Optimizer("sgd", "sdpo_core.training.sgd:sgd", label="plain descent"),',
        "        Optimizer(",
    ),
    "sdpo_core/families/table.py": ('    "tiny",', ")\n"),
    "sdpo_core/settings/course.py": (COOLDOWN.strip("\n"), "    checkpoint_every_steps: "),
}
SCRIPT = """
import argparse, contextlib, io, json, sys, types
from pathlib import Path
import gradio, torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from sdpo_core.families.table import FAMILIES
from app.main import build
from app.server.lan import Lan
from app.studio import Studio
from app.train.settings_form import TrainSettings
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.cli import adapter_files
from sdpo_core.cli.main import main
from sdpo_core.errors import ConfigError
from sdpo_core.exchange.metadata import read_made_with
from sdpo_core.families.for_comfyui import pack_facts
from sdpo_core.families.table import FAMILIES
from sdpo_core.methods.losses import table_of_losses
from sdpo_core.models.registry import load_model
from sdpo_core.objective import Sides, preference_loss
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings.base import leaves
from sdpo_core.settings.presets import read_settings_text, settings_text, train_config
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.optimizers import make_optimizer

def refusal(**values):
    try:
        TrainConfig.parse(values)
    except ConfigError as error:
        return str(error)

with contextlib.redirect_stdout(io.StringIO()) as help_text, contextlib.suppress(SystemExit):
    main(["train", "--help"])
with contextlib.redirect_stdout(io.StringIO()) as verbs, contextlib.suppress(SystemExit):
    main(["--help"])
with contextlib.redirect_stdout(io.StringIO()) as greeting:
    main(["greet"])
with contextlib.redirect_stdout(io.StringIO()) as imported:
    Path("votes").mkdir()
    Path("votes/votes.xyz").touch()
    main(["import", "votes", "--workspace", "imports"])
with gradio.Blocks():
    page = TrainSettings(None)
texts = PngInfo()
texts.add_text("lakes", "a lake")
Image.new("RGB", (8, 8)).save("lake.png", pnginfo=texts)
pair = Sides(torch.zeros(1, 4, 2, 2), torch.zeros(1, 4, 2, 2))
lora = types.SimpleNamespace(parameters=[torch.nn.Parameter(torch.ones(1))])
config = TrainConfig.of(loss="hinge", optimizer="sgd")
run = RunFolder.create(Path("runs"), "train", TrainConfig.of(cooldown_steps=9).model_dump(mode="json"))
older = RunFolder.create(Path("older"), "train", {})
(older.path / "config.json").write_text(sys.argv[3])
checkpoint, adapter = sys.argv[1:3]
info = inspect_model(checkpoint)
parser = argparse.ArgumentParser()
adapter_files.add_arguments(parser)
print(json.dumps({
    "help": help_text.getvalue(),
    "verbs": verbs.getvalue(),
    "greeting": greeting.getvalue(),
    "imported": imported.getvalue(),
    "made_with": read_made_with(Path("lake.png")).model_dump(),
    "blocks": [one.elem_id for one in build(Studio(Path("workspace")), Lan(0)).blocks.values()],
    "fields": {
        field.elem_id: [value for _, value in field.choices] for field in page.fields if hasattr(field, "choices")
    },
    "cooldown": next([one.label, one.info, one.value] for one in page.fields if one.elem_id == "train-cooldown_steps"),
    "written": json.loads((run.path / "config.json").read_text()),
    "again": TrainConfig.parse(run.config()) == TrainConfig.of(cooldown_steps=9),
    "toml": settings_text({"cooldown_steps": 9}, TrainConfig),
    "from_toml": read_settings_text("cooldown_steps = 9", TrainConfig),
    "missing": [name for name in leaves(TrainConfig) if name not in RunFolder(older.path).settings()],
    "docs": table_of_losses(),
    "loss": float(preference_loss("hinge", pair, pair, pair, beta=1.0, mu=0.5)),
    "optimizer": type(make_optimizer(lora, config.computing.optimizer, 1e-3)).__name__,
    "family": [info.family, info.default_guidance, train_config({}, info).lora.rank],
    "network": type(load_model(checkpoint, device="cpu").network).__name__,
    "label": FAMILIES["tiny"].title,
    "choices": parser.format_help(),
    "adapter": read_adapter_info(Path(adapter)).family,
    "pack": json.loads(pack_facts())["tiny"],
    "refused": [
        *(refusal(loss="hinge", anchor=1.0), refusal(loss="hing")),
        *(refusal(cooldown_steps=-1), refusal(cooldwn_steps=1)),
    ],
}))
"""


def copy_of_the_package(folder: Path) -> Path:
    """What the studio and the library read, without what is large."""
    large = shutil.ignore_patterns("__pycache__", ".cache", "vendor", "*.safetensors")
    for name in ("app", "sdpo_core", "assets/presets", "assets/configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=large)
    return folder


def add_line(path: Path, line: str, before: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, f"{line}\n{before}", 1), encoding="utf-8")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = copy_of_the_package(tmp_path_factory.mktemp("extended"))
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name, (line, before, *imports) in LINES.items():
        add_line(folder / name, line, before)
        for one in imports:
            add_line(folder / name, one, one.partition(".")[0])
    shutil.copytree(ROOT / "assets/configs/sd15", folder / "assets/configs/tiny")  # sizes, not code
    old = "cond_stage_model.transformer."
    tensors = {name.replace(old, "tiny_text."): tensor for name, tensor in essentials("sd15").items()}
    save_file(tensors, folder / "lakes.safetensors")
    save_file(
        {"lora_unet_conv_in.lora_down.weight": torch.zeros(1, 4, 3, 3)},
        folder / "taste.safetensors",
        {"ss_base_model_version": "tiny_v1"},
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "lakes.safetensors", "taste.safetensors", json.dumps(TrainConfig().flat())],
        cwd=folder,
        env={**os.environ, "SDPO_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_loss_that_was_added_is_offered_computed_and_documented(told: dict[str, Any]) -> None:
    assert "hinge" in told["fields"]["train-loss"]
    assert "{hinge,diffusion-dpo," in told["help"].replace("\n", "")
    assert "`hinge`, a hinge" in " ".join(told["help"].split())
    assert "| `hinge` | max(0, 1 − u) | 1 | a test |" in told["docs"]
    assert told["loss"] == 1.0
    assert "anchor adds the winner's own error, which is what loss 'hinge' consists of" in told["refused"][0]
    assert "'hinge'" in told["refused"][1]


def test_an_optimiser_that_was_added_is_offered_and_made(told: dict[str, Any]) -> None:
    assert told["fields"]["train-optimizer"] == ["sgd", *OPTIMIZERS]
    assert "`sgd`, plain descent" in " ".join(told["help"].split())
    assert told["optimizer"] == "SGD"


def test_a_setting_that_was_added_is_a_flag_a_field_and_in_every_file(told: dict[str, Any]) -> None:
    assert "--cooldown-steps N" in told["help"]
    assert "Steps at the end that learn nothing. (5)" in " ".join(told["help"].split())
    assert told["cooldown"] == ["Cool-down (steps)", "Steps at the end that learn nothing.", 5]
    assert told["written"]["schedule"]["cooldown_steps"] == 9
    assert told["again"]
    assert told["toml"].endswith("[schedule]\ncooldown_steps = 9\n")
    assert told["from_toml"] == {"cooldown_steps": 9}
    assert "cooldown_steps: Input should be greater than or equal to 0" in told["refused"][2]
    assert "Did you mean cooldown_steps (in [schedule])?" in told["refused"][3]
    assert told["missing"] == ["cooldown_steps"], "so the test of older runs asks for a step"


def test_a_page_that_was_added_is_on_a_tab(told: dict[str, Any]) -> None:
    tabs = [elem_id for elem_id in told["blocks"] if elem_id and elem_id.startswith("tab-")]
    assert tabs == [f"tab-{name}" for name in [*list(PAGES)[:-1], "calendar", "disk"]]
    assert "calendar" in told["blocks"]


def test_a_verb_that_was_added_is_listed_and_runs(told: dict[str, Any]) -> None:
    assert "say hello" in told["verbs"]
    assert told["greeting"] == "Hello.\n"


def test_a_layout_that_was_added_is_found_and_read(told: dict[str, Any]) -> None:
    assert "Layout xyz: a file named votes.xyz." in told["imported"]
    assert "It is empty." in told["imported"]


def test_a_metadata_reader_that_was_added_is_asked(told: dict[str, Any]) -> None:
    assert (told["made_with"]["tool"], told["made_with"]["prompt"]) == ("Lakes", "a lake")


def test_a_family_that_was_added_is_recognised_offered_and_loaded(told: dict[str, Any]) -> None:
    assert told["family"] == ["tiny", 2.5, 16]
    assert told["network"] == "Linear"
    assert told["label"] == "Tiny Diffusion"
    assert "tiny" in told["choices"]
    assert "tiny" in told["help"]
    assert told["adapter"] == "tiny"
    assert told["pack"] == {"title": "Tiny", "classes": ["Tiny"], "kohya": "tiny", "narrowest_query": 320}


def test_the_comfyui_pack_has_todays_families() -> None:
    assert PACK_FILE.read_text(encoding="utf-8") == pack_facts(), "run python -m sdpo_core.families.for_comfyui"


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_a_family_is_whole(family: Family) -> None:
    assert set(family.prefixes) == {part.name for part in family.parts}
    assert set(family.lora_targets) == {"attention", "wide"}
    assert set(family.kohya) == set(family.modelspec) == {"epsilon", "v_prediction"}
    assert all(version.startswith(family.kohya_start) for version in family.kohya.values())
    assert callable(named(family.model))


def test_the_page_on_the_maths_lists_the_losses() -> None:
    assert table_of_losses() in (ROOT / "docs" / "maths.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("row", [*LOSSES.values(), *OPTIMIZERS.values()], ids=lambda row: row.name)
def test_every_row_names_a_function_and_a_setting(row: Any) -> None:
    assert callable(named(row.function))
    assert set(getattr(row, "options", ())) <= set(leaves(TrainConfig))
    assert row.label
    assert row.label[-1] != "."


def test_the_tables_are_read_without_torch() -> None:
    assert "torch" not in loaded_by(
        "import sdpo_core.families.table, sdpo_core.methods.losses, sdpo_core.methods.optimizers"
    )
