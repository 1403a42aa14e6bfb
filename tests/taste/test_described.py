"""Features where they are needed: those of generated images immediately, others by the next job with the model."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sdpo_core.errors import ModelError
from sdpo_core.generation.job import run_generate
from sdpo_core.models.family import DiffusionModel
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter, Stopped
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.taste import described
from sdpo_core.taste.described import ensure_features, eye_of, files_of
from sdpo_core.taste.features import FEATURES, describe
from sdpo_core.workspace.imported import ImportedImage
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store
from tests.models.conftest import tiny, tiny_folder
from tests.workspace.helpers import add, add_pair, picture, vote_on
from tests.workspace.helpers import store as store_fixture

__all__ = ["tiny", "tiny_folder"]

store = store_fixture


def kept(store: Store, model: DiffusionModel) -> set[str]:
    return set(store.features.get(model.info.sha256, FEATURES))


def test_what_is_missing_is_computed_and_what_is_there_is_not(
    store: Store, tiny: DiffusionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [add(store, seed) for seed in range(3)]
    files = files_of(store, [*images, images[0]])
    assert [file.sha256 for file in files] == [one.image_sha256 for one in images]
    done = []
    found = ensure_features(store, tiny, files[:2], lambda: done.append(1))
    assert len(done) == 2
    np.testing.assert_array_equal(found[files[1].sha256], describe(tiny, [picture(0), picture(1)], ["a lake"] * 2)[1])
    asked: list[int] = []

    def counting(model: DiffusionModel, pictures: list, prompts: list[str]) -> np.ndarray:
        asked.append(len(pictures))
        return describe(model, pictures, prompts)

    monkeypatch.setattr(described, "describe", counting)
    again = ensure_features(store, tiny, files)
    assert asked == [1]
    assert set(again) == {file.sha256 for file in files}
    np.testing.assert_array_equal(again[files[0].sha256], found[files[0].sha256])
    assert store.features.eye(tiny.info.sha256, FEATURES) == eye_of(tiny)
    assert ensure_features(store, tiny, []) == {}


def test_images_that_cannot_be_read_are_left_out_and_a_stop_keeps_what_is_done(
    store: Store, tiny: DiffusionModel
) -> None:
    images = [add(store, seed) for seed in range(12)]
    store.images.path(images[0].image_sha256).unlink()
    store.images.path(images[1].image_sha256).write_bytes(b"damaged")
    files = files_of(store, images)
    assert len(files) == 11

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        ensure_features(store, tiny, files, stop)
    assert 0 < len(kept(store, tiny)) < 10
    assert set(ensure_features(store, tiny, files)) == {one.image_sha256 for one in images[2:]}


# ------------------------------------------------------------------------------------------------------ the job


def settings(folder: Path, **changes: object) -> GenerateConfig:
    chosen = {
        "model": str(folder),
        "device": "cpu",
        "prompts": ("a hill", "a lake"),
        "sampling_steps": 2,
        "seed": 3,
        "keep_warm_s": 0.0,
    }
    return GenerateConfig.parse({**chosen, **changes})


def drawing(config: GenerateConfig, workspace: Path) -> RunFolder:
    run = RunFolder.create(workspace / "runs", "generate", config.model_dump(mode="json"))
    run_generate(config, run, workspace, Reporter(run, "generate", 1))
    return run


def test_generated_images_are_described_including_earlier_ones(
    tiny_folder: Path, tiny: DiffusionModel, tmp_path: Path
) -> None:
    drawing(settings(tiny_folder), tmp_path)
    with Store(tmp_path) as store:
        images = {one.image_sha256 for one in store.candidates.newest()}
        assert kept(store, tiny) == images
        assert len(images) == 4
        with store._database.writing() as connection:
            connection.execute("DELETE FROM features")
    drawing(settings(tiny_folder), tmp_path)
    with Store(tmp_path) as store:
        assert kept(store, tiny) == images
        assert len(store.candidates.newest()) == 4


def test_a_warm_job_describes_what_was_imported(tiny_folder: Path, tiny: DiffusionModel, tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        voted = add_pair(store, 1)
        vote_on(store, voted)
        judged = add_pair(store, 5, purpose="judge", run_id="20261121-100000-judge-ab12")
        gone: Candidate = add_pair(store, 9).left
        store.images.path(gone.image_sha256).unlink()
    config = settings(tiny_folder, prompts=("a hill",), keep_warm_s=60.0)
    run = RunFolder.create(tmp_path / "runs", "generate", config.model_dump(mode="json"))
    job = threading.Thread(target=run_generate, args=(config, run, tmp_path, Reporter(run, "generate", 1)))
    job.start()
    try:
        with Store(tmp_path) as store:
            wanted = {voted.left.image_sha256, voted.right.image_sha256}
            deadline = time.monotonic() + 120
            while not wanted <= kept(store, tiny) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert wanted <= kept(store, tiny)
    finally:
        run.signal("stop")
        job.join(timeout=120)
    assert run.status().state == "stopped"
    with Store(tmp_path) as store:
        assert not {judged.left.image_sha256, judged.right.image_sha256, gone.image_sha256} & kept(store, tiny)


def test_a_model_that_cannot_describe_keeps_generating(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("It produced NaN.")

    monkeypatch.setattr(described, "describe", refuse)
    run = drawing(settings(tiny_folder), tmp_path)
    assert run.status().state == "done"
    assert "The taste model can't use these images: It produced NaN." in run.status().message
    with Store(tmp_path) as store:
        assert store.counts().open_pairs == 2


def test_an_imported_image_has_no_features_by_itself(store: Store, tiny: DiffusionModel) -> None:
    image: ImportedImage = store.imports.save_image(picture(3))
    assert store.features.lacking(tiny.info.sha256, FEATURES, [image.sha256]) == [image.sha256]
