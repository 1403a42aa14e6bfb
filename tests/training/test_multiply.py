"""Votes multiplied: what a run draws and labels itself, which is never a vote, never judged, and never drawn twice."""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import RunError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.presets import resolve
from sdpo_core.settings.train import TrainConfig
from sdpo_core.taste.labels import LABELS, pairs_to_draw
from sdpo_core.training import material
from sdpo_core.training.health import Bank
from sdpo_core.training.job import run_train
from sdpo_core.workspace.records import Choice, Recipe
from sdpo_core.workspace.store import Store
from tests.app.helpers import recipe

VOTES = 30
QUICK: dict[str, Any] = {
    "rank": 2, "lora_alpha": 6.0, "steps": 2, "pairs_per_step": 2, "preview_prompts": 0, "sampling_steps": 1,
    "bank_draws_per_pair": 2, "learning_rate": 1e-3, "warmup_steps": 0, "guidance": 1.0,
    "label_pairs": 6, "label_share": 0.5,
}  # fmt: skip


def fill(folder: Path, model: Path, *, taste: bool = True) -> Path:
    """A workspace of voted pairs: the brighter image is liked better, or (no taste) what a coin says."""
    base, coin = inspect_model(str(model)).sha256, np.random.default_rng(3)
    with Store(folder) as store:
        for i in range(VOTES):
            shades = coin.permutation([60 + 3 * i % 90, 120 + 5 * i % 90])
            made = [recipe(f"a hill {i % 10}", 100 + 2 * i + side, base) for side in (0, 1)]
            images = [Image.new("RGB", (64, 64), (int(shade), int(shade), 90)) for shade in shades]
            one, other = (store.candidates.add(image, named) for image, named in zip(images, made, strict=True))
            pair = store.pairs.add(one.id, other.id)
            brighter: Choice = "left" if (shades[0] > shades[1]) == (pair.left.id == one.id) else "right"
            liked: Choice = brighter if taste else ("left", "right")[int(coin.integers(2))]
            store.votes.cast(str(uuid.uuid4()), pair.id, liked)
    return folder


@pytest.fixture
def workspace(tiny_folder: Path, tmp_path: Path) -> Path:
    return fill(tmp_path / "workspace", tiny_folder)


def go(workspace: Path, model: Path, run: RunFolder | None = None, **settings: Any) -> RunFolder:
    if run is None:
        config = resolve(TrainConfig, {"model": str(model), **QUICK, **settings})
        run = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
    run_train(TrainConfig.parse(run.config()), run, workspace, Reporter(run, "train", 0))
    return run


def counted(workspace: Path) -> dict[str, int]:
    """Everything that counts as what a person made or chose."""
    with Store(workspace) as store:
        return {
            "candidates": len(store.candidates.newest(limit=1000)),
            "votes": len(store.pairs.voted(purpose="train")),
            "open": len(store.pairs.open(purpose="train", limit=1000)),
        }


def test_labelled_pairs_train_and_count_as_nothing(
    workspace: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted(workspace)
    encoded: list[list[int]] = []
    banks: list[set[int]] = []
    encode, make = material.encode_pairs, Bank.make

    def looked(*args: Any, **named: Any) -> Any:
        pairs = encode(*args, **named)
        encoded.append([one.pair_id for one in pairs.examples])
        return pairs

    def made(*args: Any, **named: Any) -> Bank:
        bank = make(*args, **named)
        banks.append(set(bank.draws.pair_ids))
        return bank

    monkeypatch.setattr(material, "encode_pairs", looked)
    monkeypatch.setattr(Bank, "make", made)
    run = go(workspace, tiny_folder)
    assert counted(workspace) == before
    told = json.loads((run.path / LABELS).read_text("utf-8"))
    assert (told["drawn_pairs"], told["labelled_pairs"]) == (6, 3)
    assert told["taste"]["knows_taste"]
    assert encoded == [[*range(1, VOTES + 1), -1, -2, -3]]
    assert banks == [set(range(1, VOTES + 1))], "health is measured on real votes alone"
    with Store(workspace) as store:
        drawn, labelled = store.labelled.drawn(run.id), store.labelled.labelled(run.id)
    assert len(drawn) == 12
    assert len(labelled) == 3
    assert all((run.path / one.file).is_file() for one in drawn)
    assert all(pair.probability > 0.5 for pair in labelled)
    status = run.status()
    assert (status.state, status.total) == ("done", 2)


def test_a_taste_that_can_not_be_seen_draws_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    workspace = fill(tmp_path / "workspace", tiny_folder, taste=False)
    run = go(workspace, tiny_folder)
    told = json.loads((run.path / LABELS).read_text("utf-8"))
    assert told["drawn_pairs"] == 0
    assert "this run learns from your votes only" in told["sentence"]
    assert run.status().state == "done"


def test_an_interrupted_multiplication_draws_on(
    workspace: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sdpo_core.training import multiply

    drawn: list[int] = []
    sample = multiply.sample

    def counting(model: Any, recipes: list[Recipe], **named: Any) -> Any:
        drawn.extend(one.seed for one in recipes)
        if len(drawn) == 6:
            (run_path / "control").mkdir(exist_ok=True)
            (run_path / "control" / "stop").touch()
        return sample(model, recipes, **named)

    monkeypatch.setattr(multiply, "sample", counting)
    config = resolve(TrainConfig, {"model": str(tiny_folder), **QUICK})
    run = RunFolder.create(workspace / "runs", "train", config.model_dump(mode="json"))
    run_path = run.path
    go(workspace, tiny_folder, run)
    assert run.status().state == "stopped"
    assert not (run.path / LABELS).exists()
    first = list(drawn)
    go(workspace, tiny_folder, run)
    assert run.status().state == "done"
    again = drawn[len(first) :]
    assert not set(first[:4]) & set(again), "whole pairs that are there are not drawn again"
    with Store(workspace) as store:
        assert len(store.labelled.drawn(run.id)) == 12
    whole = go(workspace, tiny_folder)
    with Store(workspace) as store:
        keys = [[one.key for one in store.labelled.drawn(each.id)] for each in (run, whole)]
    assert sorted(keys[0]) == sorted(keys[1]), "an interrupted run draws what an uninterrupted one does"


def test_of_a_blind_test_nothing_is_drawn(workspace: Path, tiny_folder: Path) -> None:
    base = inspect_model(str(tiny_folder)).sha256
    plain = go(workspace, tiny_folder, label_pairs=30)
    with Store(workspace) as store:
        seeds = [one.recipe.seed for one in store.labelled.drawn(plain.id)]
        one, other = (
            store.candidates.add(
                Image.new("RGB", (64, 64), (side, 3, 9)), recipe("a hill 3", seeds[0], base, adapter=adapter)
            )
            for side, adapter in enumerate((None, "a" * 64))
        )
        store.pairs.add(one.id, other.id, purpose="judge", run_id="judged")
    run = go(workspace, tiny_folder, label_pairs=30)
    with Store(workspace) as store:
        drawn = store.labelled.drawn(run.id)
    assert "a hill 3" not in {one.prompt for one in drawn}
    assert seeds[0] not in {one.recipe.seed for one in drawn}
    assert len(drawn) == 60


def test_images_that_are_gone_are_named(workspace: Path, tiny_folder: Path) -> None:
    run = go(workspace, tiny_folder)
    with Store(workspace) as store:
        (run.path / store.labelled.labelled(run.id)[0].first.file).unlink()
    with pytest.raises(RunError, match=r"1 of the images that run .* generated to learn from are missing"):
        go(workspace, tiny_folder, run)


def to_draw(config: TrainConfig, votes: int) -> int:
    return pairs_to_draw(config.labels, config.schedule, config.sampling.sampling_steps, votes)


def test_how_many_pairs_are_generated_unasked() -> None:
    config = TrainConfig.of(steps=138, sampling_steps=20)
    assert to_draw(config, 20) == 120, "six for each vote"
    assert to_draw(config, 400) == 3 * 138 * 8 * 8 // 80, "and three times what the training costs"
    assert to_draw(config.changed(label_pairs=7), 400) == 7
    assert to_draw(config.changed(label_minutes=480.0), 20) == 20_000
