"""A whole cell on a tiny real model: generated, voted on, trained and measured through the real command line."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench import winner_error
from bench.cells import Case, Results, Session, run_missing
from bench.journey import Workbench, run_verb, sheet_path
from bench.measures import Readings, measure, relative_error
from bench.simulated_user import TASTES
from bench.winner_error import make_banks, pair_errors, voted_pairs
from sdpo_core.adapters.attach import attach_adapter
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import RunError
from sdpo_core.settings.train import TrainConfig
from tests.bench.conftest import FRESH, QUESTIONS
from tests.tiny_model import IMAGE_PX
from tests.training.parts import checked

CASE = Case(
    "warm", 0, votes=3, flags=("--steps", "2", "--rank", "2", "--learning-rate", "1e-2", "--preview-prompts", "0")
)


@pytest.mark.slow
def test_a_whole_cell_is_run_once_and_its_costly_parts_are_kept(bench: Workbench, tmp_path: Path) -> None:
    cache, results = bench.cache, Results(tmp_path / "results.json")
    asked = [CASE, replace(CASE, guidance=1.0)]
    assert run_missing(asked, results, bench.model_sha256, bench.run, Session()) == []
    trained = bench.trained(CASE)
    off = bench.measured(TASTES["warm"], 0, trained.adapter, 3.0, strength=0.0)
    strong = bench.measured(TASTES["warm"], 0, trained.adapter, 3.0, strength=2.0)
    stocked = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert sorted(path.name.split("-")[0] for path in stocked) == ["base", "base", "pairs", "pairs", "sheets"]

    first, second = results.cells()
    assert first["training"] == second["training"]  # one training, measured twice
    assert sum(first["training"]["votes"].values()) == 3
    assert first["training"]["steps"] == 2
    seen = Readings.parse(first["readings"])
    assert seen.before.shape == (2, 2)
    assert seen.error_rise.shape == (3,)
    assert np.all(seen.after != seen.before)
    for name, found in measure([seen]).items():
        assert list(found) == pytest.approx(first["measures"][name], rel=1e-6), name
    with Image.open(sheet_path(first["case"], cache)) as sheet:
        assert sheet.size == (2 * IMAGE_PX, 2 * IMAGE_PX)

    # At strength 0 it is the base; at 2 it goes further than at 1.
    assert np.array_equal(off.readings.after, off.readings.before)
    assert np.array_equal(off.readings.error_rise, np.zeros(3))
    change = np.abs(seen.after - seen.before).mean()
    assert np.abs(strong.readings.after - seen.before).mean() > change

    with Workbench(QUESTIONS, FRESH, draws_per_pair=2, how=bench.how, cache=cache) as another:
        run_missing(asked, results, another.model_sha256, another.run, Session())
        assert "model" not in vars(another)  # nothing to run, nothing loaded
        assert another.drawn(FRESH) in stocked
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == stocked
    assert json.loads(results.path.read_text("utf-8"))["cells"] == [first, second]


@pytest.mark.slow
def test_the_winner_error_is_that_of_the_run_on_more_pairs_than_a_bank_holds(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, adapter = bench.model, bench.trained(CASE).adapter
    pairs = voted_pairs(bench.drawn(FRESH), model, TASTES["warm"].person(0))
    loaded = attach_adapter(model, adapter, strength=1.0, branch="both")
    (bank,) = make_banks(model, loaded.lora, pairs, 4)
    reference, rise = pair_errors(model, [bank])
    health = checked(bank, model, TrainConfig(), 2000.0)
    monkeypatch.setattr(winner_error, "MAX_BANK_PAIRS", 2)
    parts = make_banks(model, loaded.lora, pairs, 4)
    apart, _ = pair_errors(model, parts)
    loaded.lora.remove()
    value, error = relative_error(reference, rise)
    assert value == pytest.approx(health["winner_error"], rel=1e-4, abs=1e-6)
    assert error == pytest.approx(health["winner_error_se"], rel=1e-3, abs=1e-7)
    assert len(reference) == len(apart) == 3
    assert [len(part.draws.pair_ids) for part in parts] == [8, 4]
    assert parts[0].draws.pair_ids[0] in {example.pair_id for example in pairs.examples}


@pytest.mark.slow
def test_own_noise_trains_another_adapter_of_the_same_pairs(bench: Workbench) -> None:
    """What `bench.tuning -- --noise own` compares: pairs that were drawn here know their noise."""
    found: dict[str, tuple[str, int]] = {}
    for noise in ("fresh", "own"):
        trained = bench.trained(replace(CASE, flags=(*CASE.flags, "--noise", noise)))
        found[noise] = sha256_file(trained.adapter), trained.facts["trained_pairs"]
        assert trained.run.settings()["noise"] == noise
    assert found["fresh"][0] != found["own"][0]
    assert found["fresh"][1] == found["own"][1] == 3


def test_a_failing_job_is_reported_with_the_end_of_its_errors(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Unknown setting"):
        run_verb("train", tmp_path, "--no-such-setting", "1")
