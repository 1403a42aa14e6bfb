"""The base model has been replaced: no run is resumed on it, and what an earlier demo model made is named as such."""

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from app.studio import Studio
from app.train.text import say as train_say
from sdpo_core.adapters.export import known_base
from sdpo_core.adapters.file import load_adapter, prove_adapter
from sdpo_core.checkpoints import earlier_demos
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import AdapterError, RunError
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.base import leaves
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.job import run_train
from sdpo_core.training.rounds import keep_start
from sdpo_core.training.run_data import keep_base, load_data
from sdpo_core.workspace.pairs import training_pairs
from sdpo_core.workspace.store import Store
from tests.app.helpers import add_pair
from tests.tiny_model import build_tiny_pipeline

QUICK: dict[str, Any] = {
    "beta": 2000.0, "rank": 1, "lora_alpha": 1.0, "learning_rate": 1e-3, "pairs_per_step": 2, "pairs_per_micro_step": 2,
    "steps": 2, "preview_prompts": 0, "bank_draws_per_pair": 2, "size_px": 64, "adapter_name": "mine",
}  # fmt: skip


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace, in which a run was stopped before its first step, and the model it was started on."""
    folder = tmp_path_factory.mktemp("other-base")
    model = build_tiny_pipeline(folder / "model")
    base = inspect_model(str(model)).sha256
    with Store(folder / "workspace") as store:
        for number in range(4):
            pair = add_pair(store, number, f"a hill {number}", base)
            store.votes.cast(str(uuid.UUID(int=number)), pair.id, "left")
    run = begin(folder)
    run.signal("stop")
    resume(run, folder)
    assert run.status().state == "stopped"
    return folder


@pytest.fixture(scope="module")
def trained(stopped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the run resumed to its end."""
    folder = copied(stopped, tmp_path_factory.mktemp("trained"))
    resume(only_run(folder), folder)
    return folder


@pytest.fixture
def folder(stopped: Path, tmp_path: Path) -> Path:
    """The stopped run, to be changed."""
    return copied(stopped, tmp_path)


@pytest.fixture
def earlier(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose votes and adapter are of a demo model that has been replaced."""
    folder = copied(trained, tmp_path)
    monkeypatch.setattr(earlier_demos, "_EARLIER", frozenset({inspect_model(str(folder / "model")).sha256}))
    replace_model(folder)
    return folder


def copied(folder: Path, to: Path) -> Path:
    """A copy, whose run names the model of the copy."""
    shutil.copytree(folder, to / "copy")
    run = only_run(to / "copy")
    run.write_config({**run.settings(), "model": str(to / "copy" / "model")})
    return to / "copy"


def begin(folder: Path, **settings: Any) -> RunFolder:
    config = TrainConfig.parse({"model": str(folder / "model"), **QUICK, **settings})
    return RunFolder.create(folder / "workspace" / "runs", "train", config.model_dump(mode="json"))


def resume(run: RunFolder, folder: Path) -> None:
    run_train(TrainConfig.parse(run.config()), run, folder / "workspace", Reporter(run, "train", 0))


def only_run(folder: Path) -> RunFolder:
    (path,) = (folder / "workspace" / "runs").iterdir()
    return RunFolder.open(path)


def replace_model(folder: Path) -> None:
    shutil.rmtree(folder / "model")
    build_tiny_pipeline(folder / "model", seed=1)


def test_a_run_is_resumed_on_the_model_that_it_was_started_on(trained: Path) -> None:
    assert only_run(trained).status().state == "done"


@pytest.mark.parametrize("provenance", ["whole", "gone"])  # gone: stopped while it was loading, by an earlier version
def test_a_run_is_not_resumed_on_another_model(folder: Path, provenance: str) -> None:
    run = only_run(folder)
    replace_model(folder)
    if provenance == "gone":
        (run.path / "provenance.json").unlink()
    before = {path: path.read_bytes() for path in run.path.rglob("*.json") if path.name != "status.json"}
    with pytest.raises(RunError, match=r"has been changed since run .* started, so it can't be resumed") as told:
        resume(run, folder)
    assert "restore the earlier model and resume, or start a new run." in str(told.value)
    assert {path: path.read_bytes() for path in before} == before
    assert not run.adapter_path.exists()


def test_the_base_is_known_from_the_first_moment(folder: Path) -> None:
    run = begin(folder)
    keep_base(run, inspect_model(str(folder / "model")), None)
    assert load_data(run) is None
    replace_model(folder)
    with pytest.raises(RunError, match="can't be resumed"):
        resume(run, folder)


def test_pairs_of_any_model_do_not_show_which_one_a_run_began_on(folder: Path) -> None:
    run = only_run(folder)
    (run.path / "provenance.json").unlink()
    run.write_config({**run.settings(), "pairs_from": "all"})
    replace_model(folder)
    info = inspect_model(str(folder / "model"))
    keep_base(run, info, load_data(run))
    assert info.sha256 in (run.path / "provenance.json").read_text("utf-8")


def test_a_damaged_provenance_is_a_sentence(folder: Path) -> None:
    run = only_run(folder)
    (run.path / "provenance.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="which names its base model, can't be read"):
        resume(run, folder)


def test_a_run_on_an_earlier_demo_model_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = only_run(folder)
    replace_model(folder)
    monkeypatch.setattr("sdpo_core.checkpoints.model_info._demo_folder", lambda: folder / "model")
    with pytest.raises(RunError, match="The demo model has been replaced since run") as told:
        resume(run, folder)
    assert str(told.value).endswith("To train on this one, start a new run.")


def test_pairs_of_an_earlier_demo_model_are_distinguished(earlier: Path) -> None:
    with Store(earlier / "workspace") as store:
        base = inspect_model(str(earlier / "model")).sha256
        found = training_pairs(store, base)
        assert (found.earlier_demo, found.other_base, len(found.usable)) == (4, 0, 0)
        assert "4 made by the demo model of an earlier version" in found.sentence()
        assert len(training_pairs(store, base, "all").usable) == 4


def test_the_studio_says_what_to_do_with_votes_of_an_earlier_demo_model(earlier: Path) -> None:
    studio = Studio(earlier / "workspace")
    try:
        plan = studio.training.plan({})
        assert not plan.possible
        field = leaves(TrainConfig)["pairs_from"].shown.label
        assert train_say("earlierDemoPairs", field=field) in plan.sentence
        assert studio.training.plan({"pairs_from": "all"}).possible
    finally:
        studio.close()


def test_an_adapter_of_an_earlier_demo_model_is_named_as_such(earlier: Path, tmp_path: Path) -> None:
    path = earlier / "workspace" / "adapters" / "mine.safetensors"
    today = load_model(str(earlier / "model"), device="cpu")
    sentence = "It was trained on the demo model of an earlier version, so its effect may differ here."
    assert sentence in prove_adapter(path, today).sentence()
    with pytest.raises(AdapterError, match=r"mine.safetensors doesn't fit demo: .* demo model of an earlier version"):
        load_adapter(path, load_model("demo", device="cpu"))
    run = begin(earlier)
    with Store(earlier / "workspace") as store:
        with pytest.raises(AdapterError, match="demo model of an earlier version, so it can't be continued on model"):
            keep_start(run, store, "mine", today)
        base_sha256 = store.adapters.find("mine").base_sha256
    with pytest.raises(AdapterError, match="demo model of an earlier version, which is no longer"):
        known_base(base_sha256)
