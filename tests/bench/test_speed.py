"""The speed bench at a tiny size: the baseline is the same work as ours, and the table says what was measured."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from bench import baseline, speed
from bench.random_model import random_model
from bench.ways import BASELINE, MOST_STEPS, WAYS, LiveBytes, Size, Way, Workbench
from sdpo_core.errors import ModelError
from sdpo_core.models.registry import load_model
from sdpo_core.training.step import flat, side_gradients
from tests.original_layout import tiny_configs
from tests.tiny_model import IMAGE_PX, build_tiny_pipeline
from tests.training.parts import parts

TINY = Size(size_px=IMAGE_PX, pairs=2, micro=2, rank=2)
MEASURED = ("baseline", "baseline-cached", "joint", "noise-bank")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    folder = build_tiny_pipeline(tmp_path_factory.mktemp("speed") / "tiny")
    return Workbench(load_model(str(folder), device="cpu"), TINY)


@pytest.fixture(scope="module")
def random_xl(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    configs = tiny_configs(tmp_path_factory.mktemp("configs") / "configs") / "sdxl"
    model = random_model("sdxl", device=torch.device("cpu"), dtype=torch.float32, size_px=32, configs=configs)
    return Workbench(model, Size(size_px=32, pairs=2, micro=1, rank=2))


def baseline_gradient(bench: Workbench, noise: Tensor, timesteps: Tensor, order: list[int]) -> Tensor:
    images = type(bench.images)(*(side[order] for side in bench.images))
    inputs = baseline.encode(bench.model, images, [bench.prompts[i] for i in order])
    loss = baseline.dpo_loss(bench.model, bench.lora, inputs, noise, timesteps, beta=200.0)
    return flat(torch.autograd.grad(loss, bench.lora.parameters))


@pytest.mark.parametrize("name", ["joint-none", "split"])
@pytest.mark.parametrize("which", ["bench", "random_xl"])
def test_the_baseline_is_the_same_work(which: str, name: str, request: pytest.FixtureRequest) -> None:
    """Its gradient is ours without a safeguard, from the images on, at the same noise and timesteps."""
    bench: Workbench = request.getfixturevalue(which)
    config = bench.config(WAYS[name]).changed(safeguard="none")
    batch = bench.pairs.batch(3, pairs=2, seed=0, caption_dropout=0.0)
    micro = batch.split(bench.size.micro)
    (winner, loser), _ = side_gradients(bench.model, bench.lora, micro, *parts(config), beta=200.0)
    theirs = baseline_gradient(bench, batch.noise.winner, batch.timesteps, batch.pair_ids)
    assert float(theirs.norm()) > 0
    assert_close(winner - loser, theirs, rtol=1e-4, atol=1e-5 * float(theirs.norm()))


def test_a_random_model_computes_in_bf16(tmp_path: Path) -> None:
    """As on a card; its images and predictions keep about the size of what goes in."""
    configs = tiny_configs(tmp_path / "configs") / "sd15"
    model = random_model("sd15", device=torch.device("cpu"), dtype=torch.bfloat16, size_px=32, configs=configs)
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.bfloat16}
    latents = model.encode_images(torch.rand(1, 3, 32, 32))
    predicted = model.predict(torch.randn_like(latents), torch.tensor([500]), model.encode_prompts(["a hill"]))
    assert predicted.shape == latents.shape
    assert 0.01 < float(predicted.std()) < 100


@pytest.mark.slow
def test_sdxl_goes_the_same_ways(random_xl: Workbench) -> None:
    names = ["baseline", "joint-uncached", "split-all", "noise-bank-dropout"]
    measured = speed.measure(random_xl, [WAYS[name] for name in names], rounds=1, steps=1)
    assert list(measured["rows"]) == names
    assert all(row["seconds"][0] > 0 and row["peak_bytes"] > 0 for row in measured["rows"].values())


def images_seen(bench: Workbench, way: Way) -> tuple[int, int, int]:
    """Images that go through the network, the VAE and prompts through the text encoder in one step."""
    seen = [0, 0, 0]
    model: Any = bench.model

    def count(place: int) -> Any:
        return lambda _module, arguments, _output: seen.__setitem__(place, seen[place] + len(arguments[0]))

    made = bench.steps(way)
    next(made)
    hooks = [
        model.network.register_forward_hook(count(0)),
        model._vae._module.encoder.register_forward_hook(count(1)),
        model._prompts.parts[0].encoder.register_forward_hook(count(2)),
    ]
    try:
        next(made)
    finally:
        made.close()
        for hook in hooks:
            hook.remove()
    return seen[0], seen[1], seen[2]


def chunks(bench: Workbench, prompts: list[str]) -> int:
    """How many rows the text encoder gets for these prompts: a long one has several."""
    seen: list[int] = []
    model: Any = bench.model
    hook = model._prompts.parts[0].encoder.register_forward_hook(
        lambda _module, arguments, _output: seen.append(len(arguments[0]))
    )
    for prompt in prompts:
        model.encode_prompts([prompt])
    hook.remove()
    return sum(seen)


def test_each_way_does_what_its_name_says(bench: Workbench) -> None:
    """Of two pairs: four images through the policy, four through the reference."""
    told, with_empty = (chunks(bench, prompts) for prompts in (bench.prompts, ["", *bench.prompts]))
    assert with_empty == told + 1
    assert images_seen(bench, WAYS["baseline"]) == (8, 4, told)
    assert images_seen(bench, WAYS["baseline-cached"]) == (8, 0, 0)
    assert images_seen(bench, WAYS["joint"]) == (8, 0, 0)
    assert images_seen(bench, WAYS["joint-uncached"]) == (8, 4, with_empty)
    assert images_seen(bench, WAYS["split"]) == (8, 0, 0)
    assert images_seen(bench, WAYS["noise-bank"]) == (4, 0, 0)


@pytest.mark.parametrize("name", ["baseline", "joint"])
def test_every_turn_starts_from_the_same_adapter(bench: Workbench, name: str) -> None:
    before = bench.lora.state_dict()
    for _ in range(2):
        assert sum(1 for _ in bench.steps(WAYS[name])) == MOST_STEPS
        after = bench.lora.state_dict()
        assert any(not torch.equal(after[key], before[key]) for key in before)
        made = bench.steps(WAYS[name])
        next(made)
        made.close()
    bench.lora.load_state_dict(before)


def test_live_bytes_by_hand() -> None:
    old = torch.zeros(1000)
    with LiveBytes() as live:
        a = old + 1  # 4000 bytes
        view = a[:10]
        b = a * 2  # 4000 more
        del a, b  # the view keeps the first
        assert live.now == 4000
        old.add_(1)
        c = view + 1  # 40
        assert live.now == 4040
        del c, view
    assert (live.now, live.peak) == (0, 8000)


def test_live_bytes_sees_what_a_graph_keeps() -> None:
    x = torch.ones(1000, requires_grad=True)
    with LiveBytes() as live:
        y = x.exp().sin().sum()  # keeps exp's and sin's inputs and exp's result: one tensor; sin's own goes
        assert live.now == 4000 + 4
        y.backward()
        del y
        assert live.now == 4000  # the gradient
    assert live.peak >= 8000


def test_ways_that_need_less_do(bench: Workbench) -> None:
    names = ("joint", "joint-selective", "split", "split-all")
    needs = [speed.live_bytes(bench, WAYS[name]) for name in names]
    assert needs == sorted(needs, reverse=True)
    assert needs[-1] < 0.5 * speed.live_bytes(bench, BASELINE)


@pytest.fixture(scope="module")
def found(bench: Workbench) -> dict[str, Any]:
    """A case of the results file."""
    case = speed.CASES["demo"]
    measured = speed.measure(bench, [WAYS[name] for name in MEASURED], rounds=2, steps=1)
    facts = {"size": speed.asdict(case.size), "rounds": 2, "steps": 1, "tflop": None, "matrix_rate": None}
    return {**facts, **measured, "machine": speed.describe_machine()}


def test_all_rows_are_measured_in_every_round(found: dict[str, Any]) -> None:
    assert tuple(found["rows"]) == MEASURED
    for row in found["rows"].values():
        assert len(row["seconds"]) == 2
        assert all(second > 0 for second in row["seconds"])
        assert row["peak_bytes"] > 0
    assert len(found["drift_seconds"]) == 2
    assert found["drift_peak_bytes"] > 0


def test_a_measured_case_fills_its_table_and_the_others_give_their_command(found: dict[str, Any]) -> None:
    text = speed.table(json.loads(json.dumps({"demo": found})))
    rows = [line for line in text.splitlines() if line.startswith("| joint ")]
    assert len(rows) == 1
    assert f"{speed.speed(found['rows']['joint'], found['rows']['baseline']):.2f} ×" in rows[0]
    assert "Not measured here. `python -m bench.speed --cases sdxl`" in text
    missing = [target for target in speed.TARGETS if target.case == "demo" and target.value(found) is None]
    assert text.count("not measured here: `python -m bench.speed --cases demo`") == len(missing) + len(WAYS) - len(
        MEASURED
    )


def fake(seconds: dict[str, float], peaks: dict[str, int], **facts: Any) -> dict[str, Any]:
    """A case with given numbers, for arithmetic by hand."""
    rows = {name: {"seconds": [value] * 3, "peak_bytes": peaks.get(name, 1)} for name, value in seconds.items()}
    return {"rows": rows, "drift_seconds": [0.1], "drift_peak_bytes": 1, "tflop": 41.9, "matrix_rate": 400.0, **facts}


def test_targets_by_hand() -> None:
    case = fake(
        {"baseline": 0.4, "baseline-cached": 0.3, "joint": 0.2, "joint-none": 0.19, "split-all": 0.5},
        {"baseline": 30_000_000_000, "split-all": 6_500_000_000},
    )
    values = {
        (target.row, target.kind, target.against): target.value(case)
        for target in speed.TARGETS
        if target.case == "sdxl"
    }
    assert values["joint", "cost", "joint-none"] == pytest.approx(0.2 / 0.19 - 1)
    assert values["joint", "cost", "baseline-cached"] == pytest.approx(0.2 / 0.3 - 1)
    assert values["split-all", "memory", "baseline"] == pytest.approx(6.5 / 30)
    assert values["split-all", "bytes", "split-all"] == pytest.approx(6.5)
    assert values["joint", "rate", "joint"] == pytest.approx(41.9 / 0.2 / 400)  # 52 %
    assert values["split", "memory", "baseline"] is None


def test_speed_compares_within_rounds() -> None:
    """A round that is slow for both doesn't make a row slower."""
    row, other = {"seconds": [1.0, 10.0, 1.0]}, {"seconds": [2.0, 20.0, 1.0]}
    assert speed.speed(row, other) == 2.0
    assert not math.isclose(speed.speed(row, {"seconds": [1.0, 1.0, 1.0]}), 2.0)


@pytest.mark.parametrize(("seconds", "verdict"), [(0.2, "met"), (0.39, "**missed**")])
def test_met_and_missed_follow_from_the_numbers(seconds: float, verdict: str) -> None:
    known = {"demo": fake({"baseline": 0.4, "joint": seconds}, {})}
    facts = {"size": speed.asdict(speed.CASES["demo"].size), "rounds": 3, "steps": 1}
    known["demo"] |= {**facts, "machine": speed.describe_machine(), "matrix_rate": None}
    lines = speed.table(known).splitlines()
    (line,) = [line for line in lines if line.startswith("| demo | joint, speed of the baseline |")]
    assert line.endswith(f"| {0.4 / seconds:.2f} × | {verdict} |")


def test_a_row_that_runs_out_of_memory_says_so(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Workbench.steps

    def scarce(self: Workbench, way: Way) -> Any:
        if way is BASELINE:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return make(self, way)

    monkeypatch.setattr(Workbench, "steps", scarce)
    measured = speed.measure(bench, [BASELINE, WAYS["joint"]], rounds=1, steps=1)
    assert measured["rows"]["baseline"] == {"problem": "out of memory"}
    facts = {"size": speed.asdict(TINY), "rounds": 1, "steps": 1, "tflop": None, "matrix_rate": None}
    text = speed.table({"demo": {**facts, **measured, "machine": speed.describe_machine()}})
    assert "| out of memory |" in text
    assert "| demo | joint, speed of the baseline | ≥ 1.15 × | | not measured here" in text


def test_render_writes_the_table_again(tmp_path: Path, found: dict[str, Any]) -> None:
    results = tmp_path / "speed.json"
    results.write_text(json.dumps({"demo": found}), encoding="utf-8")
    speed.main(["--render", "--results", str(results)])
    assert results.with_suffix(".md").read_text("utf-8") == speed.table({"demo": found})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA card")
def test_a_case_that_needs_a_card_says_so() -> None:
    with pytest.raises(ModelError, match="needs a CUDA GPU"):
        speed.open_case(speed.CASES["sdxl"])
