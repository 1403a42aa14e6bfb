"""Recipe -> image: one function for generating, for previews while training, and for judging.

The same recipe twice gives the same bytes: the noise comes from a CPU generator in float32 whatever the device, and a
recipe names everything else that the arithmetic depends on.
"""

import contextlib
import itertools
import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sdpo_core.errors import ModelError
from sdpo_core.models.family import Conditioning, DiffusionModel, Frame, set_timesteps
from sdpo_core.models.lora import Lora
from sdpo_core.models.noise import initial_noise
from sdpo_core.runs.reporter import Reporter, Stopped
from sdpo_core.settings.sampling import Sampler, Sampling
from sdpo_core.workspace.records import AdapterUse, Candidate, Recipe
from sdpo_core.workspace.store import Store


def ticking(reporter: Reporter, first: int, message: str) -> Callable[[], None]:
    """Report step `first`, and give an `on_step` that reports those after it. Both raise `Stopped` once asked to."""
    steps = itertools.count(first)

    def tick() -> None:
        if reporter.stop_requested():
            raise Stopped
        reporter.say(next(steps), message)

    tick()
    return tick


def stoppable(reporter: Reporter) -> Callable[[], None]:
    """An `on_step` that says nothing and raises `Stopped` once asked to."""

    def look() -> None:
        if reporter.stop_requested():
            raise Stopped

    return look


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
    Raises `ModelError` when the images come out as NaN or infinity.
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
    known = [store.candidates.find(recipe.key()) for recipe in recipes]
    found = [candidate for candidate in known if candidate and store.images.intact(candidate.image_sha256)]
    if len(found) == len(recipes):
        return found
    images = sample(model, recipes, lora=lora, on_step=on_step)
    return [store.candidates.add(image, recipe) for image, recipe in zip(images, recipes, strict=True)]


def _shared(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(exclude={"prompt", "negative", "seed"})


def _noise(model: DiffusionModel, recipes: Sequence[Recipe]) -> Tensor:
    """Standard normal latents (B, C, h, w) float32, each from its own seed, so a batch does not change an image."""
    shape = model.latent_shape(recipes[0].width_px)
    return torch.stack([initial_noise(recipe.seed, shape) for recipe in recipes]).to(model.device)


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
    """Classifier-free guidance (arXiv 2207.12598): ε_u + s·(ε_c − ε_u), (B, C, h, w); ε_c alone where s = 1.

    Where the adapter has another strength in ε_u, the two are predicted one after the other.
    """
    size = noisy.shape[0]
    if uncond is None:
        return model.predict(noisy, t.expand(size), cond)
    use = recipe.adapters[0] if lora and recipe.adapters else None
    if lora and use and use.unconditional_share != 1:
        share = use.unconditional_share
        with lora.at_strength(share * use.strength) if share else lora.off():
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
            "The model produced NaN or infinity instead of an image. Lower the adapter's strength or the "
            "guidance, or choose another sampler."
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
