import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sdpo_core.adapters.file import save_adapter
from sdpo_core.errors import AdapterError, ConfigError, ModelError
from sdpo_core.generation.job import run_generate
from sdpo_core.generation.sample import Stopped, build_recipe, sample
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_model
from sdpo_core.runs.folder import RunFolder, Status, this_process
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.sampling import Sampling
from sdpo_core.workspace.records import AdapterUse, Recipe
from sdpo_core.workspace.store import Store
from tests.models.pipelines import stock_pipeline
from tests.models.test_lora import shake
from tests.tiny_model import build_tiny_pipeline

SHA = "a" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_pipeline(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def tiny(folder: Path) -> DiffusionModel:
    return load_model(str(folder), device="cpu")


def recipes(model: DiffusionModel, count: int = 2, *, first_seed: int = 5, **changes: Any) -> list[Recipe]:
    changes = {"sampling_steps": 4, "guidance": 3.0, **changes}
    adapters = changes.pop("adapters", ())
    return [
        build_recipe(
            model,
            Sampling(**changes),
            prompt="a hill",
            negative="night",
            seed=first_seed + i,
            batch=count,
            adapters=adapters,
        )
        for i in range(count)
    ]


def pixels(images: list[Image.Image]) -> np.ndarray:
    return np.stack([np.asarray(image) for image in images]).astype(int)


# ----------------------------------------------------------------------------------------------------------- sampling


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # diffusers with numpy 2
@pytest.mark.parametrize("sampler", ["ddim", "euler", "dpm++2m"])
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_images_are_those_of_the_stock_pipeline(
    tiny: DiffusionModel, folder: Path, sampler: Any, guidance: float
) -> None:
    wanted = recipes(tiny, sampler=sampler, sampling_steps=6, guidance=guidance)
    pipe = stock_pipeline(folder)
    pipe.scheduler = tiny.scheduler(sampler)
    noise = torch.stack([torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(r.seed)) for r in wanted])
    theirs = pipe(
        ["a hill"] * 2,
        negative_prompt=["night"] * 2,
        latents=noise,
        num_inference_steps=6,
        guidance_scale=guidance,
        height=32,
        width=32,
    ).images
    assert np.abs(pixels(sample(tiny, wanted)) - pixels(theirs)).max() <= 1


def test_the_same_recipe_gives_the_same_bytes_in_another_process(tiny: DiffusionModel, folder: Path) -> None:
    script = (
        "import sys, hashlib; from sdpo_core.models.registry import load_model;"
        "from sdpo_core.generation.sample import sample;"
        "from sdpo_core.workspace.records import Recipe;"
        "rs = [Recipe.model_validate_json(line) for line in sys.stdin];"
        "print(*[hashlib.sha256(i.tobytes()).hexdigest() for i in sample(load_model(sys.argv[1], device='cpu'), rs)])"
    )
    wanted = recipes(tiny)
    here = [hashlib.sha256(image.tobytes()).hexdigest() for image in sample(tiny, wanted)]
    assert here == [hashlib.sha256(image.tobytes()).hexdigest() for image in sample(tiny, wanted)]
    lines = "\n".join(recipe.model_dump_json() for recipe in wanted)
    child = subprocess.run(
        [sys.executable, "-c", script, str(folder)], input=lines, capture_output=True, text=True, check=True
    )
    assert child.stdout.split() == here


def test_an_image_does_not_depend_on_its_neighbour(tiny: DiffusionModel) -> None:
    (alone,) = sample(tiny, recipes(tiny, 1))
    together = sample(tiny, recipes(tiny, 2))
    assert np.abs(pixels([alone]) - pixels(together[:1])).max() <= 1
    assert np.abs(pixels(together[:1]) - pixels(together[1:])).max() > 10


def test_recipes_name_everything(tiny: DiffusionModel) -> None:
    (recipe,) = recipes(tiny, 1, guidance=None)
    assert (recipe.width_px, recipe.height_px, recipe.guidance) == (32, 32, tiny.info.default_guidance)
    assert (recipe.base_sha256, recipe.device, recipe.dtype, recipe.threads) == (tiny.info.sha256, "cpu", "float32", 1)
    assert '"clip_sample_range": 2.5' in recipe.scheduler
    keys = {recipes(tiny, 1, sampler=sampler)[0].key() for sampler in ("ddim", "euler", "dpm++2m")}
    assert len(keys) == 3
    assert recipe.key() == recipes(tiny, 1, guidance=None)[0].key()


def test_adapter_strength_and_branch_come_from_the_recipe(tiny: DiffusionModel) -> None:
    base = pixels(sample(tiny, recipes(tiny)))
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    shake(lora)

    def drawn(**use: Any) -> np.ndarray:
        return pixels(sample(tiny, recipes(tiny, adapters=(AdapterUse(sha256=SHA, **use),)), lora=lora))

    both, conditional = drawn(), drawn(branch="conditional")
    assert (both != base).any()
    assert (conditional != base).any()
    assert (conditional != both).any()
    assert (drawn(strength=0.5) != both).any()
    assert (drawn(strength=0.0) == base).all()
    # Two forward passes of one branch each instead of one of both: equal up to the last bits.
    assert np.abs(drawn(strength=0.0, branch="conditional") - base).max() <= 1
    assert (pixels(sample(tiny, recipes(tiny), lora=lora)) == base).all(), "a recipe without adapter is the base's"


@pytest.mark.parametrize(
    ("how", "share"),
    [({"branch": "conditional"}, 0.0), ({"unconditional": -0.5}, -0.5), ({"unconditional": 0.25}, 0.25)],
)
def test_each_branch_carries_the_adapter_at_its_own_strength(
    tiny: DiffusionModel, how: dict[str, Any], share: float
) -> None:
    """At guidance s the update is ε_u + s(ε_c − ε_u), each at its strength: checked on one step by hand."""
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    shake(lora)
    use = AdapterUse(sha256=SHA, strength=0.8, **how)
    assert use.unconditional_share == share
    wanted = recipes(tiny, 1, sampling_steps=1, adapters=(use,))
    (image,) = sample(tiny, wanted, lora=lora)
    scheduler: Any = tiny.scheduler("ddim")
    scheduler.set_timesteps(1)
    t = scheduler.timesteps
    noise = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(5))[None]
    with torch.no_grad():
        with lora.at_strength(0.8):
            cond = tiny.predict(noise, t, tiny.encode_prompts(["a hill"]))
        with lora.at_strength(0.8 * share):
            uncond = tiny.predict(noise, t, tiny.encode_prompts(["night"]))
    clean = scheduler.step(uncond + 3.0 * (cond - uncond), t[0], noise).prev_sample
    expected = ((tiny.decode_latents(clean)[0] / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(np.asarray(image).astype(int) - expected).max() <= 1


def test_a_strength_without_the_prompt_changes_no_recipe_that_was_there_before() -> None:
    """The key is the hash of a text, which is written out here as it always was."""
    recipe = drawn_with(AdapterUse(sha256=SHA, strength=0.8))
    text = (
        '{"prompt":"a hill","negative":"","seed":7,"noise":"torch-cpu-float32","sampler":"ddim","steps":2,'
        '"guidance":3.0,"width_px":64,"height_px":64,"base_sha256":"b","adapters":[{"sha256":"'
        + SHA
        + '","strength":0.8,'
        '"branch":"both"}],"clip_skip":1,"device":"cpu","dtype":"float32","threads":1,"batch":1,"scheduler":"{}"}'
    )
    assert recipe.key() == hashlib.sha256(text.encode()).hexdigest()
    opposed = drawn_with(AdapterUse(sha256=SHA, strength=0.8, unconditional=-0.5))
    assert opposed.key() != recipe.key()
    assert Recipe.model_validate_json(opposed.model_dump_json()) == opposed
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert "unconditional" not in recipe.model_dump_json()


def drawn_with(use: AdapterUse) -> Recipe:
    """A recipe that names an adapter."""
    made: dict[str, Any] = {"prompt": "a hill", "seed": 7, "sampler": "ddim", "steps": 2, "guidance": 3.0}
    size: dict[str, Any] = {"width_px": 64, "height_px": 64, "base_sha256": "b", "device": "cpu", "dtype": "float32"}
    return Recipe(**made, **size, threads=1, batch=1, scheduler="{}", adapters=(use,))


@pytest.mark.parametrize(
    ("asked", "use"),
    [
        (("both", None), {}),
        (("both", 1.0), {}),
        (("conditional", None), {"branch": "conditional"}),
        (("conditional", 0.0), {"branch": "conditional"}),
        (("both", 0.0), {"branch": "conditional"}),
        (("both", -0.5), {"unconditional": -0.5}),
    ],
)
def test_the_same_images_have_the_same_recipe_however_they_were_asked_for(asked: Any, use: dict[str, Any]) -> None:
    assert AdapterUse.at(SHA, 0.8, *asked) == AdapterUse(sha256=SHA, strength=0.8, **use)


def test_branches_that_contradict_each_other_are_refused() -> None:
    given: dict[str, Any] = {"prompts": ("a",), "adapter_branch": "conditional"}
    with pytest.raises(ConfigError, match=r"an unconditional_strength of 0, and it is -0\.5; give one of the two"):
        GenerateConfig.parse({**given, "unconditional_strength": -0.5})
    assert GenerateConfig.parse({**given, "unconditional_strength": 0}).sampling.unconditional_strength == 0
    for wrong in (-1.1, 1.1):
        with pytest.raises(ConfigError, match="unconditional_strength"):
            GenerateConfig.parse({"prompts": ("a",), "unconditional_strength": wrong})


def test_a_batch_has_one_recipe_but_for_prompt_and_seed(tiny: DiffusionModel) -> None:
    with pytest.raises(ValueError, match="one batch"):
        sample(tiny, [*recipes(tiny, 1), *recipes(tiny, 1, sampling_steps=5)])
    with pytest.raises(ValueError, match="adapters"):
        sample(tiny, recipes(tiny, adapters=(AdapterUse(sha256=SHA),)))


def test_nan_and_infinity_make_no_image(tiny: DiffusionModel) -> None:
    with torch.no_grad():
        next(tiny.network.parameters()).fill_(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        sample(tiny, recipes(tiny))


def test_on_step_counts_and_may_stop(tiny: DiffusionModel) -> None:
    steps: list[int] = []

    def stop_at_the_third() -> None:
        steps.append(1)
        if len(steps) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        sample(tiny, recipes(tiny), on_step=stop_at_the_third)
    assert len(steps) == 3


# ------------------------------------------------------------------------------------------------------------ the job


class Studio:
    """A workspace with one `generate` job."""

    def __init__(self, folder: Path, workspace: Path, **settings: Any) -> None:
        self.workspace = workspace
        self.config = GenerateConfig.of(model=str(folder), device="cpu", sampling_steps=3, **settings)
        self.run = RunFolder.create(workspace / "runs", "generate", self.config.model_dump(mode="json"))
        self.seen: list[Status] = []
        self.store = Store(workspace)
        self.on_status: Callable[[Status], None] = lambda _: None

    def _echo(self, status: Status) -> None:
        self.seen.append(status)
        self.on_status(status)

    def go(self) -> Status:
        run_generate(self.config, self.run, self.workspace, Reporter(self.run, "generate", 0, self._echo))
        return self.run.status()

    def prompts_of_pairs(self) -> list[str]:
        return [pair.left.prompt for pair in self.store.pairs.open(purpose="train", limit=99)]

    def ask(self, **content: Any) -> dict[str, Any]:
        name = self.run.request(content).replace("request-", "answer-")
        path = self.run.path / "control" / name
        for _ in range(300):
            if path.exists():
                return self.run._read_json(f"control/{name}")
            time.sleep(0.05)
        raise AssertionError("no answer")


@pytest.fixture
def studio(folder: Path, tmp_path: Path) -> Callable[..., Studio]:
    def make(**settings: Any) -> Studio:
        return Studio(folder, tmp_path / "workspace", **settings)

    return make


def test_a_job_makes_neighbours_into_pairs(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a", "b"), candidates_per_prompt=3, seed=7)
    status = job.go()
    assert (status.state, status.step, status.total) == ("done", 12, 12)  # two batches of three images, three steps
    assert "4 pairs" in status.message
    assert job.prompts_of_pairs() == ["a", "a", "b", "b"]
    candidates = job.store.candidates.newest()
    found = sorted((c.prompt, c.recipe.seed, c.recipe.batch) for c in candidates if c.recipe)
    assert found == [("a", 7, 2), ("a", 8, 2), ("a", 9, 1), ("b", 10, 2), ("b", 11, 2), ("b", 12, 1)]
    assert all(pair.run_id == job.run.id for pair in job.store.pairs.open(purpose="train"))


def test_fresh_seeds_are_drawn_when_none_is_given(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a", "a"))
    job.go()
    assert len({c.recipe.seed for c in job.store.candidates.newest() if c.recipe}) == 4


def test_images_that_exist_are_not_made_again(studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    studio(prompts=("a",), seed=1).go()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("sampled again")

    with monkeypatch.context() as patched:
        patched.setattr("sdpo_core.generation.sample.sample", refuse)
        again = studio(prompts=("a",), seed=1)
        assert again.go().state == "done"
    assert len(again.store.candidates.newest()) == 2
    again.store.images.path(again.store.candidates.newest()[0].image_sha256).unlink()
    assert studio(prompts=("a",), seed=1).go().state == "done"
    assert all(again.store.images.has(candidate.image_sha256) for candidate in again.store.candidates.newest())
    damaged = again.store.images.path(again.store.candidates.newest()[0].image_sha256)
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert studio(prompts=("a",), seed=1).go().state == "done"
    assert all(again.store.images.intact(candidate.image_sha256) for candidate in again.store.candidates.newest())


def test_a_stop_keeps_what_is_finished(studio: Callable[..., Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdpo_core.runs.reporter.REPORT_INTERVAL_S", 0.0)
    job = studio(prompts=("a", "b", "c"))

    def stop_when_the_first_is_there(_: Status) -> None:
        if job.store.pairs.open(purpose="train"):
            job.run.signal("stop")

    job.on_status = stop_when_the_first_is_there
    status = job.go()
    assert status.state == "stopped"
    assert "1 pair kept" in status.message
    assert job.prompts_of_pairs() == ["a"]
    assert not job.run.signalled("stop")


def test_unknown_adapters_are_refused(studio: Callable[..., Studio], tmp_path: Path) -> None:
    with pytest.raises(AdapterError):
        studio(prompts=("a",), adapter="nothing").go()
    with pytest.raises(AdapterError, match="No file"):
        studio(prompts=("a",), adapter=str(tmp_path / "gone.safetensors")).go()


def test_an_adapter_is_in_the_recipe(studio: Callable[..., Studio], tiny: DiffusionModel, tmp_path: Path) -> None:
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    path = tmp_path / "taste.safetensors"
    sha256 = save_adapter(path, lora, info=tiny.info, sdpo={}, title="taste")
    asked: list[dict[str, Any]] = [{"adapter_branch": "conditional"}, {"unconditional_strength": -0.5}]
    used: list[dict[str, Any]] = [{"branch": "conditional"}, {"unconditional": -0.5}]
    for how, use in zip(asked, used, strict=True):
        job = studio(prompts=("a",), adapter=str(path), strength=0.5, **how)
        job.go()
        candidate = job.store.candidates.newest()[0]
        assert candidate.recipe
        assert candidate.recipe.adapters == (AdapterUse(sha256=sha256, strength=0.5, **use),)


def test_a_tag_in_the_prompt_brings_its_adapter(
    studio: Callable[..., Studio], tiny: DiffusionModel, tmp_path: Path
) -> None:
    """The tag becomes the recipe's adapter, for its prompt alone; the prompt is stored as it was typed."""
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    folder = tmp_path / "workspace" / "adapters"
    folder.mkdir(parents=True)
    sha256 = save_adapter(folder / "taste.safetensors", lora, info=tiny.info, sdpo={}, title="taste")
    prompts = ("a <lora:taste:0.5>", "a", "a <lora:gone>", "a <lora:x> <lora:y>")
    job = studio(prompts=prompts, seed=1)
    path = folder / "taste.safetensors"
    job.store.adapters.add(name="taste", path=path, sha256=sha256, base_sha256=tiny.info.sha256, run_id="r")
    message = job.go().message
    used = {c.prompt: c.recipe.adapters for c in job.store.candidates.newest() if c.recipe}
    assert used == {prompts[0]: (AdapterUse(sha256=sha256, strength=0.5),), **dict.fromkeys(prompts[1:], ())}
    assert "<lora:gone> has no effect: No adapter is named gone" in message
    assert "Only one adapter works at a time" in message


def test_an_adapter_brings_its_clip_skip_unless_the_person_says(
    studio: Callable[..., Studio], tiny: DiffusionModel, tmp_path: Path
) -> None:
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    path = tmp_path / "workspace" / "adapters" / "deep.safetensors"
    path.parent.mkdir(parents=True)
    sha256 = save_adapter(path, lora, info=tiny.info, sdpo={"settings": {"clip_skip": 2}}, title="deep")
    job = studio(prompts=("a <lora:deep>", "a"))
    job.store.adapters.add(name="deep", path=path, sha256=sha256, base_sha256=tiny.info.sha256, run_id="r")
    job.go()
    studio(prompts=("b",), adapter="deep").go()
    studio(prompts=("c",), adapter="deep", clip_skip=1).go()
    used = {c.prompt: c.recipe.clip_skip for c in job.store.candidates.newest() if c.recipe}
    assert used == {"a <lora:deep>": 2, "a": 1, "b": 2, "c": 1}


def test_notation_without_effect_is_reported(studio: Callable[..., Studio]) -> None:
    message = studio(prompts=("a __place__ {b|c}", "d AND e")).go().message
    assert "1 × wildcards (__name__ or {a|b}), 1 × combined prompts (AND)" in message


def test_a_warm_job_answers_requests_until_it_is_stopped(studio: Callable[..., Studio]) -> None:
    job = studio(keep_warm_s=60.0, seed=3)
    worker = threading.Thread(target=job.go)
    worker.start()
    first = job.ask(prompts=["a"])["pairs"]
    second = job.ask(prompts=["a", "b"], candidates_per_prompt=3, negative="n")["pairs"]
    assert [job.store.pairs.get(i).left.prompt for i in first + second] == ["a", "a", "a", "b", "b"]
    assert job.store.pairs.get(second[0]).left.negative == "n"
    assert not set(first) & set(second), "the seed is not inherited, so the same prompt gives new images"
    assert "request has no prompts" in job.ask(prompts=[])["error"]
    assert "Unknown setting promts" in job.ask(promts=["a"])["error"]
    assert "Stop it to use" in job.ask(prompts=["a"], threads=2)["error"]
    assert "No adapters" in job.ask(prompts=["a"], adapter="nothing")["error"]
    assert len(job.ask(prompts=["c"])["pairs"]) == 1, "an error does not end the job"
    job.run.signal("stop")
    worker.join(timeout=20)
    assert job.run.status().state == "stopped"


def test_a_warm_job_leaves_when_nothing_comes(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a",), keep_warm_s=0.3)
    assert job.go().state == "done"


def test_a_warm_job_leaves_when_training_waits(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a",), keep_warm_s=60.0)
    old = RunFolder.create(job.workspace / "runs", "train", {})
    old.write_status(Status(state="done", verb="train", **this_process()))
    job.on_status = lambda status: (
        RunFolder.create(job.workspace / "runs", "train", {}) and None if status.message == "Ready for more." else None
    )
    started = time.monotonic()
    assert job.go().state == "done"
    assert time.monotonic() - started < 30


# ------------------------------------------------------------------------------------------- wildcards, keep ahead


def test_choices_in_prompts_are_made_for_each_pair_and_follow_from_the_seed(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a {red|blue|green} bird",) * 3, seed=7)
    assert job.go().state == "done"
    drawn = job.prompts_of_pairs()
    assert sorted(drawn) == ["a blue bird", "a green bird", "a red bird"]
    pairs = job.store.pairs.open(purpose="train")
    assert all(pair.left.prompt == pair.right.prompt for pair in pairs), "both images of a pair have one prompt"
    again = studio(prompts=("a {red|blue|green} bird",) * 3, seed=7)
    again.go()
    assert len(again.store.candidates.newest()) == 6, "the same seed gives the same images, so none is new"


def test_braces_that_do_not_match_start_nothing(studio: Callable[..., Studio]) -> None:
    with pytest.raises(ConfigError, match="never closed"):
        studio(prompts=("a {red|blue bird",)).go()


def in_background(job: Studio) -> threading.Thread:
    worker = threading.Thread(target=job.go, daemon=True)
    worker.start()
    return worker


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_pairs_are_kept_waiting_while_the_person_votes(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("{a|b} lake", "c"), keep_ahead=3, keep_warm_s=60.0, seed=1)
    worker = in_background(job)
    until(lambda: "3 pairs ready" in job.run.status().message)
    status = job.run.status()
    assert status.step == status.total, "whoever looks sees a job that waits"
    first = job.store.pairs.open(purpose="train", limit=99)
    assert len(first) == 3
    assert [pair.left.prompt for pair in first[1::2]] == ["c"]
    for number, pair in enumerate(first[:2]):
        job.store.votes.cast(f"vote-{number}", pair.id, "left")
    until(lambda: len(job.store.candidates.newest()) == 10)
    until(lambda: "3 pairs ready" in job.run.status().message)
    assert len({candidate.recipe.seed for candidate in job.store.candidates.newest() if candidate.recipe}) == 10
    job.run.signal("stop")
    worker.join(timeout=20)
    assert job.run.status().state == "stopped"
    assert "5 pairs kept" in job.run.status().message


def test_keeping_ahead_ends_by_itself_when_nobody_votes_or_training_waits(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a",), keep_ahead=2, keep_warm_s=0.3)
    assert job.go().state == "done"
    assert len(job.prompts_of_pairs()) == 2
    job = studio(prompts=("a",), keep_ahead=2, keep_warm_s=60.0)
    worker = in_background(job)
    until(lambda: "pairs ready" in job.run.status().message)
    RunFolder.create(job.workspace / "runs", "train", {})
    worker.join(timeout=20)
    assert job.run.status().state == "done"


def test_pairs_that_wait_already_are_enough(studio: Callable[..., Studio]) -> None:
    studio(prompts=("a", "b")).go()
    job = studio(prompts=("c",), keep_ahead=2)
    job.go()
    assert job.prompts_of_pairs() == ["a", "b"]


def test_a_warm_job_goes_over_to_keeping_ahead_and_back(studio: Callable[..., Studio]) -> None:
    job = studio(prompts=("a",), keep_warm_s=60.0)
    worker = in_background(job)
    assert job.ask(prompts=["b"], keep_ahead=3)["pairs"] == []
    until(lambda: "3 pairs ready" in job.run.status().message)
    assert len(job.ask(prompts=["c"], keep_ahead=None)["pairs"]) == 1
    assert job.prompts_of_pairs() == ["a", "b", "b", "c"]
    job.run.signal("stop")
    worker.join(timeout=20)
