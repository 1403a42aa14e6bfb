"""The library writes an adapter, the pack reads it: the two agree on the file without knowing each other."""

from pathlib import Path

import pytest

from comfy_nodes.fit import Outcome, adapter_family, describe, refuse_unusable, wrong_family, wrong_prediction
from comfy_nodes.header import Header, read_header
from comfy_nodes.problem import PackProblem
from sdpo_core.adapters.file import save_adapter
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from tests.tiny_model import build_tiny_pipeline


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lora]:
    folder = tmp_path_factory.mktemp("contract")
    model = load_model(str(build_tiny_pipeline(folder / "model")), device="cpu")
    lora = Lora.create(model, rank=2, alpha=4.0, targets="wide", seed=0)
    path = folder / "my-taste.safetensors"
    save_adapter(path, lora, info=model.info, sdpo={"pairs": 60, "step": 100}, title="my-taste")
    return path, lora


def test_the_pack_sees_every_module(adapter: tuple[Path, Lora]) -> None:
    path, lora = adapter
    header = read_header(path)
    assert header.modules == len(lora.modules)
    assert f"lora_unet_{lora.modules[0].replace('.', '_')}.lora_up.weight" in header.shapes


def test_the_pack_reads_what_the_file_says_about_itself(adapter: tuple[Path, Lora]) -> None:
    header = read_header(adapter[0])
    assert adapter_family(header) == "sd15"
    assert adapter_family(Header(header.shapes, {**header.metadata, "sdpo": ""})) == "sd15"  # by kohya's keys alone
    assert wrong_family(header, ["SD15"]) is None
    assert wrong_family(header, ["SDXL"]) is not None
    assert wrong_prediction(header, "EPS") is None
    assert wrong_prediction(header, "V_PREDICTION") is not None
    said = describe("my-taste", header, Outcome(header.modules, header.modules, 0, "EPS"), strength=1.0)
    assert f"{header.modules} of {header.modules} modules patched" in said
    assert "Learned from 60 pairs in 100 steps." in said
    assert "⚠" not in said


def test_an_adapter_of_a_narrow_model_is_refused(adapter: tuple[Path, Lora]) -> None:
    header = read_header(adapter[0])
    with pytest.raises(PackProblem, match="works only in the studio"):
        refuse_unusable(adapter[0], header)
    wide = {name: (320, *shape[1:]) if "to_q.lora_up" in name else shape for name, shape in header.shapes.items()}
    refuse_unusable(adapter[0], Header(wide, header.metadata))


def test_other_users_may_read_the_file(adapter: tuple[Path, Lora]) -> None:
    assert adapter[0].stat().st_mode & 0o044 == 0o044
