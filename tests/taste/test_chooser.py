"""The job that draws offers the pair whose answer says most, once votes have shown a taste."""

import uuid
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import ConfigError
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.taste.chooser import Chooser
from sdpo_core.taste.layout import FEATURES
from sdpo_core.taste.questions import information
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store
from tests.generation.test_generation import Studio
from tests.tiny_model import build_tiny_pipeline

PROMPTS = tuple(f"hill {i}" for i in range(30))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


def vote_for_red(store: Store) -> None:
    """Somebody who likes the redder image of every pair."""

    def redness(one: Candidate) -> float:
        with Image.open(store.images.path(one.image_sha256)) as image:
            red, _, blue = np.asarray(image, dtype=float).mean((0, 1))
        return float(red - blue)

    for pair in store.pairs.open(purpose="train", limit=200):
        store.votes.cast(str(uuid.uuid4()), pair.id, "left" if redness(pair.left) > redness(pair.right) else "right")


def test_a_telling_pair_is_chosen_of_several_images_once_the_taste_is_known(folder: Path, tmp_path: Path) -> None:
    before = Studio(folder, tmp_path, prompts=PROMPTS, candidates_per_prompt=4, pairing="telling", seed=100)
    status = before.go()
    store = before.store
    assert (status.step, status.total) == (90, 90)
    assert len(store.candidates.newest()) == 60  # of a taste that nobody knows two images say as much as four
    assert {pair.chosen_by for pair in store.pairs.open(purpose="train", limit=99)} == {"chance"}
    vote_for_red(store)

    after = Studio(folder, tmp_path, prompts=PROMPTS[:24], candidates_per_prompt=4, pairing="telling", seed=1000)
    assert after.go().step == 144
    made = store.pairs.open(purpose="train", limit=99)
    assert [pair.left.prompt for pair in made] == list(PROMPTS[:24])
    assert {pair.chosen_by for pair in made} == {"taste", "chance"}
    base = inspect_model(str(folder)).sha256
    taste, vectors = Chooser(store, base).taste, store.features.get(base, FEATURES)
    for pair in made:
        drawn = [one for one in store.candidates.newest() if one.prompt == pair.left.prompt and one.id > 60]
        assert len(drawn) == 4
        gain = information(*taste.between(np.stack([vectors[one.image_sha256] for one in drawn])))
        rows = [[one.id for one in drawn].index(side.id) for side in (pair.left, pair.right)]
        assert pair.chosen_by == "chance" or gain[*rows] == pytest.approx(gain.max(), rel=1e-6)


def test_the_taste_follows_the_votes(folder: Path, tmp_path: Path) -> None:
    job = Studio(folder, tmp_path, prompts=PROMPTS, seed=100)
    job.go()
    chooser = Chooser(job.store, inspect_model(str(folder)).sha256)
    nothing = chooser.taste
    assert not nothing.knows_taste
    assert chooser.taste is nothing  # not fitted again for the same votes
    vote_for_red(job.store)
    assert chooser.taste.facts.votes == len(PROMPTS)


def test_a_telling_pair_needs_a_choice_and_a_model_that_looks() -> None:
    with pytest.raises(ConfigError, match="two of more images, and candidates_per_prompt is 2"):
        GenerateConfig.parse({"prompts": ("a",), "pairing": "telling"})
    comfy = {"comfy": "http://127.0.0.1:8188", "workflow": "w.json", "candidates_per_prompt": 4}
    with pytest.raises(ConfigError, match="which a ComfyUI keeps"):
        GenerateConfig.parse({"prompts": ("a",), "pairing": "telling", **comfy})
