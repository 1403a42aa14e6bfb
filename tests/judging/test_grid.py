"""Grids drawn by real, tiny models; what is picked from one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import AdapterError, ConfigError, RunError
from sdpo_core.judging.grid import run_grid
from sdpo_core.judging.grid_plan import GridPlan, cell_path, pick, read_plan
from sdpo_core.runs.folder import RunFolder, Status
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.judge import GridConfig
from sdpo_core.workspace.records import Fit
from sdpo_core.workspace.store import Store
from tests.judging.conftest import make_adapter

Draw = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run with two checkpoints and previews, of which the second was published."""
    root = tmp_path_factory.mktemp("trained")
    for number in (1, 2):
        checkpoint = root / "checkpoints" / f"step-{50 * number:06d}"
        checkpoint.mkdir(parents=True)
        make_adapter(folder, checkpoint / "adapter.safetensors", seed=number)
        previews = root / "previews" / f"step-{50 * number:06d}"
        previews.mkdir(parents=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(previews / "00.png")
    return root


@pytest.fixture
def workspace(folder: Path, trained: Path, tmp_path: Path) -> Path:
    """A workspace that knows the published adapter as `mine`."""
    run = RunFolder.create(tmp_path / "runs", "train", {})
    for source in trained.rglob("*"):
        if source.is_file():
            target = run.path / source.relative_to(trained)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    with Store(tmp_path) as store:
        path = tmp_path / "adapters" / "mine.safetensors"
        path.write_bytes(run.checkpoint_adapters()[100].read_bytes())
        base = inspect_model(str(folder)).sha256
        store.adapters.add(name="mine", path=path, sha256=sha256_file(path), base_sha256=base, run_id=run.id)
    return tmp_path


@pytest.fixture
def draw(folder: Path, workspace: Path) -> Draw:
    def go(on_status: Callable[[Status, RunFolder], None] | None = None, **settings: Any) -> RunFolder:
        defaults = {"model": str(folder), "device": "cpu", "sampling_steps": 2, "prompt": "a lake"}
        config = GridConfig.parse({**defaults, **settings})
        run = RunFolder.create(workspace / "runs", "grid", config.model_dump(mode="json"))
        echo = (lambda status: on_status(status, run)) if on_status else None
        run_grid(config, run, workspace, Reporter(run, "grid", 0, echo))
        return run

    return go


def pixels(run: RunFolder, row: int, column: int) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(cell_path(run, row, column)), dtype=float)


def test_rows_are_checkpoints_and_columns_are_strengths(draw: Draw, workspace: Path) -> None:
    run = draw(strengths=(1.0, 0.0, 0.5), checkpoints=(100, 50, 100))
    assert (run.status().state, run.status().step, run.status().total) == ("done", 10, 10), "the base is drawn once"
    plan = read_plan(run)
    assert plan
    assert (plan.prompt, plan.strengths, [row.step for row in plan.rows]) == ("a lake", (0.0, 0.5, 1.0), [50, 100])
    asked = run.settings()["adapter"]
    assert plan.adapter == asked if asked != "latest" else plan.adapter == "mine"
    assert cell_path(run, 0, 0).read_bytes() == cell_path(run, 1, 0).read_bytes(), "strength 0 is the base model"
    first, second = ([pixels(run, row, column) for column in range(3)] for row in (0, 1))
    assert (first[2] != second[2]).any(), "checkpoints differ"
    away = [np.abs(image - first[0]).mean() for image in first]
    assert 0 == away[0] < away[1] < away[2], "the stronger, the further from the base"
    with Store(workspace) as store:
        assert not store.candidates.newest(), "nobody is asked to vote on them"
        (record,) = store.adapters.all()
    assert record.fit
    assert record.fit.matched == record.fit.modules > 0, "drawing proves that it loads"


def test_without_checkpoints_the_adapter_itself_and_a_starter_prompt_are_drawn(draw: Draw) -> None:
    run = draw(prompt=" ", strengths=(0.5,))
    plan = read_plan(run)
    assert plan
    assert [row.step for row in plan.rows] == [None]
    assert plan.prompt == run.settings()["prompt"] != ""
    assert run.status().total == 2
    noted = draw(prompt="a [cat|dog:0.5] lake", strengths=(0.5,))
    assert "Not supported, so used as plain text" in noted.status().message


def test_the_same_grid_again_is_the_same(draw: Draw) -> None:
    one, other = (draw(strengths=(1.0,)) for _ in range(2))
    assert cell_path(one, 0, 0).read_bytes() == cell_path(other, 0, 0).read_bytes()


def test_a_missing_checkpoint_is_refused(draw: Draw) -> None:
    with pytest.raises(AdapterError, match=r"mine has no checkpoint of step 75\. Available: 50, 100"):
        draw(checkpoints=(50, 75))


@pytest.mark.parametrize("bad", [{"strengths": ()}, {"strengths": (3.0,)}, {"checkpoints": (0,)}, {"seed": -1}])
def test_impossible_grids_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        GridConfig.parse(bad)


def test_a_stop_keeps_the_images_so_far(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdpo_core.runs.reporter.REPORT_INTERVAL_S", 0.0)

    def stop_in_the_second(status: Status, run: RunFolder) -> None:
        if status.message.startswith("Image 2"):
            run.signal("stop")

    run = draw(stop_in_the_second, strengths=(0.0, 1.0))
    assert (run.status().state, run.status().message) == ("stopped", "Stopped after 1 of 2 images.")
    assert cell_path(run, 0, 0).is_file()
    assert not cell_path(run, 0, 1).exists()


# --- picking ---------------------------------------------------------------------------------------------------------


def test_picking_a_strength_of_the_adapter_itself_recommends_it(draw: Draw, workspace: Path) -> None:
    run = draw(strengths=(0.0, 0.75))
    with Store(workspace) as store:
        assert pick(store, run, 0, 1).strength == 0.75
        assert [(one.name, one.strength) for one in store.adapters.all()] == [("mine", 0.75)]


def test_picking_a_checkpoint_makes_it_an_adapter_once(draw: Draw, workspace: Path) -> None:
    run = draw(strengths=(0.5, 1.0), checkpoints=(50, 100))
    with Store(workspace) as store:
        assert pick(store, run, 1, 0).name == "mine", "the published checkpoint is the adapter that is there"
        made = pick(store, run, 0, 1)
        again = pick(store, run, 0, 0)
        assert (made.name, made.strength, again.strength, again.id) == ("mine-step-50", 1.0, 0.5, made.id)
        path = workspace / made.path
        assert sha256_file(path) == made.sha256
        assert Image.open(path.with_suffix(".png")).getpixel((0, 0)) == (1, 0, 0), "with its own preview"
        mine, fit = store.adapters.find("mine"), made.fit
        assert (mine.run_id, mine.base_sha256) == (made.run_id, made.base_sha256)
        assert fit == mine.fit == Fit(modules=fit.modules, matched=fit.modules) if fit else False


def test_what_can_not_be_picked_is_refused(draw: Draw, workspace: Path) -> None:
    run = draw(strengths=(0.0, 1.0), checkpoints=(50,))
    with Store(workspace) as store:
        with pytest.raises(AdapterError, match="Strength 0 is the base model"):
            pick(store, run, 0, 0)
        for row, column in ((1, 1), (0, 2), (-1, 0)):
            with pytest.raises(RunError, match="no such image"):
                pick(store, run, row, column)
        trained = RunFolder(workspace / "runs" / store.adapters.find("mine").run_id)
        trained.checkpoint_adapters()[50].unlink()
        with pytest.raises(AdapterError, match="checkpoint of step 50 is missing"):
            pick(store, run, 0, 1)


def test_a_damaged_plan_is_reported(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "runs", "grid", {})
    assert read_plan(run) is None
    (run.path / "grid.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="Generate the grid again"):
        read_plan(run)


def test_a_plan_survives_its_file(draw: Draw) -> None:
    plan = read_plan(draw(strengths=(1.0,)))
    assert plan
    assert GridPlan.model_validate_json(plan.model_dump_json()) == plan
