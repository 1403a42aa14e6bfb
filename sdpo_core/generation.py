"""Recipe -> image: one function for generating, for previews while training, and for judging; and the job `generate`.

The same recipe twice gives the same bytes: the noise comes from a CPU generator in float32 whatever the device, and a
recipe names everything else that the arithmetic depends on.
"""

import contextlib
import json
import math
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sdpo_core.config import GenerateConfig, Sampler, Sampling
from sdpo_core.errors import AdapterError, ConfigError, ModelError, RunError, SdpoError
from sdpo_core.files.hashing import sha256_file
from sdpo_core.models.attach import LoadedAdapter, attach_adapter, find_adapter_file
from sdpo_core.models.family import Conditioning, DiffusionModel, Frame, set_timesteps
from sdpo_core.models.lora import Lora
from sdpo_core.models.registry import load_configured
from sdpo_core.preferences.prompt_text import parse_prompt, prompt_note
from sdpo_core.preferences.records import AdapterUse, Candidate, Recipe
from sdpo_core.preferences.store import Store
from sdpo_core.training.runs import Reporter, RunFolder, list_runs

_POLL_S = 0.1
_SEEDS = 2**32
_BATCH = 2  # images sampled together: a pair
_ONE_ADAPTER = "One adapter acts at a time: several <lora:…> tags, or one beside a chosen adapter, have no effect."
# What a warm job holds in memory; a request that wants another one needs a job of its own.
_FIXED_WHILE_WARM = ("model", "device", "precision", "threads", "keep_warm_s")


class Stopped(Exception):
    """Raised between two sampler steps, because a person asked the job to stop."""


def build_recipe(
    model: DiffusionModel,
    sampling: Sampling,
    *,
    prompt: str,
    negative: str,
    seed: int,
    batch: int,
    adapters: tuple[AdapterUse, ...] = (),
) -> Recipe:
    """The complete recipe of an image that `sample` makes now with `model`; `batch` images are sampled together."""
    size_px = sampling.size_px or model.info.native_size_px
    return Recipe(
        prompt=prompt,
        negative=negative,
        seed=seed,
        sampler=sampling.sampler,
        steps=sampling.sampling_steps,
        guidance=model.info.default_guidance if sampling.guidance is None else sampling.guidance,
        width_px=size_px,
        height_px=size_px,
        base_sha256=model.info.sha256,
        adapters=adapters,
        clip_skip=sampling.clip_skip or model.default_clip_skip,
        device=str(model.device),
        dtype=str(model.dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        batch=batch,
        scheduler=_scheduler_json(model, sampling.sampler),
    )


@torch.no_grad()
def sample(
    model: DiffusionModel,
    recipes: Sequence[Recipe],
    *,
    lora: Lora | None = None,
    on_step: Callable[[], None] | None = None,
) -> list[Image.Image]:
    """One image per recipe, sampled as one batch.

    The recipes differ in prompt, negative prompt and seed only (ValueError otherwise). `lora` is the adapter that they
    name; for recipes without one it is switched off. `on_step` is called after each sampler step and may raise to stop.
    Raises `ModelError` when the images come out as numbers that are none.
    """
    first = recipes[0]
    if any(_shared(recipe) != _shared(first) for recipe in recipes):
        raise ValueError("recipes of one batch may differ in prompt, negative and seed only")
    if len(first.adapters) > (lora is not None):
        raise ValueError(f"the recipe names {len(first.adapters)} adapters, but lora is {lora}")
    cond = _conditioning(model, first, [recipe.prompt for recipe in recipes])
    uncond = _conditioning(model, first, [recipe.negative for recipe in recipes]) if first.guidance != 1.0 else None
    scheduler: Any = model.scheduler(cast(Sampler, first.sampler))  # Any: diffusers' samplers share no interface
    set_timesteps(scheduler, first.steps, model.device)
    latents = _noise(model, recipes) * scheduler.init_noise_sigma  # (B, C, h, w)
    with _adapter(lora, first):
        for t in scheduler.timesteps:
            noisy = scheduler.scale_model_input(latents, t)
            prediction = _guided(model, noisy, t, cond, uncond, first, lora)
            latents = scheduler.step(prediction, t, latents, return_dict=False)[0]
            if on_step:
                on_step()
    return _to_images(model.decode_latents(latents))


def ensure_candidates(
    store: Store,
    model: DiffusionModel,
    recipes: Sequence[Recipe],
    *,
    lora: Lora | None,
    on_step: Callable[[], None],
) -> list[Candidate]:
    """A candidate per recipe: from the store when all images of the batch are intact, freshly sampled otherwise."""
    known = [store.find_candidate(recipe.key()) for recipe in recipes]
    found = [candidate for candidate in known if candidate and store.has_intact_image(candidate)]
    if len(found) == len(recipes):
        return found
    images = sample(model, recipes, lora=lora, on_step=on_step)
    return [store.add_candidate(image, recipe) for image, recipe in zip(images, recipes, strict=True)]


def run_generate(config: GenerateConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """The job `generate`: images for every prompt into the store, neighbours as pairs; then serve requests while warm.

    A stop keeps every finished image and ends in state stopped. Errors are `SdpoError`s; the caller reports them.
    """
    started = time.time()
    reporter.say(0, "Loading the model…", force=True)
    with Store(workspace) as store:
        job = _Job(run, store, reporter, load_configured(config))
        try:
            job.make(config)
            if config.keep_warm_s:
                job.serve(config, started)
        except Stopped:
            reporter.say(job.step, f"Stopped; {_pairs(job.made)} kept.", state="stopped", force=True)
            run.answer("stop")
        else:
            reporter.say(job.step, f"Made {_pairs(job.made)}. {job.note}".strip(), state="done", force=True)


@dataclass
class _Job:
    """The state of one `generate` job."""

    run: RunFolder
    store: Store
    reporter: Reporter
    model: DiffusionModel
    step: int = 0  # sampler steps so far, a batch counting once
    made: list[int] = field(default_factory=list)  # ids of the pairs, in the order of making
    note: str = ""  # what the person should know: notation without effect, an adapter of another base
    adapter: LoadedAdapter | None = None

    def make(self, config: GenerateConfig) -> None:
        """All images and pairs that `config` asks for; each pair is in the store as soon as it has both images.

        Raises `Stopped` between two sampler steps.
        """
        texts = prompt_note([*config.prompts, config.negative], tags_act=True)
        batches = math.ceil(config.candidates_per_prompt / _BATCH)
        self.reporter.total = self.step + len(config.prompts) * batches * config.sampling_steps
        notes = [texts]
        for i, prompt in enumerate(config.prompts):
            notes.append(self._prepare(config, prompt))
            self.note = " ".join(note for note in dict.fromkeys(notes) if note)
            neighbour: Candidate | None = None
            for recipes in self._batches(config, prompt, i):
                for candidate in self._draw(recipes, f"Drawing “{prompt}”. {self.note}".strip()):
                    if neighbour:
                        self.made.append(self.store.add_pair(neighbour.id, candidate.id, run_id=self.run.id).id)
                    neighbour = candidate

    def serve(self, config: GenerateConfig, started: float) -> None:
        """Answer requests in `control/` until none came for `keep_warm_s`, or a training run wants the memory.

        `started` (seconds since the epoch) is when this job began: a training run queued since then is waited for.
        """
        idle_since = time.monotonic()
        self.reporter.say(self.step, "Ready for more.", force=True)
        while time.monotonic() - idle_since < config.keep_warm_s and not self._training_waits(started):
            if self.reporter.stop_requested():
                raise Stopped
            request = next(self.run.requests(), None)
            if request is None:
                time.sleep(_POLL_S)
                continue
            self._answer(*request, config)
            self.reporter.say(self.step, "Ready for more.", force=True)
            idle_since = time.monotonic()

    def _answer(self, name: str, content: dict[str, Any], config: GenerateConfig) -> None:
        first = len(self.made)
        try:
            self.make(_requested(config, content))
        except Stopped:
            self.run.answer_request(name, {"pairs": self.made[first:]})
            raise
        except SdpoError as error:  # the person reads it where they asked; the job goes on serving
            self.run.answer_request(name, {"error": str(error)})
        else:
            self.run.answer_request(name, {"pairs": self.made[first:]})

    def _draw(self, recipes: list[Recipe], message: str) -> list[Candidate]:
        def tick(steps: int = 1) -> None:
            self.step += steps
            if self.reporter.stop_requested():
                raise Stopped
            self.reporter.say(self.step, message)

        tick(0)
        end = self.step + recipes[0].steps
        lora = self.adapter.lora if self.adapter else None
        drawn = ensure_candidates(self.store, self.model, recipes, lora=lora, on_step=tick)
        self.step = end  # also when the images were in the store already
        return drawn

    def _batches(self, config: GenerateConfig, prompt: str, index: int) -> list[list[Recipe]]:
        """The recipes of the `index`-th prompt's images, in batches of two."""
        count = config.candidates_per_prompt
        sizes = [min(_BATCH, count - start) for start in range(0, count, _BATCH)]
        adapters = (self.adapter.use,) if self.adapter else ()
        sampling = self.adapter.taught(config) if self.adapter else config
        seeds = iter(_seeds(config, index * count, count))
        return [
            [
                build_recipe(
                    self.model,
                    sampling,
                    prompt=prompt,
                    negative=config.negative,
                    seed=next(seeds),
                    batch=size,
                    adapters=adapters,
                )
                for _ in range(size)
            ]
            for size in sizes
        ]

    def _prepare(self, config: GenerateConfig, prompt: str) -> str:
        """Have exactly the adapter on the model that the settings name, or else the prompt's one <lora:…> tag.

        Returns what the person should know. The settings' adapter has to fit; a tag that was pasted in need not.
        """
        tags = parse_prompt(prompt).loras
        if config.adapter or len(tags) != 1:
            path = find_adapter_file(self.store, config.adapter) if config.adapter else None
            self._attach(path, config.strength, config)
            return " ".join(filter(None, (self.adapter.note if self.adapter else "", _ONE_ADAPTER if tags else "")))
        (tag,) = tags
        try:
            self._attach(find_adapter_file(self.store, tag.name), tag.strength, config)
        except AdapterError as error:
            self._attach(None, 0.0, config)
            return f"<lora:{tag.name}> has no effect: {error}"
        return self.adapter.note if self.adapter else ""

    def _attach(self, path: Path | None, strength: float, config: GenerateConfig) -> None:
        """Have the adapter in `path`, or none, on the model; one that is there already is kept."""
        branch = config.adapter_branch
        if path and self.adapter and self.adapter.use.sha256 == sha256_file(path):
            use = self.adapter.use.model_copy(update={"strength": strength, "branch": branch})
            self.adapter = replace(self.adapter, use=use)
            return
        if self.adapter:
            self.adapter.lora.remove()
            self.adapter = None
        if path:
            self.adapter = attach_adapter(self.model, path, strength=strength, branch=branch)

    def _training_waits(self, since: float) -> bool:
        runs = list_runs(self.run.path.parent, "train")
        return any(_touched(run) >= since and _unfinished(run) for run in runs)


def _requested(config: GenerateConfig, content: dict[str, Any]) -> GenerateConfig:
    """The warm job's settings with a request's own; prompts and seed are never inherited."""
    held = config.model_dump()
    for name in _FIXED_WHILE_WARM:
        if content.get(name, held[name]) != held[name]:
            raise ConfigError(
                f"This job stays warm with {name} = {held[name]!r}; {content[name]!r} needs a new job. Stop this one."
            )
    asked = GenerateConfig.parse({**held, "prompts": (), "seed": None, **content})
    if not asked.prompts:
        raise ConfigError("There is nothing to generate: the request's prompts are empty. Give at least one prompt.")
    return asked


def _seeds(config: GenerateConfig, first: int, count: int) -> list[int]:
    if config.seed is None:
        return [secrets.randbelow(_SEEDS) for _ in range(count)]
    return [(config.seed + first + i) % _SEEDS for i in range(count)]


def _pairs(made: list[int]) -> str:
    return "1 pair" if len(made) == 1 else f"{len(made)} pairs"


def _touched(run: RunFolder) -> float:
    try:
        return (run.path / "status.json").stat().st_mtime
    except FileNotFoundError:  # removed since it was listed
        return 0.0


def _unfinished(run: RunFolder) -> bool:
    try:
        return run.status().state in ("queued", "running", "stopping")
    except RunError:  # a broken run folder wants nothing
        return False


def _shared(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(exclude={"prompt", "negative", "seed"})


def _noise(model: DiffusionModel, recipes: Sequence[Recipe]) -> Tensor:
    """Standard normal latents (B, C, h, w) float32, each from its own seed, so a batch does not change an image."""
    shape = model.latent_shape(recipes[0].width_px)
    generators = [torch.Generator("cpu").manual_seed(recipe.seed) for recipe in recipes]
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators]).to(model.device)


def _conditioning(model: DiffusionModel, shared: Recipe, prompts: Sequence[str]) -> Conditioning:
    """The prompts', told to be of whole images of the recipe's size."""
    size = shared.height_px, shared.width_px
    return model.frame(model.encode_prompts(prompts, shared.clip_skip), [Frame(size, (0, 0), size)] * len(prompts))


def _adapter(lora: Lora | None, recipe: Recipe) -> AbstractContextManager[None]:
    """The adapter as `recipe` wants it: at its strength, or off."""
    if lora is None:
        return contextlib.nullcontext()
    return lora.at_strength(recipe.adapters[0].strength) if recipe.adapters else lora.off()


def _guided(
    model: DiffusionModel,
    noisy: Tensor,
    t: Tensor,
    cond: Conditioning,
    uncond: Conditioning | None,
    recipe: Recipe,
    lora: Lora | None,
) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598): ε_u + s·(ε_c − ε_u), (B, C, h, w); ε_c alone where s = 1."""
    size = noisy.shape[0]
    if uncond is None:
        return model.predict(noisy, t.expand(size), cond)
    if lora and recipe.adapters and recipe.adapters[0].branch == "conditional":
        with lora.off():
            without = model.predict(noisy, t.expand(size), uncond)
        with_prompt = model.predict(noisy, t.expand(size), cond)
    else:
        both = model.predict(torch.cat([noisy, noisy]), t.expand(2 * size), Conditioning.cat([uncond, cond]))
        without, with_prompt = both.chunk(2)
    return without + recipe.guidance * (with_prompt - without)


def _to_images(decoded: Tensor) -> list[Image.Image]:
    """8-bit images of (B, 3, H, W) in [-1, 1]; raises `ModelError` on NaN and infinities."""
    if not bool(decoded.isfinite().all()):
        raise ModelError(
            "The model produced numbers that are none (NaN or infinity) instead of an image. Lower the adapter's "
            "strength or the guidance, or choose another sampler."
        )
    pixels = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to("cpu", torch.uint8)  # (B, 3, H, W)
    return [Image.fromarray(np.ascontiguousarray(image)) for image in pixels.permute(0, 2, 3, 1).numpy()]


def _scheduler_json(model: DiffusionModel, sampler: Sampler) -> str:
    """Canonical JSON of the sampler's whole configuration; an infinite bound is written as text, as JSON has none."""
    scheduler: Any = model.scheduler(sampler)
    config = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in scheduler.config.items()
        if not name.startswith("_")
    }
    return json.dumps({**config, "class": type(scheduler).__name__}, sort_keys=True, allow_nan=False)
